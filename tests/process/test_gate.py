"""The gate's children as real processes: bombs, kill -9, SIGSTOP; the server lives and answers."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred

from snowflake_mcp.policy.gate import Gate
from snowflake_mcp.policy.judges import Judges
from snowflake_mcp.policy.terms import Terms
from tests.support.bombs import BOMBS
from tests.support.fault_record import Measured
from tests.support.processes import alive, command, descendants, until
from tests.support.server import Server, serving
from tests.support.stalls import Stalls
from tests.unit.tools.fakes import asynchronous

pytestmark = pytest.mark.process

_NUMBERS: Final = itertools.count()
_CALL: Final = "SELECT sales.core.f(1) FROM hr.core.t"
DENIED_WITHIN_S: Final = 1.2
BACK_WITHIN_S: Final = 0.3
STALL_S: Final = 0.060
_SLACK: Final = 4.0
"""Machines that run tests beside other work are slower than the promise."""


def _unjudged() -> dict[str, str]:
    """A query that no child has judged: a verdict that is remembered needs none."""
    return {"query": f"SELECT 41 + 1 AS ANSWER_{next(_NUMBERS)}"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose gate is warm and which has logged in."""
    with serving(tmp_path_factory.mktemp("server"), "--demo") as started:
        until(lambda: started.request("GET", "/health/ready").status == 200, 15, "it is ready")
        assert started.call("execute_query", _unjudged()).status == 200
        yield started


def _children(server: Server) -> list[int]:
    return [pid for pid in descendants(server.pid) if "snowflake_mcp.policy.child" in command(pid)]


def _gate(server: Server) -> dict[str, Any]:
    gate: dict[str, Any] = server.request("GET", "/status").json()["gate"]
    return gate


def _all_ready(server: Server) -> bool:
    gate = _gate(server)
    return bool(gate["ready"] == gate["children"])


@pytest.mark.fault("F-16", "ten texts that make parsers run for minutes")
@asynchronous
async def test_a_bomb_is_answered_in_time_and_stalls_nobody(measured: Measured) -> None:
    """Each gets a verdict within its second or is refused; the reactor goes on all the while."""
    from twisted.internet import reactor

    judges = Judges(reactor)  # type: ignore[arg-type]  # a module to mypy
    gate = Gate(judges)
    judges.startService()
    try:
        assert (await gate.judge("SELECT 1", Terms(65_536))).allowed
        for name, bomb in BOMBS.items():
            stalls = Stalls(reactor, 0.002)
            began = time.perf_counter()
            await gate.judge(bomb, Terms(65_536))
            taken = time.perf_counter() - began
            stalls.stop()
            measured("verdict", taken, bound=DENIED_WITHIN_S, slack=_SLACK, case=name)
            stalled_ms, bound_ms = stalls.worst_s * 1000, STALL_S * 1000
            measured("stall", stalled_ms, "ms", bound=bound_ms, slack=_SLACK, case=name)
        assert (await gate.judge("SELECT 2", Terms(65_536))).allowed
    finally:
        await maybeDeferred(judges.stopService)
    assert judges.pids == []


@asynchronous
async def test_the_same_children_judge_for_callers_of_different_terms() -> None:
    """However their texts take turns: each verdict is by the terms that came with its text."""
    from twisted.internet import reactor

    granted = Terms(65_536, frozenset({"udf"}), section="principals.a.policy")
    fenced = Terms(65_536, frozenset({"udf"}), ("SALES",), section="principals.b.policy")
    closed = Terms(65_536, section="principals.c.policy")
    terms = (granted, fenced, closed)
    judges = Judges(reactor)  # type: ignore[arg-type]  # a module to mypy
    gate = Gate(judges)
    judges.startService()
    try:
        asked = [Deferred.fromCoroutine(gate.judge(_CALL, terms[n % 3])) for n in range(60)]
        verdicts = await gatherResults(asked)
    finally:
        await maybeDeferred(judges.stopService)
    assert [verdict.allowed for verdict in verdicts] == [True, False, False] * 20
    told = [verdict.refusals[0].remedy for verdict in verdicts if verdict.refusals]
    assert all("principals.b.policy.allow_objects" in remedy for remedy in told[::2])
    assert all("principals.c.policy.capabilities" in remedy for remedy in told[1::2])


