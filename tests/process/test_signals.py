"""Signals to the real process: a second stop is immediate, reload and reopen never kill."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.agents import WebSocketAgent
from tests.support.fault_record import Measured
from tests.support.processes import alive, until
from tests.support.server import (
    Server,
    clean_environ,
    free_port,
    kill_session,
    run_twistd,
    serving,
    stdio_command,
)
from tests.support.simulator import Endpoint, simulating

pytestmark = pytest.mark.process

GRANT = {"SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait"}
PROMISE_S = 2.0
SLOW_MACHINE_S = 0.5


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """An account outside the server, so that what became of a statement can be asked later."""
    with simulating(tmp_path_factory.mktemp("account")) as endpoint:
        yield endpoint


@pytest.mark.statements
@pytest.mark.fault("F-19", "the signal twice while a statement runs")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_is_immediate(
    account: Endpoint, tmp_path: Path, number: signal.Signals, measured: Measured
) -> None:
    """What runs is aborted in the account and the process is gone within two seconds."""
    with serving(tmp_path, "--no-demo", environ={**account.environ, **GRANT}) as server:
        assert server.call("execute_query", {"query": "SELECT 1"}).status == 200
        query = f"SELECT SYSTEM$WAIT({70 + number})"

        async def stop_twice() -> float:
            async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(30):
                call = asyncio.create_task(
                    agent.call(1, "execute_query", {"query": query}, stateless=True)
                )
                await asyncio.to_thread(_is, account, query, "RUNNING")
                server.signal(number)
                await asyncio.to_thread(until, lambda: _draining(server), 5, "it drains")
                began = time.monotonic()
                server.signal(signal.SIGTERM)
                assert await asyncio.to_thread(server.wait, 10) == -number
                seconds = time.monotonic() - began
                await asyncio.gather(call, return_exceptions=True)
                return seconds

        taken = asyncio.run(stop_twice())
        measured("gone after the second", taken, bound=PROMISE_S)
        _is(account, query, "ABORTED")
    assert "a second signal" in server.log_text
    assert "Traceback" not in server.log_text


@pytest.mark.statements
@pytest.mark.fault("F-19", "the same while the account is stopped with SIGSTOP")
def test_a_second_signal_while_the_account_is_silent(tmp_path: Path, measured: Measured) -> None:
    """Nobody confirms the abort and no thread comes back: the process is gone all the same."""
    (tmp_path / "account").mkdir()
    with simulating(tmp_path / "account") as silent:
        environ = {**silent.environ, **GRANT}
        with serving(tmp_path, "--no-demo", environ=environ) as server:
            assert server.call("execute_query", {"query": "SELECT 1"}).status == 200
            query = "SELECT SYSTEM$WAIT(90)"

            async def stop_twice() -> float:
                async with await WebSocketAgent.open(server.port) as agent, asyncio.timeout(30):
                    call = asyncio.create_task(
                        agent.call(1, "execute_query", {"query": query}, stateless=True)
                    )
                    await asyncio.to_thread(_is, silent, query, "RUNNING")
                    os.kill(silent.pid, signal.SIGSTOP)
                    server.signal(signal.SIGTERM)
                    await asyncio.to_thread(until, lambda: _draining(server), 5, "it drains")
                    began = time.monotonic()
                    server.signal(signal.SIGTERM)
                    assert await asyncio.to_thread(server.wait, 10) == -signal.SIGTERM
                    seconds = time.monotonic() - began
                    await asyncio.gather(call, return_exceptions=True)
                    return seconds

            taken = asyncio.run(stop_twice())
            slack = (PROMISE_S + SLOW_MACHINE_S) / PROMISE_S
            measured("gone while nobody confirms", taken, bound=PROMISE_S, slack=slack)
        assert "Traceback" not in server.log_text


@pytest.mark.fault("F-21", "SIGHUP and SIGUSR1 by the dozen")
def test_hangup_and_user_signal_do_not_kill(tmp_path: Path) -> None:
    """SIGHUP and SIGUSR1 by the dozen, and the server still answers on the same connection."""
    with serving(tmp_path, "--demo") as server:
        for _ in range(12):
            server.signal(signal.SIGHUP)
            server.signal(signal.SIGUSR1)
        until(lambda: "nothing in it has changed" in server.log_text, 5, "the reload is reported")
        assert server.answers()
    assert "Traceback" not in server.log_text


@pytest.mark.fault("F-21", "SIGHUP after changes of the configuration")
def test_a_reload_says_what_would_change(tmp_path: Path) -> None:
    """Settings by name, problems in full, never a secret; what is refused changes nothing."""
    config = tmp_path / "config.toml"
    config.write_text("[limits]\nmax_rows = 7\n")
    with serving(tmp_path, "--demo", "--config", str(config)) as server:
        config.write_text("[limits]\nmax_rows = 8\n[http]\nhost = '::1'\n")
        server.signal(signal.SIGHUP)
        line = "reload: not applied, restart needed: http.host"
        until(lambda: line in server.log_text, 5, "the names are reported")
        assert "reload: applied: limits.max_rows" in server.log_text

        config.write_text('[limits]\nmax_rows = "many"\npassword = "hunter2"\n')
        server.signal(signal.SIGHUP)
        until(lambda: "reload refused" in server.log_text, 5, "the problems are reported")
        assert "limits.max_rows: must be a whole number" in server.log_text
        asked = server.call("execute_query", {"query": "SELECT 1", "limit": 9})
        assert "expected at most 8" in asked.body.decode()

        config.unlink()
        server.signal(signal.SIGHUP)
        until(lambda: "cannot be read" in server.log_text, 5, "the missing file is reported")
        assert server.answers()
    assert "hunter2" not in server.log_text
    assert "Traceback" not in server.log_text


def test_a_daemon_removes_its_pid_file_even_in_a_hurry(tmp_path: Path) -> None:
    """The second signal ends a daemon as cleanly as the first; SIGHUP had not ended it."""
    port, pid_file, log = free_port(), tmp_path / "d.pid", tmp_path / "d.log"
    options = ["--pidfile", str(pid_file), "--logfile", str(log), "snowflake-mcp", "--demo"]
    started = run_twistd(tmp_path, *options, "--port", str(port), environ=GRANT)
    assert started.returncode == 0, started.stderr
    pid = int(pid_file.read_text())
    try:
        until(lambda: "listening on" in log.read_text(), 20, "the daemon serves")
        os.kill(pid, signal.SIGHUP)
        os.kill(pid, signal.SIGUSR1)
        until(lambda: "nothing in it has changed" in _logs(tmp_path), 5, "the reload is reported")
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), 3, "the daemon has ended")
    finally:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    assert not pid_file.exists()
    assert "Traceback" not in _logs(tmp_path)


def test_stdio_hears_the_same_signals(tmp_path: Path) -> None:
    """Over standard streams SIGHUP does not kill, and a second SIGTERM is immediate."""
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(
        [*stdio_command(), "--demo"],
        cwd=tmp_path,
        env=clean_environ(tmp_path, {"SNOWFLAKE_MCP_LIMITS_DRAIN_S": "60"}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        until(lambda: "reachable" in (tmp_path / "log").read_text(), 20, "it has started")
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        process.stdin.write(b"no message\n")
        process.stdin.flush()
        assert b"error" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PROMISE_S + 1) in (0, 143)
    finally:
        for pipe in (process.stdin, process.stdout, log):
            assert pipe is not None
            pipe.close()
        assert kill_session(process) == []
    assert "nothing in it has changed" in (tmp_path / "log").read_text()


def _logs(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("d.log*"))


def _draining(server: Server) -> bool:
    return "waiting for 1 requests to finish" in server.log_text


def _is(account: Endpoint, query: str, state: str) -> None:
    until(lambda: account.states(query) == [state], 10, f"{query} is {state}")
