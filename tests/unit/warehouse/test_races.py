"""F-08: however the end of a statement meets its cancel, there is one outcome and no leak."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

import msgspec
import pytest
from twisted.internet.defer import Deferred

from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    LimitSettings,
    PoolSettings,
)
from snowflake_mcp.ops.daemons import DaemonThreadPool
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Offer
from snowflake_mcp.tools import registry
from snowflake_mcp.warehouse import connect, queries
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.threads import Door, Threads
from tests.support.interleaving import FakeConnection, FakeSnowflake, Stage, SteppedReactor
from tests.unit.tools.fakes import FakeGate
from tests.unit.warehouse.conftest import FixedAccount

P = ParamSpec("P")
T = TypeVar("T")

ROUNDS = 125
LIMITS = LimitSettings(statement_timeout_s=20.0, answer_within_s=5.0, submitted_timeout_s=40.0)
FACTS = Facts(transport="websocket", principal=LOCAL, version="2025-11-25")


class Scene:
    """A kernel, the tools and a warehouse, over threads that move when they are told to."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.stage = Stage()
        self.snowflake = FakeSnowflake(self.stage)
        self.reactor = SteppedReactor(self.stage)
        self.warehouse = Warehouse(
            self.reactor,
            Accounts(FixedAccount({})),
            PoolSettings(max_statements=2, max_wait_s=5.0),
            Metrics(),
        )
        self.warehouse.start()
        config = Config(ConnectionSettings("test", Backend.SNOWFLAKE), limits=LIMITS)
        self.kernel = Kernel(
            clock=self.reactor,
            offer=Offer(registry.build_registry(self.warehouse, FakeGate(), config)),
            identity=ServerIdentity("snowflake-mcp", "Snowflake", "1", lambda _: ""),
            signers=Signers.of(b"k" * 32, 3600.0, self.reactor.seconds),
            request_timeout_s=lambda _: 30.0,
        )
        self.stopping: Deferred[None] | None = None
        self.answers: dict[int, list[dict[str, Any] | None]] = {}

    def call(self, number: int, name: str, **arguments: object) -> Call[Reply | None]:
        """Send tools/call; its one answer comes into ``answers``."""
        told = self.answers[number] = []
        params = {"name": name, "arguments": arguments}
        call = self.kernel.start(Request(number, "tools/call", params), FACTS, lambda data: None)
        call.reply.addCallback(
            lambda reply: told.append(
                None if reply is None else msgspec.json.decode(bytes(reply.body))
            )
        )
        return call

    def steps(self) -> list[Callable[[], object]]:
        """Everything that can happen next."""
        found: list[Callable[[], object]] = []
        for number, _ in self.stage.parked():
            found.append(lambda number=number: self.stage.move(number))  # type: ignore[misc]
        if self.reactor.posted:
            found.append(self.reactor.turn)
        if self.reactor.due:
            found.append(self.reactor.end_turn)
        return found

    def wander(self, most: int) -> None:
        """Let so many things happen, in any order."""
        for _ in range(most):
            choices = self.steps()
            if not choices:
                return
            self.chance.choice(choices)()

    def settle(self) -> None:
        """Let everything happen that can; time passes only when nothing else does."""
        for _ in range(2_000):
            choices = self.steps()
            # A statement that still runs is polled without end: let it be, now and then.
            if choices and self.chance.random() < 0.9:
                self.chance.choice(choices)()
            elif not self.idle():
                self.reactor.advance(1.0)
            else:
                return
        raise AssertionError(f"it does not end: {self.stage.parked()}, {self.warehouse.snapshot()}")

    def idle(self) -> bool:
        """Nothing is under way."""
        lane: Any = self.warehouse.snapshot()["lane"]
        busy = self.kernel.running or lane["running"] or lane["waiting"]
        return not (busy or self.steps())

    def act(self, way: str, call: Call[Reply | None], query: list[str]) -> None:
        """What a client, the clock or the operator does to a call."""
        if way in ("client", "disconnect", "timeout", "shutdown"):
            call.cancel(way)  # type: ignore[arg-type]
        elif way == "stop":
            self.stopping = Deferred.fromCoroutine(self.warehouse.stop(5.0))
        elif way == "hand over":
            self.reactor.advance(LIMITS.answer_within_s)
        elif way == "cancel_query" and query:
            self.call(2, "cancel_query", query_id=query[0])

    def end(self) -> None:
        """Let the threads go."""
        self.stage.free = True
        for number, _ in self.stage.parked():
            self.stage.move(number)
        if self.stopping is None:
            self.stopping = Deferred.fromCoroutine(self.warehouse.stop(5.0))
        for _ in range(100):
            while self.reactor.posted:
                self.reactor.turn()
            if self.stopping.called:
                break
            self.reactor.advance(0.1)
        assert self.stopping.called


