"""The run of a statement for a call of a tool, and what may be done with one that runs."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Self, TypeVar

import msgspec

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tasks import Handle
from snowflake_mcp.tools.allowing import used_up
from snowflake_mcp.tools.backing import Backing
from snowflake_mcp.tools.trails import note_state, note_statement
from snowflake_mcp.version import SERVER_NAME
from snowflake_mcp.warehouse import tags
from snowflake_mcp.warehouse.catalog import Asker
from snowflake_mcp.warehouse.cortex import Inquiry
from snowflake_mcp.warehouse.event_stream import Event
from snowflake_mcp.warehouse.handles import Asking
from snowflake_mcp.warehouse.rest import Response
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.standing import Standing, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.wishes import Wish

__all__ = ["Sender"]

T = TypeVar("T")

_MARGIN_S: Final = 1.0
"""Kept of the request's time for aborting the statement and for the answer itself."""


class Sender(msgspec.Struct, frozen=True):
    """A call of a tool as far as Snowflake hears of it; reactor thread only."""

    backing: Backing
    context: RequestContext
    tool: str
    chosen: Mapping[str, str] = MappingProxyType({})
    """The arguments by which the caller chose its seat, as it may give them again."""
    elsewhere: Callable[[Wish], Backing] | None = None
    """What calls stand on at another seat of the caller; ``None``: it has no other."""

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
        backing, context = self.backing, self.context
        principal, ledger = context.facts.principal, backing.parts.ledger
        if spent := ledger.exhausted(principal.name, backing.allowances):
            raise used_up(spent, backing)
        submits = handle_after_s == 0
        if not submits and not backing.gives_handles:
            handle_after_s = None
        ledger.use(principal.name, statements=1)
        meter = ledger.meter(principal.name, context.clock.seconds)

        def ended(query_id: str | None, state: str) -> None:
            meter.stop()
            self.context.trail.ended(query_id, state)

        note_statement(context.trail, backing, sql)
        if task_arguments is not None:
            # Whoever takes the task up again is to find its statement where it runs.
            task_arguments = {**task_arguments, **self.chosen}
        job = Job(
            sql,
            principal,
            max_rows,
            backing.limits.submitted_timeout_s if submits else self._timeout_s(timeout_s),
            wish=backing.wish,
            database=database,
            schema=schema,
            tag=self._tag(),
            on_progress=lambda status, elapsed_s: self._report(status, elapsed_s, task_arguments),
            on_query=self._sent,
            on_end=ended,
            resumes=context.resumes,
            keep=self._outlives_us,
            answer_within_s=handle_after_s,
            waits=None if submits else lambda: self._is_task(task_arguments),
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
            hint = f"{missing} The server's role may also lack the right to see it."
            raise failure.anew(hint=hint) from failure
        finally:
            if not goes_on:
                meter.leave()

    async def where(self, query_id: str) -> Self:
        """This call at the seat where an earlier statement of its caller ran.

        What is read of that statement is masked and bounded as on that connection.

        Raises:
            ToolFailure: there is no such statement, or the seat may no longer be chosen.
        """
        wish = await self.backing.handles.place(query_id, self.asking)
        if wish == self.backing.wish or self.elsewhere is None:
            return self
        return msgspec.structs.replace(self, backing=self.elsewhere(wish))

    async def ask(
        self,
        service: str,
        path: str,
        body: Mapping[str, Any],
        read: Callable[[Response], T],
        *,
        max_bytes: int,
        again: bool = True,
        on_event: Callable[[Event], None] | None = None,
    ) -> T:
        """Ask a service of Snowflake's AI for this call; counts as a statement does.

        See ``warehouse.cortex.Inquiry`` for what the arguments mean. ``read`` makes the answer
        of the response, in a worker thread.

        Raises:
            ToolFailure: the service or the way to it failed, or an allowance is used up.
            CancelledError: the request was cancelled, and the connection closed.
        """
        backing = self.backing
        principal = self.context.facts.principal
        ledger = backing.parts.ledger
        if spent := ledger.exhausted(principal.name, backing.allowances):
            raise used_up(spent, backing)
        if backing.parts.cortex is None:
            raise ToolFailure(
                Family.UNAVAILABLE, "This server reaches no services of Snowflake's AI."
            )
        ledger.use(principal.name, statements=1)
        meter = ledger.meter(principal.name, self.context.clock.seconds)
        note_statement(self.context.trail, backing)
        question = Inquiry(
            principal,
            service,
            path,
            body,
            self._timeout_s(),
            max_bytes,
            again,
            backing.wish,
            on_event,
        )
        try:
            return await backing.parts.cortex.ask(question, read)
        finally:
            meter.stop()

    async def read(
        self, query_id: str, collector: Collector[T], *, offset: int, max_rows: int
    ) -> Outcome[T]:
        """Rows of the result of an earlier statement of this caller; see ``where``.

        Raises:
            ToolFailure: there is no such statement, or it has no result.
            StillRunningError: it has not ended within ``limits.answer_within_s``.
            CancelledError: the request was cancelled; the statement was left alone.
        """
        if await self.backing.handles.place(query_id, self.asking) != self.backing.wish:
            raise ToolFailure(
                Family.REFUSED,
                "The statement ran elsewhere: on another connection, or as another role.",
                "Read it with fetch_results.",
            )
        note_statement(self.context.trail, self.backing)
        job = Job(
            sql="",
            principal=self.context.facts.principal,
            wish=self.backing.wish,
            max_rows=max_rows,
            timeout_s=self._timeout_s(),
            tag=self._tag(),
            on_progress=lambda status, elapsed_s: self._report(status, elapsed_s, None),
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

    def asker(self, timeout_s: float) -> Asker:
        """On whose behalf this call reads the shared catalog, which counts as one statement.

        Raises:
            ToolFailure: an allowance is used up.
        """
        backing, principal = self.backing, self.context.facts.principal
        ledger = backing.parts.ledger
        if spent := ledger.exhausted(principal.name, backing.allowances):
            raise used_up(spent, backing)
        ledger.use(principal.name, statements=1)
        note_statement(self.context.trail, backing)
        return Asker(
            principal,
            self._tag(),
            None,
            backing.rules.shows,
            backing.limits,
            self.context.trail,
            min(timeout_s, self._timeout_s()),
            backing.wish,
        )

    @property
    def asking(self) -> Asking:
        """Who asks about a statement."""
        return Asking(self.context.facts.principal, self._tag())

    def wait_s(self, wanted_s: float) -> float:
        """How long this call may wait for a statement that goes on without it."""
        return min(wanted_s, self.backing.limits.answer_within_s, self._timeout_s() / 2)

    def _sent(self, query_id: str) -> None:
        context = self.context
        context.trail.sent(query_id)
        if context.query_id != query_id:
            context.query_id = query_id
            context.log("debug", {"event": "statement", "query_id": query_id})

    def _timeout_s(self, wanted_s: float | None = None) -> float:
        left = self.context.remaining_s
        most = self.backing.limits.statement_timeout_s
        return min(most, wanted_s or most, left - _MARGIN_S if left > _MARGIN_S else left)

    def _tag(self) -> Mapping[str, str]:
        context, facts = self.context, self.context.facts
        tag = {
            "server": SERVER_NAME,
            "principal": facts.principal.name,
            "client": facts.client,
            "session": facts.session_id or "",
            "request": context.request_id,
            "tool": self.tool,
            **self.backing.chosen,
        }
        if (span := context.traceparent or facts.traceparent) is not None:
            tag["traceparent"] = span
        if max(map(len, tag.values())) > tags.MAX_VALUE_CHARS:
            tag = {key: tags.value(value) for key, value in tag.items()}
        return tag

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
