"""The embedded Snowflake-compatible endpoint by itself, as a real account would stand apart."""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.support.server import clean_environ, http_request

__all__ = ["Endpoint", "simulating"]

_READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where it listens."""

    port: int
    pid: int

    @property
    def environ(self) -> dict[str, str]:
        """What makes a server take it for a Snowflake account."""
        return {
            "SNOWFLAKE_ACCOUNT": "local",
            "SNOWFLAKE_USER": "tester",
            "SNOWFLAKE_PASSWORD": "unchecked",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(self.port),
            "SNOWFLAKE_PROTOCOL": "http",
            "SNOWFLAKE_DATABASE": "DEMO",
            "SNOWFLAKE_SCHEMA": "SALES",
            "SNOWFLAKE_WAREHOUSE": "DEMO_WH",
            "SNOWFLAKE_ROLE": "DEMO_ROLE",
        }

    def connect(self) -> Any:
        """A connection of the real connector, past the server; blocks."""
        # Otherwise it looks for the metadata services of three clouds, which may take long.
        os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        from snowflake import connector

        return connector.connect(
            account="local",
            user="tester",
            password="unchecked",
            host="127.0.0.1",
            port=self.port,
            protocol="http",
            database="DEMO",
            schema="SALES",
            # Said out loud, because connector 5 warns about its default.
            enable_server_session_keep_alive_auto_detection=False,
        )

    def states(self, fragment: str) -> list[str]:
        """EXECUTION_STATUS of the statements whose text has ``fragment``, newest first; blocks."""
        return [state for state, _ in self.history(fragment)]

    def history(self, fragment: str) -> list[tuple[str, datetime | None]]:
        """Status and end of the statements whose text has ``fragment``, newest first; blocks."""
        # Without a limit of its own it gives 100, and whoever polls it fills it.
        history = "TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(f"SELECT QUERY_TEXT, EXECUTION_STATUS, END_TIME FROM {history}")
            rows = cursor.fetchall()
        return [
            (state, end) for text, state, end in rows if fragment in text and history not in text
        ]

    def fault(
        self, path: str, do: Mapping[str, object], *, times: int | None = None, **on: object
    ) -> None:
        """Let requests of that kind go wrong from now on, all or so many of them."""
        rule = {"on": {"path": path, **on}, "do": dict(do), "times": times}
        answer = http_request(self.port, "POST", "/__faults", rule)
        assert answer.status == 200, answer.body

    def seen(self) -> Any:
        """What it counted since it was last mended: requests, logins, aborts, rules, ..."""
        return http_request(self.port, "GET", "/__faults").json()

    def mend(self) -> None:
        """Forget every fault and every count."""
        assert http_request(self.port, "DELETE", "/__faults").status == 200


@contextmanager
def simulating(
    folder: Path, *options: str, port: int = 0, environ: Mapping[str, str] | None = None
) -> Iterator[Endpoint]:
    """The endpoint with the sample data in a process of its own."""
    command = [sys.executable, "-m", "snowflake_mcp.simulator", "--port", str(port), "--sample"]
    with (folder / "simulator.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *options],
            cwd=folder,
            env=clean_environ(folder, environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        yield Endpoint(json.loads(_first_line(process))["port"], process.pid)
    finally:
        process.kill()
        process.communicate(timeout=10)


def _first_line(process: "subprocess.Popen[bytes]") -> bytes:
    assert process.stdout is not None
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(_READY_S):
                raise AssertionError("the simulator is not ready in time")
            read = os.read(process.stdout.fileno(), 4096)
            if not read:
                raise AssertionError(f"the simulator ended with {process.wait(5)}")
            line += read
    return line
