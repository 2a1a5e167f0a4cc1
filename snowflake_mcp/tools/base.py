"""What a tool is, and one call of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.policy.terms import Situation
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tasks import Handle
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.allowing import used_up
from snowflake_mcp.tools.arguments import Arguments
from snowflake_mcp.tools.backing import Backing
from snowflake_mcp.tools.layouts import Format
from snowflake_mcp.tools.names import stored
from snowflake_mcp.tools.render import Budget, RowsCollector
from snowflake_mcp.tools.trails import note_state, note_statement, note_verdict
from snowflake_mcp.version import SERVER_NAME
from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.handles import Asking
from snowflake_mcp.warehouse.identifiers import shown
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.visible import plain

__all__ = ["Call", "Effect", "RowLimit", "Tool"]

T = TypeVar("T")
ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)

_MARGIN_S: Final = 1.0
"""Kept of the request's time for aborting the statement and for the answer itself."""


@dataclass(frozen=True, slots=True)
class RowLimit:
    """The bounds of a tool's ``limit`` argument."""

    default: int | None = None
    """``None``: the setting ``limits.default_rows``."""
    maximum: int | None = None
    """``None``: the setting ``limits.max_rows``."""

    def within(self, limits: LimitSettings) -> tuple[int, int]:
        """Default and maximum under these settings."""
        most = self.maximum or limits.max_rows
        return min(self.default or limits.default_rows, most), most


