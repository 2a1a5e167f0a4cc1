"""A warehouse and a gate that answer from memory, and a request to call tools with."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ParamSpec, TypeVar, cast

import jsonschema  # type: ignore[import-untyped]  # it has no types
import msgspec
import pytest_twisted
from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from snowflake_mcp.charts.lines import Answer as Drawn
from snowflake_mcp.charts.lines import Facts as Shown
from snowflake_mcp.charts.lines import Question
from snowflake_mcp.charts.painter import Unpaintable
from snowflake_mcp.config.charts import ChartSettings
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    LimitSettings,
    PolicySettings,
)
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.policy.measured import Judge
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import NO_OBJECTS, Objects, Refusal, Verdict
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.pieces import encode
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.handles import Asking, Past
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue, Outcome
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = [
    "FakeGate",
    "FakePainter",
    "FakeWarehouse",
    "Reply",
    "asynchronous",
    "body",
    "check_schema",
    "columns",
    "conforming",
    "context",
    "registry",
    "shown",
]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Reply:
    """A result that the fake warehouse gives."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[JsonValue]] = ()
    total: int | None = None
    """Rows Snowflake would report; the rows given unless said otherwise."""


def columns(*names: str) -> list[Column]:
    """Text columns of these names."""
    return [Column(name, "VARCHAR(16777216)", True) for name in names]


class FakeHandles:
    """Tells what it was given to tell; keeps what it was asked."""

    def __init__(self, warehouse: "FakeWarehouse") -> None:
        self._warehouse = warehouse
        self.stands: Standing | Exception = Standing("01b0-1", "running", 3.0)
        self.asked: list[tuple[object, ...]] = []
        self.past: list[Past] = []

    def history_schema(self, principal: Principal, wish: Wish = NO_WISH) -> str:
        """That of a session with a database."""
        return "INFORMATION_SCHEMA"

    def recent(self, asking: Asking, since: float, most: int) -> list[Past]:
        """What it was given."""
        self.asked.append(("recent", asking.principal, since))
        return self.past[:most]

    async def standing(self, query_id: str, asking: Asking, wait_s: float = 0.0) -> Standing:
        """What it was given."""
        self.asked.append(("standing", query_id, asking.principal, wait_s))
        if isinstance(self.stands, Exception):
            raise self.stands
        return self.stands

    async def place(self, query_id: str, asking: Asking) -> Wish:
        """The caller's own seat, or what it was given."""
        if isinstance(self.stands, Exception):
            raise self.stands
        return self.stands.wish

    async def cancel(self, query_id: str, asking: Asking) -> Standing:
        """What it was given."""
        self.asked.append(("cancel", query_id, asking.principal))
        if isinstance(self.stands, Exception):
            raise self.stands
        return self.stands

    async def read(
        self, query_id: str, asking: Asking, job: Job, collector: Collector[T], wait_s: float
    ) -> Outcome[T]:
        """The reply to the statement ``query_id``, if that has ended well."""
        standing = await self.standing(query_id, asking, wait_s)
        if standing.state != "success":
            raise StillRunningError(standing)
        return await self._warehouse.run(msgspec.structs.replace(job, sql=query_id), collector)


