"""The embedded demo warehouse as a child process, once for the whole test session."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["demo", "demo_warehouse"]

_READY_S = 60.0
_STOP_S = 10.0


@contextmanager
def demo_warehouse() -> Iterator[dict[str, object]]:
    """Start it with its sample data; gives the arguments of a login, and ends it afterwards."""
    child = subprocess.Popen(
        [sys.executable, "-m", "snowflake_mcp.simulator", "--port", "0", "--sample"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    # A child that never says it is ready would otherwise hold the test run for ever.
    watchdog = threading.Timer(_READY_S, child.kill)
    watchdog.start()
    try:
        line = child.stdout.readline()
        watchdog.cancel()
        assert line, "the demo warehouse ended before it was ready"
        ready = json.loads(line)
        yield {
            "account": "demo",
            "user": "demo",
            "password": "demo",
            "host": ready["host"],
            "port": ready["port"],
            "protocol": "http",
            "database": "DEMO",
            "schema": "SALES",
            "warehouse": "DEMO_WH",
            "role": "DEMO_ROLE",
        }
    finally:
        watchdog.cancel()
        child.stdin.close()
        try:
            child.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait(_STOP_S)
        child.stdout.close()


@pytest.fixture(scope="session")
def demo() -> Iterator[dict[str, object]]:
    """Login arguments of a demo warehouse that runs as long as the tests do."""
    with demo_warehouse() as parameters:
        yield parameters