@pytest.mark.fault("F-16", "ten texts that make parsers run for minutes")
@pytest.mark.parametrize("name", BOMBS)
def test_the_server_lives_through_a_bomb(server: Server, name: str) -> None:
    """It answers whether it would run it, and goes on."""
    until(lambda: _all_ready(server), 5, "all children are ready")
    began = time.perf_counter()
    answer = server.call("check_sql", {"query": BOMBS[name]})
    assert time.perf_counter() - began < DENIED_WITHIN_S * _SLACK
    assert answer.status in {200, 503}, answer.body
    assert server.call("execute_query", _unjudged()).json()["result"]["rows"] == [[42]]


@pytest.mark.fault("F-40", "kill -9 of every child")
def test_a_killed_child_is_replaced(server: Server, measured: Measured) -> None:
    """Kill -9 of every child: the gate is back at once, and nothing else was touched."""
    until(lambda: _all_ready(server), 5, "all children are ready")
    before = _children(server)
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    began = time.monotonic()
    until(lambda: not set(_children(server)) & set(before), 5, "the killed ones are gone")
    until(lambda: _all_ready(server), BACK_WITHIN_S * _SLACK * 2, "the gate is back")
    taken = time.monotonic() - began
    measured("gate is back", taken, bound=BACK_WITHIN_S, slack=_SLACK * 2)
    assert server.call("execute_query", _unjudged()).json()["result"]["rows"] == [[42]]


@pytest.mark.fault("F-40", "SIGSTOP of every child")
def test_a_stopped_child_is_replaced(server: Server, measured: Measured) -> None:
    """SIGSTOP of every child: two texts are refused in time, and the next one is judged."""
    until(lambda: _all_ready(server), 5, "all children are ready")
    before = _children(server)
    for pid in before:
        os.kill(pid, signal.SIGSTOP)
    for _ in before:
        began = time.perf_counter()
        answer = server.call("execute_query", _unjudged())
        taken = time.perf_counter() - began
        measured("denied while stopped", taken, bound=DENIED_WITHIN_S, slack=_SLACK)
        if answer.status == 200:
            continue  # the first replacement was quicker than the second text
        assert answer.status == 503
        assert b"gate-unavailable" in answer.body
    assert server.call("execute_query", _unjudged()).json()["result"]["rows"] == [[42]]
    for pid in before:
        if alive(pid):  # it was never asked
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_child_leaves_signals_to_its_parent(server: Server, number: signal.Signals) -> None:
    """A signal to the whole group ends no child before the requests that need it."""
    until(lambda: _all_ready(server), 5, "all children are ready")
    before = _children(server)
    for pid in before:
        os.kill(pid, number)
    assert server.call("execute_query", _unjudged()).json()["result"]["rows"] == [[42]]
    assert _children(server) == before


def test_readiness_names_the_gate(server: Server) -> None:
    """An operator sees whether texts can be judged."""
    until(lambda: _all_ready(server), 5, "all children are ready")
    checks = server.request("GET", "/health/ready").json()["checks"]
    (gate,) = [check for check in checks if check["name"] == "gate"]
    assert gate["ok"]
    assert gate["detail"] == "2 of 2 ready, 0 waiting"


def test_no_child_outlives_the_server(tmp_path: Path) -> None:
    """Kill -9 of the server ends the children as well."""
    with serving(tmp_path, "--demo") as server:
        until(lambda: len(_children(server)) == 2, 5, "the children run")
        children = _children(server)
        server.signal(signal.SIGKILL)
        assert server.wait(5) == -signal.SIGKILL
        until(lambda: not any(map(alive, children)), 3, "the children have ended")


def _child(lines: bytes) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "snowflake_mcp.policy.child"],
        input=lines,
        env={"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        capture_output=True,
        timeout=20,
        check=False,
    )


def test_a_child_by_itself() -> None:
    """It answers line by line, each on its own terms, and ends with its input."""
    asked = [("SELECT f(1)", ["udf"]), ("SELECT f(1)", []), ("DROP TABLE t", ["udf"])]
    questions = (
        {"number": number, "sql": sql, "terms": {"max_sql_bytes": 200, "granted": granted}}
        for number, (sql, granted) in enumerate(asked, 7)
    )
    done = _child(b"".join(json.dumps(question).encode() + b"\n" for question in questions))
    ready, *answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert ready == {"type": "ready"}
    assert [answer["number"] for answer in answers] == [7, 8, 9]
    assert [answer["verdict"]["allowed"] for answer in answers] == [True, False, False]
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_child_without_a_parent_ends() -> None:
    """Nothing to read from the start is the end."""
    done = _child(b"")
    assert (done.returncode, done.stdout.count(b"\n")) == (0, 1)
