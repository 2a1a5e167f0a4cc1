"""The protocol kernel: a request goes in, exactly one answer comes out, on every transport."""

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.alarms import Alarms
from snowflake_mcp.protocol.answers import MethodResult, ServerIdentity, shape
from snowflake_mcp.protocol.background import Background, nowhere
from snowflake_mcp.protocol.calls import Call, InFlight, Reply, begun
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.context import CancelReason, Facts, RequestContext
from snowflake_mcp.protocol.errors import (
    INVALID_REQUEST,
    McpError,
    ToolFailure,
)
from snowflake_mcp.protocol.ids import Ids
from snowflake_mcp.protocol.jsonrpc import Notification, Request, RequestId, Response, encode_result
from snowflake_mcp.protocol.live import Live, LiveSession, LiveSessions
from snowflake_mcp.protocol.meta import said_by
from snowflake_mcp.protocol.methods.table import method_table
from snowflake_mcp.protocol.methods.tasks import TaskMethods
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.serving import LoadTypes, Serving, load_here
from snowflake_mcp.protocol.settlement import error_reply, failed, settle
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tasks import Task, TaskBoard
from snowflake_mcp.protocol.tooling import Offer, ToolResult

__all__ = ["Kernel", "Layer", "Perform"]

Perform = Callable[[str, dict[str, Any], RequestContext], Coroutine[Any, Any, MethodResult]]
"""Answer one request: method, params, context."""
Layer = Callable[[Perform], Perform]
"""What the pipeline wraps around every request."""

_ENDLESS: Final = "subscriptions/listen"
"""The one method that runs until the client leaves: it has no deadline."""