class FakeWarehouse:
    """Answers statements from a table of prefixes; keeps the jobs that it was given."""

    def __init__(self, replies: Mapping[str, Reply | Exception]) -> None:
        self.replies = dict(replies)
        self.jobs: list[Job] = []
        self.handles = FakeHandles(self)
        self.during: Callable[[Job], None] = lambda job: None

    @property
    def sql(self) -> list[str]:
        """The statements so far."""
        return [job.sql for job in self.jobs]

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """One of each caller's own: nobody shares what is kept."""
        connection = ConnectionSettings("finance", Backend.SNOWFLAKE)
        return Seat(connection.name, principal.name, None, connection)

    def aside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """At once."""
        return execute(job, *args, **kwargs)

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Feed the reply to the collector in slices, as the warehouse does."""
        self.jobs.append(job)
        self.during(job)
        reply = next(reply for prefix, reply in self.replies.items() if job.sql.startswith(prefix))
        if isinstance(reply, Exception):
            raise reply
        collector.begin(reply.columns)
        given = reply.rows[job.offset :][: job.max_rows]
        cut: Any = "rows" if len(reply.rows) > job.offset + job.max_rows else None
        rows = 0
        for start in range(0, len(given), 500):
            part = given[start : start + 500]
            rows += len(part)
            if not collector.add(part):
                cut = "collector"
                break
        return Outcome(
            query_id=f"01b0-{len(self.jobs)}",
            columns=tuple(reply.columns),
            rows=rows,
            total_rows=len(reply.rows) if reply.total is None else reply.total,
            cut=cut,
            elapsed_s=0.0124,
            value=collector.finish(),
        )


class FakePainter:
    """Keeps what it was to draw."""

    def __init__(self, problem: Unpaintable | None = None, **facts: Any) -> None:
        self.settings = ChartSettings()
        self.asked: list[Question] = []
        self.problem = problem
        self.facts = Shown(**{"points": 3, **facts})

    async def paint(self, question: Question, owner: str = "") -> Drawn:
        """A picture of nothing."""
        self.asked.append(question)
        if self.problem is not None:
            raise self.problem
        return Drawn(1, "aGk=" if self.facts.points else "", self.facts)


@dataclass
class FakeGate:
    """Allows everything, or refuses with what it was given."""

    refusals: tuple[Refusal, ...] = ()
    kind: str = "select"
    capabilities: frozenset[str] = frozenset()
    objects: Objects = NO_OBJECTS
    tier: Tier = Tier.READ
    results: tuple[str, ...] = ()
    seen: list[str] = field(default_factory=list)
    situations: list[Situation] = field(default_factory=list)
    terms: list[Terms] = field(default_factory=list)

    async def judge(self, sql: str, terms: Terms, situation: Situation, owner: str = "") -> Verdict:
        """The verdict; what is sent is marked so that a test can tell it from what came."""
        self.seen.append(sql)
        self.terms.append(terms)
        self.situations.append(situation)
        allowed = not self.refusals
        return Verdict(
            allowed=allowed,
            kind=self.kind if allowed else "unknown",
            sql=f"/*judged*/ {sql}" if allowed else "",
            capabilities=self.capabilities,
            refusals=self.refusals,
            objects=self.objects,
            tier=self.tier,
            results=self.results if allowed else (),
        )


def context(*, remaining_s: float = 60.0, **changes: Any) -> RequestContext:
    """A request of a local client."""
    facts = Facts(transport="http", principal=LOCAL, version="2026-07-28", client="probe/1")
    made = RequestContext(
        facts=facts,
        request_id="r-1",
        method="tools/call",
        clock=Clock(),
        deadline=remaining_s,
        send=lambda data: None,
    )
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def registry(
    replies: Mapping[str, Reply | Exception] | None = None,
    *,
    gate: Judge | None = None,
    limits: LimitSettings | None = None,
    backend: Backend = Backend.SNOWFLAKE,
    parameters: Mapping[str, str] | None = None,
    policy: PolicySettings | None = None,
    ledger: Ledger | None = None,
) -> tuple[Registry, FakeWarehouse]:
    """All tools over a fake warehouse."""
    warehouse = FakeWarehouse(replies or {})
    connection = ConnectionSettings(
        "finance", backend, parameters=MappingProxyType(dict(parameters or {}))
    )
    config = Config(connection, limits=limits or LimitSettings(), policy=policy or PolicySettings())
    painter = FakePainter()
    return build_registry(warehouse, gate or FakeGate(), config, ledger, painter=painter), warehouse


def asynchronous(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, object]:
    """Run an ``async def`` test on the reactor; typed, which the plugin's decorator is not."""
    return cast(Callable[P, object], pytest_twisted.ensureDeferred(test))


def check_schema(schema: Mapping[str, Any]) -> None:
    """The schema is itself valid JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema)


def conforming(tools: Registry, name: str, result: ToolResult) -> dict[str, Any]:
    """The structured content, proven to conform to the tool's output schema and to be whole."""
    answer = body(result)
    schema = next(tool for tool in tools.describe(LOCAL) if tool["name"] == name)["outputSchema"]
    jsonschema.validate(answer, schema, jsonschema.Draft202012Validator)
    own = set(schema["properties"])
    assert own <= set(answer)
    assert set(answer) - own <= set(Answer.__struct_fields__)
    return answer


def body(result: ToolResult) -> dict[str, Any]:
    """The structured content as a client reads it."""
    assert result.structured is not None
    decoded: dict[str, Any] = json.loads(bytes(encode(result.structured)))
    return decoded


def shown(result: ToolResult) -> str:
    """The text as a client reads it."""
    assert result.text is not None
    text = result.text if isinstance(result.text, str) else json.loads(bytes(result.text))
    assert isinstance(text, str)
    return text