Effect: TypeAlias = Literal["reads", "ends", "writes"]
"""What a tool does to Snowflake: nothing, ends a statement, or changes data or objects."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[ArgumentsT]):
    """One tool: everything that the list shows and that a call needs."""

    name: str
    title: str
    description: str
    arguments: type[ArgumentsT]
    answer: type[msgspec.Struct]
    run: "Callable[[ArgumentsT, Call], Awaitable[ToolResult]]"
    row_limit: RowLimit | None = None
    """Bounds of the argument ``limit`` where the tool has one."""
    effect: Effect = "reads"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What counts for an argument that is left out, where the schema is to say it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool while it runs; reactor thread only."""

    backing: Backing
    context: RequestContext
    tool: str
    row_limit: RowLimit | None = None
    still_counts: Callable[[], bool] = lambda: True
    """Whether the settings of the backing are still those of the caller."""

    @property
    def tier(self) -> Tier:
        """How far the caller's statements may go."""
        return self.backing.tier

    @property
    def rows_collector(self) -> RowsCollector:
        """What collects any result for the caller, within its bounds and with its masks."""
        return self.collector()

    def collector(self, layout: Format = "table") -> RowsCollector:
        """The same, with the rows of the text in this form."""
        return RowsCollector(Budget.of(self.backing.limits), self.backing.masks, layout)

    def seconds(self, timeout_s: int | None) -> float | None:
        """The time that a caller gives its statement, from the argument ``timeout_s``.

        Raises:
            ToolFailure: more than the setting allows.
        """
        most = self.backing.limits.statement_timeout_s
        if timeout_s is not None and timeout_s > most:
            raise ToolFailure(
                Family.INVALID_ARGUMENT,
                f"timeout_s: expected at most {most:g}, got {timeout_s:.15g}.",
                "Leave it out for the longest, or use submit_query for what takes longer.",
            )
        return timeout_s

    def rows(self, limit: int | None) -> int:
        """Rows to ask for, from the argument ``limit``.

        Raises:
            ToolFailure: more than the setting allows.
        """
        default, most = (self.row_limit or RowLimit()).within(self.backing.limits)
        if limit is None:
            return default
        if limit > most:
            got = str(limit) if limit < 10**15 else "a larger one"
            raise ToolFailure(
                Family.INVALID_ARGUMENT,
                f"limit: expected at most {most}, got {got}.",
                f"Ask for at most {most} rows; filter or aggregate in SQL to need fewer.",
            )
        return limit

    def schema_in(self, database: str, given: str | None) -> str:
        """The schema as stored: the one given, or the connection's default for the database.

        Raises:
            ToolFailure: none was given and the connection has no default for this database.
        """
        if given is not None:
            return stored(given, "schema")
        default_database, default_schema = self._defaults()
        if default_schema is not None and default_database == database:
            return default_schema
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            "schema: the connection has no default schema for this database.",
            "Give the argument schema; list_schemas(database) shows which there are.",
        )

    def seen(self, *names: str) -> None:
        """Check that the rules let what is at these stored names be seen, or something in it.

        Raises:
            ToolFailure: they do not.
        """
        if names:
            self.context.trail.named([".".join(map(shown, names))])
        if not self.backing.rules.shows(names):
            raise ToolFailure(
                Family.REFUSED,
                f"{plain('.'.join(map(shown, names)), 800)} is not among the objects that may be "
                "used.",
                f"The operator sets {self.backing.setting('allow_objects')} and "
                f"{self.backing.setting('deny_objects')}; list_databases, list_schemas, "
                "list_tables and list_views show what may be used.",
                details={"rule": "object-denied"},
            )

    def situation(
        self, database: str | None, schema: str | None, tier: Tier = Tier.READ
    ) -> Situation:
        """Where the session of a statement with these stored names stands, and how far it may go.

        A database without a schema leaves the schema open: the login decides it.
        """
        if database is None:
            default_database, default_schema = self._defaults()
            database, schema = default_database, schema or default_schema
        return Situation(database, schema, tier)

    def _defaults(self) -> tuple[str | None, str | None]:
        parameters = self.backing.connection.parameters
        names = (parameters.get("database"), parameters.get("schema"))
        database, schema = (
            stored(name, "connection") if isinstance(name, str) and name else None for name in names
        )
        return database, schema

    async def judge(self, sql: str, situation: Situation) -> Verdict:
        """What the gate says of a statement that an agent wrote, on the terms of the caller.

        Raises:
            CancelledError: the request was cancelled.
        """
        owner = self.context.facts.principal.name
        verdict = await self.backing.parts.gate.judge(sql, self.backing.terms, situation, owner)
        note_verdict(self.context.trail, verdict, sql)
        return verdict

    async def run(
        self,
        sql: str,
        collector: Collector[T],
        *,
        max_rows: int,
        database: str | None = None,
        schema: str | None = None,
        missing: str = "",
        task_arguments: Mapping[str, Any] | None = None,
        handle_after_s: float | None = None,
        kept_rows: int | None = None,
        once: bool = False,
        timeout_s: float | None = None,
    ) -> Outcome[T]:
        """Run a statement for this call, or take one up again where the call is a resumed task.

        ``task_arguments``: the call may go on as a task when it takes long, and may be taken up
        again in another process with these arguments of its tool.

        ``handle_after_s``: a call that takes longer, and has not become a task, ends with
        StillRunningError, and its statement goes on; 0: as soon as Snowflake has it. A caller
        without the tools for handles waits to the end instead.
        ``kept_rows``: rows of the result to keep for reading later, instead of those asked for.
        ``timeout_s``: it is aborted past it, where that is sooner than the settings say.
        ``once``: it is never sent a second time, whatever happens to its session.

        ``missing`` is the hint for the case that Snowflake does not know a name in it: the tool
        knows better than the warehouse which names were looked up, and how to find others.

        Raises:
            ToolFailure: Snowflake or the way to it failed, or an allowance is used up.
            StillRunningError: see ``handle_after_s``.
            CancelledError: the request was cancelled and the statement aborted.
        """
        backing = self.backing
        principal = self.context.facts.principal.name
        ledger = backing.parts.ledger
        if spent := ledger.exhausted(principal, backing.allowances):
            raise used_up(spent, backing)
        submits = handle_after_s == 0
        if not submits and not backing.gives_handles:
            handle_after_s = None
        ledger.use(principal, statements=1)
        meter = ledger.meter(principal, self.context.clock.seconds)

        def ended(query_id: str | None, state: str) -> None:
            meter.stop()
            self.context.trail.ended(query_id, state)

        note_statement(self.context.trail, self.backing, sql)
        job = Job(
            sql=sql,
            principal=self.context.facts.principal,
            max_rows=max_rows,
            timeout_s=backing.limits.submitted_timeout_s if submits else self._timeout_s(timeout_s),
            database=database,
            schema=schema,
            tag=self._tag(),
            on_progress=lambda status, elapsed_s: self._report(status, elapsed_s, task_arguments),
            on_query=self._sent,
            on_end=ended,
            resumes=self.context.resumes,
            keep=self._outlives_us,
            answer_within_s=handle_after_s,
            waits=lambda: not submits and self._is_task(task_arguments),
            kept_rows=kept_rows,
            once=once,
        )
        goes_on = False
        try:
            return await backing.parts.statements.run(job, collector)
        except StillRunningError:
            # Its seconds are counted until ``ended`` is told.
            goes_on = True
            raise
        except ToolFailure as failure:
            if not missing or failure.family is not Family.MISSING_OBJECT:
                raise
            raise ToolFailure(
                failure.family,
                failure.message,
                f"{missing} The server's role may also lack the right to see it.",
                retryable=failure.retryable,
                details=failure.details,
            ) from failure
        finally:
            if not goes_on:
                meter.stop()

    async def read(
        self, query_id: str, collector: Collector[T], *, offset: int, max_rows: int
    ) -> Outcome[T]:
        """Rows of the result of an earlier statement of this caller.

        Raises:
            ToolFailure: there is no such statement, or it has no result.
            StillRunningError: it has not ended within ``limits.answer_within_s``.
            CancelledError: the request was cancelled; the statement was left alone.
        """
        note_statement(self.context.trail, self.backing)
        job = Job(
            sql="",
            principal=self.context.facts.principal,
            max_rows=max_rows,
            timeout_s=self._timeout_s(),
            tag=self._tag(),
            on_query=self._sent,
            offset=offset,
        )
        wait_s = self.wait_s(self.backing.limits.answer_within_s)
        return await self.backing.handles.read(query_id, self.asking, job, collector, wait_s)

    async def standing(self, query_id: str, wait_s: float = 0.0) -> Standing:
        """How a statement of this caller stands, after waiting so long for its end.

        Raises:
            ToolFailure: no such statement of this caller, or Snowflake cannot be asked.
        """
        found = await self.backing.handles.standing(query_id, self.asking, wait_s)
        return note_state(self.context.trail, self.backing, found)

    async def cancel(self, query_id: str) -> Standing:
        """End a statement of this caller, and how it stands then.

        Raises:
            ToolFailure: no such statement of this caller, or Snowflake cannot be asked.
        """
        found = await self.backing.handles.cancel(query_id, self.asking)
        return note_state(self.context.trail, self.backing, found)

    @property
    def asking(self) -> Asking:
        """Who asks about a statement."""
        return Asking(self.context.facts.principal, self._tag())

    def wait_s(self, wanted_s: float) -> float:
        """How long this call may wait for a statement that goes on without it."""
        return min(wanted_s, self.backing.limits.answer_within_s, self._timeout_s() / 2)

    def _sent(self, query_id: str) -> None:
        self.context.trail.sent(query_id)
        if self.context.query_id != query_id:
            self.context.query_id = query_id
            self.context.log("debug", {"event": "statement", "query_id": query_id})

    def _timeout_s(self, wanted_s: float | None = None) -> float:
        left = self.context.remaining_s
        most = self.backing.limits.statement_timeout_s
        return min(most, wanted_s or most, left - _MARGIN_S if left > _MARGIN_S else left)

    def _tag(self) -> Mapping[str, str]:
        facts = self.context.facts
        tag = {
            "server": SERVER_NAME,
            "principal": facts.principal.name,
            "client": facts.client,
            "session": facts.session_id or "",
            "request": self.context.request_id,
            "tool": self.tool,
        }
        if (span := self.context.traceparent or facts.traceparent) is not None:
            tag["traceparent"] = span
        return {key: tags.value(value) for key, value in tag.items()}

    def _report(
        self, status: str, elapsed_s: float, task_arguments: Mapping[str, Any] | None
    ) -> None:
        context = self.context
        context.report_progress(round(elapsed_s, 1), f"{status}, {elapsed_s:.0f} s")
        if context.task is not None:
            context.task.message = f"{status}, {elapsed_s:.0f} s"
        elif task_arguments is not None and elapsed_s >= self.backing.limits.task_after_s:
            query_id = context.query_id
            if query_id is not None:
                context.detach(Handle(self.tool, query_id, dict(task_arguments)))

    def _is_task(self, task_arguments: Mapping[str, Any] | None) -> bool:
        """Whether the call is a task, or becomes one now: then its client has that to ask for."""
        context = self.context
        if context.task is None and task_arguments is not None and context.query_id is not None:
            context.detach(Handle(self.tool, context.query_id, dict(task_arguments)))
        return context.task is not None

    def _outlives_us(self) -> bool:
        """A task's statement is Snowflake's: it runs on when this process stops."""
        return self.context.task is not None and self.context.cancel_reason == "shutdown"
