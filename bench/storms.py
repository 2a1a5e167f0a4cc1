"""What do 200 calls at once do to logins: on an empty pool, and while logins fail?

python -m bench.storms [--calls 200]
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from bench.report import Table, percentile
from tests.support.agents import HttpAgent
from tests.support.server import Server, end_on_sigterm, serving
from tests.support.simulator import Endpoint, simulating

__all__ = ["main", "measure"]

_LIMIT_S: Final = 120.0
_LOGIN_PATH: Final = "/session/v1/login-request"
_WRONG_PASSWORD: Final = {
    "data": {},
    "code": "390100",
    "message": "Incorrect username or password was specified.",
    "success": False,
}


@dataclass(slots=True)
class _Storm:
    """How the calls of one storm were answered."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)


def measure(calls: int) -> Table:
    """A row for each storm."""
    made = Table(
        "Connect storms",
        f"{calls} HTTP clients call SELECT 1 at once on a server that has only just started. "
        "*Login requests* are those that the endpoint saw since the server started, the first one, "
        "which the server tries by itself, included; the connector repeats one that met a 503. "
        "*Calm* comes right after the first storm. A refusing endpoint answers 390100 to every "
        "login, a failing one HTTP 503; *again* is the same storm a second later.",
        ("storm", "answered", "failed", "p50 ms", "all answered ms", "login requests"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with simulating(folder) as endpoint:
            before = _session_number(endpoint)
            with serving(folder, "--no-demo", environ=endpoint.environ) as server:
                for label in ("empty pool", "calm"):
                    storm = asyncio.run(_storm(server, calls))
                    now = _session_number(endpoint)
                    # Each look opens a session, too.
                    _add(made, label, storm, now - before - 1)
                    before += 1
        for label, status in (("refused", 200), ("failing", 503)):
            with (
                _refusing(status) as (port, seen),
                serving(folder, "--no-demo", environ=Endpoint(port, 0).environ) as server,
            ):
                for again in ("", ", again"):
                    storm = asyncio.run(_storm(server, calls))
                    _add(made, f"{label}{again}", storm, seen[_LOGIN_PATH])
                    asyncio.run(asyncio.sleep(1.0))
    return made


async def _storm(server: Server, calls: int) -> _Storm:
    storm = _Storm()

    async def one(agent: HttpAgent) -> None:
        began = time.perf_counter()
        answer = await agent.call(1, "execute_query", {"query": "SELECT 1"})
        storm.times.append(time.perf_counter() - began)

        result: dict[str, Any] = answer["result"]
        if result.get("isError"):
            storm.outcomes[result["_meta"]["snowflake-mcp/failure"]["family"]] += 1
        else:
            storm.outcomes["ok"] += 1

    async with AsyncExitStack() as stack, asyncio.timeout(_LIMIT_S):
        agents = [
            await stack.enter_async_context(await HttpAgent.open(server.port)) for _ in range(calls)
        ]
        began = time.perf_counter()
        await asyncio.gather(*(one(agent) for agent in agents))
        storm.seconds = time.perf_counter() - began
    return storm


def _add(made: Table, label: str, storm: _Storm, logins: int) -> None:
    failed = {family: count for family, count in storm.outcomes.items() if family != "ok"}
    told = ", ".join(f"{count} {family}" for family, count in failed.items())
    made.add(
        label + (f" ({told})" if told else ""),
        len(storm.times),
        sum(failed.values()),
        percentile(storm.times, 50) * 1e3,
        storm.seconds * 1e3,
        logins,
    )


def _session_number(endpoint: Endpoint) -> int:
    """The number of a session opened now: the endpoint counts them, one for each login."""
    with closing(endpoint.connect()) as connection:
        return int(connection.session_id)


@contextmanager
def _refusing(status: int) -> Iterator[tuple[int, Counter[str]]]:
    """An endpoint that lets nobody in: its port, and how often each path was asked."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()
    body = json.dumps(_WRONG_PASSWORD).encode()

    class Refusal(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            with lock:
                seen[self.path.partition("?")[0]] += 1
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - their name
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Refusal)
    listening.daemon_threads = True
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield listening.server_address[1], seen
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200)
    print(measure(parser.parse_args().calls))


if __name__ == "__main__":
    main()
