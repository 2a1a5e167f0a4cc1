"""Requests to the service in the container, one by one and as a load."""

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

__all__ = ["Load", "answered", "ask", "call", "query", "under_load"]

PORT: Final = 8000
"""Of ``snowflake-mcp.socket``; the container has this machine's network."""
_LIMIT_S: Final = 40.0
_PAUSE_S: Final = 0.01
_QUERY: Final = "SELECT COUNT(*) AS n FROM demo.sales.orders"


def ask(method: str, path: str, body: Any = None, within_s: float = _LIMIT_S) -> tuple[int, bytes]:
    """Status and body of one request on a new connection.

    Raises:
        OSError: there is no answer.
    """
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=within_s)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()


def call(tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a tool over REST.

    Raises:
        AssertionError: it is not a good one.
        OSError: there is none.
    """
    status, body = ask("POST", "/mcp/tools/call", {"name": tool, "arguments": arguments})
    assert status == 200, f"{tool}: {status} {body[:500]!r}"
    found: dict[str, Any] = json.loads(body)
    assert not found.get("isError"), body[:500]
    return found


def query() -> dict[str, Any]:
    """A statement that the account has to run; see ``call``."""
    return call("execute_query", {"query": _QUERY})


def answered(path: str) -> bool:
    """Whether a GET is answered with 200 now."""
    try:
        return ask("GET", path, within_s=5.0)[0] == 200
    except OSError:
        return False


class Load:
    """Queries on new connections from several threads, until told to end."""

    def __init__(self, clients: int) -> None:
        self.good: list[float] = []
        """How long each took, in seconds."""
        self.bad: list[str] = []
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._go_on) for _ in range(clients)]

    def begin(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Let each finish its query."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def __str__(self) -> str:
        total = len(self.good) + len(self.bad)
        return (
            f"{len(self.good)} of {total} queries answered, "
            f"the slowest after {max(self.good, default=0.0):.1f} s"
        )

    def _go_on(self) -> None:
        while not self._ended.wait(_PAUSE_S):
            began = time.monotonic()
            try:
                query()
            except (AssertionError, OSError) as error:
                self.bad.append(repr(error)[:300])
            else:
                self.good.append(time.monotonic() - began)


@contextmanager
def under_load(clients: int) -> Iterator[Load]:
    """A load inside ``with``."""
    load = Load(clients)
    load.begin()
    try:
        yield load
    finally:
        load.end()