class Kernel:
    """Every method, no transport; reactor thread only."""

    def __init__(
        self,
        *,
        clock: IReactorTime,
        offer: Offer,
        identity: ServerIdentity,
        signers: Signers,
        request_timeout_s: Callable[[Principal], float],
        layers: Sequence[Layer] = (),
        changes: Changes | None = None,
        load_types: LoadTypes = load_here,
    ) -> None:
        self._clock = clock
        self._offer = offer
        self._identity = identity
        self._signers = signers
        self._request_timeout_s = request_timeout_s
        self.changes = changes if changes is not None else Changes()
        """Publish here what changes on the server."""
        self.live_sessions = LiveSessions(self.changes, clock)
        self._background = Background(TaskBoard(signers.wall_clock, signers.tasks), identity)
        tasks = TaskMethods(self._background.board, self._resume)
        methods = method_table(offer, identity, self.changes, signers.cursors, tasks)
        self._serving = Serving(methods, signers.states, load_types)
        self._perform: Perform = self._serving.perform
        for layer in reversed(layers):
            self._perform = layer(self._perform)
        self._ids = Ids()
        self._running: dict[Call[Any], None] = {}
        self._deadlines = Alarms(clock)
        self._sessions_in_flight: dict[str, InFlight] = {}
        self._idle: list[Deferred[None]] = []

    @property
    def running(self) -> int:
        """Requests in flight."""
        return len(self._running)

    def describe_tools(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """The tools as a principal sees them, in the newest revision's form."""
        return self._offer.toolbox.describe(principal)

    def start(
        self,
        request: Request,
        facts: Facts,
        send: Callable[[bytes], None],
        live: Live | None = None,
        release: Callable[[], None] | None = None,
        tell: Callable[[dict[str, object]], bool] | None = None,
    ) -> Call[Reply | None]:
        """Begin a request.

        ``send`` takes encoded messages that belong to it, always before the reply. ``live`` is
        the session's state on a stream transport; over HTTP it is found by the session id.
        ``release`` lets the request close its HTTP response and go on. ``tell`` takes what the
        log is to say of the request, where that is carried by something that has a line.
        """
        params = request.params
        context = self._context(request.method, params, facts, send)
        call: Call[Reply | None] = Call(context, request)
        session_id = facts.session_id
        if session_id is not None and facts.transport != "http":
            session_id = None
        if session_id is not None:
            if request.id in self._sessions_in_flight.get(session_id, ()):
                error = McpError(INVALID_REQUEST, "This request id is already in flight")
                call.answer(error_reply(request.id, facts.version, error))
                return call
            if live is None:
                live = self.live(facts)
        context.message_id = request.id
        context.live = live
        if release is not None:
            context.release = release
        if tell is not None:
            context.tell = tell
        # Bound before the work begins: a tool may detach before it first waits.
        context.detach = partial(self._background.detach, request, call)
        self._begin(call, params)
        if session_id is not None and not call.answered:
            self._in_flight(session_id, request.id, call)
        return call

    def start_tool(
        self,
        name: str,
        arguments: dict[str, Any],
        facts: Facts,
        tell: Callable[[dict[str, object]], bool] | None = None,
    ) -> Call[ToolResult | McpError | None]:
        """Begin a tool call for a transport that is not JSON-RPC (REST).

        ``tell`` as in ``start``.
        """
        params = {"name": name, "arguments": arguments}
        context = self._context("tools/call", params, facts, nowhere)
        if tell is not None:
            context.tell = tell
        call: Call[ToolResult | McpError | None] = Call(context)
        self._begin(call, params)
        return call

    def failure_result(self, failure: ToolFailure, version: str) -> dict[str, Any]:
        """A failed tool call as the ``result`` of a revision."""
        return shape("tools/call", failed(failure), version, self._identity)

    def notice(self, notification: Notification, facts: Facts) -> None:
        """A notification of a handshake-era HTTP session; anything unknown is ignored."""
        if notification.method == "notifications/cancelled" and facts.session_id is not None:
            in_flight = self._sessions_in_flight.get(facts.session_id)
            if in_flight is not None:
                in_flight.cancel((notification.params or {}).get("requestId"), "client")

    def respond(self, response: Response, facts: Facts) -> None:
        """The answer of a handshake-era HTTP session to a question of ours.

        Raises:
            McpError: nothing was asked under that id.
        """
        live = self.live(facts)
        if live is None or not live.answered(response):
            raise McpError(INVALID_REQUEST, "Nothing was asked under this id", status=400)

    def end_session(self, session_id: str, reason: CancelReason = "client") -> None:
        """An HTTP session ends: what runs in it stops, its id is worth nothing."""
        self._signers.sessions.revoke(session_id)
        if (in_flight := self._sessions_in_flight.get(session_id)) is not None:
            in_flight.cancel_all(reason)
        self.live_sessions.end(session_id)

    def calls(self) -> Iterator[Call[Any]]:
        """Whatever runs now, those included that go on as tasks."""
        return iter(list(self._running))

    def in_flight(self, session_id: str) -> int:
        """Requests of an HTTP session that are running."""
        return len(self._sessions_in_flight.get(session_id, ()))

    def drain(self) -> Deferred[None]:
        """Refuse new tool calls from now on; fires when nothing is running.

        Subscriptions end at once, with their closing result.
        """
        self._serving.closing = True
        self.changes.close()
        self.live_sessions.end_standalone()
        done: Deferred[None] = Deferred()
        if self._running:
            self._idle.append(done)
        else:
            self._deadlines.stop()
            done.callback(None)
        return done

    def cancel_all(self) -> None:
        """Stop whatever runs, because the server stops."""
        for call in self.calls():
            call.cancel("shutdown")

    def _context(
        self,
        method: str,
        params: Mapping[str, Any],
        facts: Facts,
        send: Callable[[bytes], None],
    ) -> RequestContext:
        said = facts.said
        if said is None:
            said = said_by(params)
        meta = said.meta
        now = self._clock.seconds()
        tool = params.get("name") if method == "tools/call" else ""
        return RequestContext(
            facts=facts,
            request_id=self._ids.new(),
            method=method,
            clock=self._clock,
            deadline=now + self._request_timeout_s(facts.principal),
            send=send,
            began=now,
            tool=tool if isinstance(tool, str) else "",
            meta=meta,
            progress_token=said.progress_token,
            log_level=meta.log_level if facts.version in eras.STATELESS else None,
        )

    def _begin(self, call: Call[Any], params: dict[str, Any]) -> None:
        """Do what is asked; what waits is bound in time, and is running meanwhile."""
        context = call.context
        work = begun(self._perform, context.method, params, context)
        if not isinstance(work, Deferred):
            self._conclude(call, work)
            return
        call.work = work
        self._running[call] = None
        if context.method != _ENDLESS:
            self._deadlines.set(call, context.deadline)
        work.addBoth(self._ended, call)

    def _ended(self, outcome: MethodResult | Failure, call: Call[Any]) -> None:
        """What has waited is over."""
        del self._running[call]
        self._deadlines.drop(call)
        self._conclude(call, outcome)
        if self._idle and not self._running:
            self._deadlines.stop()
            idle, self._idle = self._idle, []
            for done in idle:
                done.callback(None)

    def _conclude(self, call: Call[Any], outcome: MethodResult | Failure) -> None:
        """Turn the end of the work, whatever it is, into the call's answer."""
        context = call.context
        context.settle()
        if context.task is not None:
            self._background.end(context, context.task, outcome)
        elif call.request is not None:
            call.answer(self._reply(call.request, context, outcome))
        else:
            call.answer(settle(context, outcome))

    def _resume(self, task_id: str, asking: RequestContext) -> Task | None:
        """Take up a task of another process: its statement is Snowflake's, so is its result."""
        facts = asking.facts
        found = self._background.board.elsewhere(task_id, facts.principal)
        if found is None:
            return None
        created, handle = found
        context = self._context("tools/call", {"name": handle.tool}, facts, nowhere)
        call: Call[None] = Call(context)
        stop = partial(call.cancel, "client")
        context.task = self._background.board.restore(task_id, facts.principal, created, stop)
        if context.task is None:
            return None
        context.resumes = context.query_id = handle.query_id
        self._begin(call, {"name": handle.tool, "arguments": handle.arguments})
        return context.task

    def _reply(
        self, request: Request, context: RequestContext, outcome: MethodResult | Failure
    ) -> Reply | None:
        version = context.facts.version
        settled: MethodResult | McpError | None
        if context.cancel_reason is None and not isinstance(outcome, Failure):
            settled = outcome
        else:
            settled = settle(context, outcome)
            if settled is None:
                return None
            if isinstance(settled, McpError):
                return error_reply(request.id, version, settled)
        try:
            shaped = shape(request.method, settled, version, self._identity)
            body = encode_result(request.id, shaped)
        except Exception:  # noqa: BLE001 - a result of ours that is no JSON is still owed an answer
            error = settle(context, Failure())
            return error_reply(request.id, version, cast("McpError", error))
        agreed = context.negotiated
        if agreed is None or context.facts.transport != "http":
            return Reply(body)
        session_id, _ = self._signers.sessions.mint(
            context.facts.principal, agreed.version, agreed.client, agreed.capabilities
        )
        return Reply(body, session_id=session_id)

    def live(self, facts: Facts) -> LiveSession | None:
        """The state of the HTTP session that a request belongs to, if it belongs to one."""
        if facts.session_id is None or facts.transport != "http":
            return None
        return self.live_sessions.get(facts.session_id, facts.principal, facts.client)

    def _in_flight(self, session_id: str, request_id: RequestId, call: Call[Reply | None]) -> None:
        """The ids of an HTTP session live here while they run; other transports keep their own."""
        self._sessions_in_flight.setdefault(session_id, InFlight()).add(request_id, call)

        def forget(_: Reply | None) -> None:
            if not self._sessions_in_flight.get(session_id):
                self._sessions_in_flight.pop(session_id, None)

        call.when_answered(forget)
