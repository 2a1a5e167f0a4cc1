"""The process: it ends when it should, and is kept alive by its service."""

import os
import signal
import time

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from snowflake_mcp.config.model import Backend
from snowflake_mcp.simulator.available import demo_problem
from snowflake_mcp.simulator.child import DemoUnavailable, DemoWarehouse
from tests.unit.simulator.conftest import WAIT_S, Wire, ready_port, start_simulator


@pytest.mark.parametrize("way", ["stdin", "SIGTERM"])
def test_it_ends_at_once_even_while_a_query_runs(way: str) -> None:
    """End of input and SIGTERM both end the process, a computing statement or not."""
    process = start_simulator()
    try:
        wire = Wire(ready_port(process))
        wire.login()
        numbers = "table(generator(rowcount => 900000))"
        heavy = f"select count(*) from {numbers} a, {numbers} b where a.range + b.range = -1"
        wire.query(heavy, asyncExec=True)
        started = time.monotonic()
        assert process.stdin is not None
        if way == "stdin":
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(WAIT_S) == 0
        assert time.monotonic() - started < 1.0
    finally:
        process.kill()
        process.wait(WAIT_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def test_a_child_leaves_signals_to_its_parent() -> None:
    """Ctrl-C in a terminal reaches the whole group; a draining server still needs its child."""
    process = start_simulator("--child")
    try:
        port = ready_port(process)
        process.send_signal(signal.SIGINT)
        process.terminate()
        Wire(port).login()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.wait(WAIT_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_a_dead_child_is_started_again_at_the_same_place() -> None:
    """The service gives the address of the new child; stopping it leaves nothing behind."""
    service = DemoWarehouse(reactor, sample=False)  # type: ignore[arg-type]
    assert (service.settings.name, service.settings.backend) == ("demo", Backend.DEMO)
    service.startService()
    try:
        first = await service.parameters()
        wire = Wire(int(str(first["port"])))
        child = service.pid
        assert child is not None
        os.kill(child, signal.SIGKILL)
        while service.snapshot()["state"] == "ready":
            await deferLater(reactor, 0.01)
        again = await service.parameters()
        assert again == first
        assert service.snapshot()["restarts"] == 1
        answer = wire.send("POST", "/session/v1/login-request", {"data": {"PASSWORD": "wrong"}})
        assert answer["code"] == "390100"
        assert wire.raw("GET", "/__faults")[0] == 404
    finally:
        ended = service.stopService()
        assert ended is not None
        await ended
    assert service.pid is None
    with pytest.raises(DemoUnavailable):
        await service.parameters()


def test_the_demo_can_run_here() -> None:
    """Nothing is missing in the test environment."""
    assert demo_problem() is None


def test_a_missing_package_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install."""
    monkeypatch.setattr("snowflake_mcp.simulator.available.find_spec", lambda name: None)
    problem = demo_problem()
    assert problem is not None
    assert 'pip install "snowflake-mcp-server[demo]"' in problem