@pytest.fixture(autouse=True)
def stepped(monkeypatch: pytest.MonkeyPatch) -> list[Scene]:
    """Every driver call of every thread becomes a step."""
    scenes: list[Scene] = []
    run = Threads.run
    give, bring = DaemonThreadPool.callInThreadWithCallback, Door.callFromThread

    def brought(self: Any, *call: Any) -> None:
        bring(self, *call)
        # Of its own scene: a thread of one that has ended may come back late.
        self._reactor.stage.leaving()

    def given(self: DaemonThreadPool, *errand: Any, **named: Any) -> None:
        scenes[-1].stage.entering()
        give(self, *errand, **named)

    def tracked(self: Threads, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Any:
        stage = scenes[-1].stage

        def stepping(*given: Any, **named: Any) -> T:
            stage.park("start")
            return job(*given, **named)

        return run(self, stepping, *args, **kwargs)

    def opened(*_: object) -> FakeConnection:
        scenes[-1].stage.park("log in")
        return FakeConnection(scenes[-1].snowflake)

    # Schemas are the costly part of a registry, and nobody asks for the list here.
    monkeypatch.setattr(registry, "wire_form", lambda tool, limits, seats: {"name": tool.name})
    monkeypatch.setattr(Threads, "run", tracked)
    monkeypatch.setattr(Door, "callFromThread", brought)
    monkeypatch.setattr(DaemonThreadPool, "callInThreadWithCallback", given)
    monkeypatch.setattr(connect, "open_session", opened)
    monkeypatch.setattr(connect, "close", lambda connection: connection.close())
    monkeypatch.setattr(queries, "_PAUSE_S", 0)
    return scenes


def play(scenes: list[Scene], way: str, seed: int) -> str:
    """One call that is met by one event at some moment; what it came to."""
    scene = Scene(seed)
    scenes.append(scene)
    tool = "submit_query" if seed % 3 == 0 else "execute_query"
    finishes = scene.chance.random() < 0.8
    call = scene.call(1, tool, query="select 1")
    scene.wander(scene.chance.randrange(0, 30))
    if finishes and scene.chance.random() < 0.5:
        scene.snowflake.finish_one()
        finishes = False
    scene.wander(scene.chance.randrange(0, 12))
    scene.act(way, call, list(scene.snowflake.states))
    scene.wander(scene.chance.randrange(0, 12))
    if finishes:
        scene.snowflake.finish_one()
    scene.settle()
    outcome = check(scene, way)
    scene.end()
    return outcome


def check(scene: Scene, way: str) -> str:
    """One answer at most, nothing left behind, and what was said is what is."""
    (answer,) = scene.answers[1]
    snapshot: Any = scene.warehouse.snapshot()
    assert (snapshot["lane"]["running"], snapshot["lane"]["waiting"]) == (0, 0)
    assert (snapshot["threads"]["busy"], snapshot["pool"]["leased"]) == (0, 0)
    assert snapshot["pool"]["opened"] == snapshot["pool"]["closed"] + snapshot["pool"]["idle"]
    assert not scene.warehouse._runs
    states = set(scene.snowflake.states.values())
    assert states <= {"SUCCESS", "ABORTED"}, states
    # As at a stop: the deadlines of calls have one timer, which outlives them.
    assert scene.kernel.drain().called
    # One is the pool's, the other may ring for nobody.
    timers = [str(timer) for timer in scene.reactor.getDelayedCalls()]
    assert [one for one in timers if "sweep" not in one and "Alarms._ring" not in one] == []
    assert len(scene.warehouse._means.alarms) == 0
    if answer is None:
        assert way in ("client", "disconnect")
        return "no answer"
    result = answer["result"]
    if result.get("isError"):
        return "failure"
    content: Mapping[str, Any] = result["structuredContent"]
    if content["state"] == "success":
        assert states == {"SUCCESS"}
        return "result"
    record = scene.warehouse._ledger.find(content["query_id"], ("snowflake-mcp", LOCAL.name))
    assert record is not None
    assert record.live is None
    known = {"success": "SUCCESS", "cancelled": "ABORTED"}.get(record.state)
    assert known in (None, scene.snowflake.states[content["query_id"]])
    return "handle"


@pytest.mark.parametrize(
    ("way", "early", "late"),
    [
        ("client", "no answer", "result"),
        ("disconnect", "no answer", "result"),
        ("timeout", "failure", "result"),
        ("shutdown", "failure", "result"),
        ("stop", "failure", "result"),
        ("hand over", "handle", "result"),
        ("cancel_query", "failure", "handle"),
        ("nothing", "result", "handle"),
    ],
)
def test_a_hundred_ways_in_which_an_end_and_an_event_can_meet(
    way: str, early: str, late: str, stepped: list[Scene]
) -> None:
    """Cancel, leave, time out, drain, stop, hand over, cancel_query: at every kind of moment.

    With eight ways that is a thousand; each is met early and late. One that fails is played
    again by its seed.
    """
    seen = Counter(play(stepped, way, seed) for seed in range(ROUNDS))
    assert seen.total() == ROUNDS
    assert seen[early]
    assert seen[late]
