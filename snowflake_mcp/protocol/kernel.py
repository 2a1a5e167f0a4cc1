"""The protocol kernel: a request goes in, exactly one answer comes out, on every transport."""

import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from mcp_types import LOG_LEVEL_META_KEY
from mcp_types import methods as wire
from pydantic import ValidationError
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.answers import MethodResult, ServerIdentity, shape
from snowflake_mcp.protocol.background import Background, nowhere
from snowflake_mcp.protocol.calls import Call, InFlight, Reply, begun
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.context import CancelReason, Facts, RequestContext
from snowflake_mcp.protocol.errors import (
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    McpError,
    ToolFailure,
)
from snowflake_mcp.protocol.inputs import InputRequired
from snowflake_mcp.protocol.jsonrpc import Notification, Request, Response, encode_result
from snowflake_mcp.protocol.live import LEVELS, Live, LiveSession, LiveSessions
from snowflake_mcp.protocol.methods.table import EXTENSION_METHODS, method_table
from snowflake_mcp.protocol.methods.tasks import TaskMethods
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.settlement import STOPPING, error_reply, failed, first_problem, settle
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tasks import Task, TaskBoard
from snowflake_mcp.protocol.tooling import Offer, ToolResult
from snowflake_mcp.protocol.validity import check_params

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
        self._methods = method_table(offer, identity, self.changes, signers.cursors, tasks)
        self._perform: Perform = self._lookup_and_run
        for layer in reversed(layers):
            self._perform = layer(self._perform)
        self._running: set[Call[Any]] = set()
        self._sessions_in_flight: dict[str, InFlight] = {}
        self._idle: list[Deferred[None]] = []
        self._closing = False

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
    ) -> Call[Reply | None]:
        """Begin a request.

        ``send`` takes encoded messages that belong to it, always before the reply. ``live`` is
        the session's state on a stream transport; over HTTP it is found by the session id.
        ``release`` lets the request close its HTTP response and go on.
        """
        scope = self._scope(facts)
        if scope is not None and request.id in scope:
            error = McpError(INVALID_REQUEST, "This request id is already in flight")
            return self._refused(request, facts, error)
        context = self._context(request.method, request.params, facts, send)
        context.message_id = request.id
        context.live = live or self.live(facts)
        if release is not None:
            context.release = release
        reply: Deferred[Reply | None] = Deferred()
        # Bound before the work begins: a tool may detach before it first waits.
        started: list[Call[Reply | None]] = []

        def stop() -> None:
            for call in started:
                call.cancel("client")

        context.detach = lambda handle: self._background.detach(
            request, context, reply, stop, handle
        )
        work = begun(self._perform(request.method, request.params or {}, context))
        call = Call(context, work, reply)
        started.append(call)
        self._supervise(call, work, lambda outcome: self._reply(request, context, outcome))
        if scope is not None:
            scope.add(request.id, call)
            call.reply.addCallback(self._forget_scope, facts.session_id)
        return call

    def start_tool(
        self, name: str, arguments: dict[str, Any], facts: Facts
    ) -> Call[ToolResult | McpError | None]:
        """Begin a tool call for a transport that is not JSON-RPC (REST)."""
        params = {"name": name, "arguments": arguments}
        context = self._context("tools/call", params, facts, nowhere)
        work = begun(self._perform("tools/call", params, context))
        call: Call[ToolResult | McpError | None] = Call(context, work, Deferred())
        self._supervise(call, work, lambda outcome: cast("Any", settle(context, outcome)))
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
        self._closing = True
        self.changes.close()
        self.live_sessions.end_standalone()
        done: Deferred[None] = Deferred()
        if self._running:
            self._idle.append(done)
        else:
            done.callback(None)
        return done

    def cancel_all(self) -> None:
        """Stop whatever runs, because the server stops."""
        for call in list(self._running):
            call.cancel("shutdown")

    def _context(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        facts: Facts,
        send: Callable[[bytes], None],
    ) -> RequestContext:
        meta = (params or {}).get("_meta")
        meta = meta if isinstance(meta, dict) else {}
        token, level = meta.get("progressToken"), meta.get(LOG_LEVEL_META_KEY)
        return RequestContext(
            facts=facts,
            request_id=f"r-{os.urandom(6).hex()}",
            method=method,
            clock=self._clock,
            deadline=self._clock.seconds() + self._request_timeout_s(facts.principal),
            send=send,
            began=self._clock.seconds(),
            tool=_tool_named(method, params),
            progress_token=token if isinstance(token, str | int) else None,
            log_level=level if eras.is_stateless(facts.version) and level in LEVELS else None,
        )

    def _supervise(
        self,
        call: Call[Any],
        work: Deferred[MethodResult],
        conclude: Callable[[MethodResult | Failure], object],
    ) -> None:
        """Bound the work in time and turn its end, whatever it is, into the call's reply."""
        self._running.add(call)
        timer: IDelayedCall | None = None
        # What needs no thread has ended before it could be late.
        if call.context.method != _ENDLESS and not work.called:
            timer = self._clock.callLater(call.context.remaining_s, call.cancel, "timeout")

        def ended(outcome: MethodResult | Failure) -> None:
            if timer is not None and timer.active():
                timer.cancel()
            call.context.settled = True
            self._running.discard(call)
            if call.context.task is None:
                call.reply.callback(conclude(outcome))
            else:
                self._background.end(call.context, call.context.task, outcome)
            if not self._running:
                idle, self._idle = self._idle, []
                for done in idle:
                    done.callback(None)

        work.addBoth(ended)

    async def _lookup_and_run(
        self, method: str, params: dict[str, Any], context: RequestContext
    ) -> MethodResult:
        run = self._methods.get(method)
        # REST is not MCP: its body is checked by its resource, and the tool checks arguments.
        # The methods of an extension check their own params, and what is resumed was checked.
        extension = method in EXTENSION_METHODS and eras.is_stateless(context.facts.version)
        if context.facts.transport != "rest" and not extension and context.resumes is None:
            try:
                check_params(method, context.facts.version, params)
            except KeyError:
                run = None
            except ValidationError as error:
                raise McpError(INVALID_PARAMS, first_problem(error)) from None
        if run is None:
            raise McpError(METHOD_NOT_FOUND, f"Method not found: {method[:80]}")
        if self._closing and method == "tools/call":
            return failed(STOPPING)
        self._restore(method, params, context)
        try:
            return await run(params, context)
        except InputRequired as required:
            return self._input_required(method, params, context, required)

    def _resume(self, task_id: str, asking: RequestContext) -> Task | None:
        """Take up a task of another process: its statement is Snowflake's, so is its result."""
        facts = asking.facts
        found = self._background.board.elsewhere(task_id, facts.principal)
        if found is None:
            return None
        created, handle = found
        started: list[Call[Any]] = []

        def stop() -> None:
            for call in started:
                call.cancel("client")

        context = self._context("tools/call", {"name": handle.tool}, facts, nowhere)
        context.task = self._background.board.restore(task_id, facts.principal, created, stop)
        if context.task is None:
            return None
        context.resumes = context.query_id = handle.query_id
        params = {"name": handle.tool, "arguments": handle.arguments}
        work = begun(self._perform("tools/call", params, context))
        started.append(Call(context, work, Deferred()))
        self._supervise(started[0], work, lambda outcome: outcome)
        return context.task

    def _restore(self, method: str, params: dict[str, Any], context: RequestContext) -> None:
        """Bring back what the client has answered in earlier rounds of a stateless request."""
        facts = context.facts
        if not eras.is_stateless(facts.version) or method not in wire.INPUT_REQUIRED_METHODS:
            return
        if (state := params.get("requestState")) is not None:
            opened = self._signers.states.open(state, facts.principal, method, params)
            context.answers.update(opened)
        context.answers.update(params.get("inputResponses") or {})

    def _input_required(
        self,
        method: str,
        params: dict[str, Any],
        context: RequestContext,
        required: InputRequired,
    ) -> dict[str, Any]:
        principal = context.facts.principal
        return {
            "resultType": "input_required",
            "inputRequests": {
                key: {"method": question.method, "params": dict(question.params)}
                for key, question in required.questions.items()
            },
            "requestState": self._signers.states.seal(principal, method, params, required.answers),
        }

    def _reply(
        self, request: Request, context: RequestContext, outcome: MethodResult | Failure
    ) -> Reply | None:
        settled = settle(context, outcome)
        version = context.facts.version
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
        session_id = None
        agreed = context.negotiated
        if agreed is not None and context.facts.transport == "http":
            session_id, _ = self._signers.sessions.mint(
                context.facts.principal, agreed.version, agreed.client, agreed.capabilities
            )
        return Reply(body, session_id=session_id)

    def _refused(self, request: Request, facts: Facts, error: McpError) -> Call[Reply | None]:
        context = self._context(request.method, None, facts, nowhere)
        done: Deferred[None] = Deferred()
        done.callback(None)
        call: Call[Reply | None] = Call(context, done, Deferred())
        call.reply.callback(error_reply(request.id, facts.version, error))
        return call

    def live(self, facts: Facts) -> LiveSession | None:
        """The state of the HTTP session that a request belongs to, if it belongs to one."""
        if facts.transport != "http" or facts.session_id is None:
            return None
        return self.live_sessions.get(facts.session_id, facts.principal, facts.client)

    def _scope(self, facts: Facts) -> InFlight | None:
        """Where the ids of a handshake-era HTTP session live; other transports keep their own."""
        if facts.transport != "http" or facts.session_id is None:
            return None
        return self._sessions_in_flight.setdefault(facts.session_id, InFlight())

    def _forget_scope(self, reply: Reply | None, session_id: str | None) -> Reply | None:
        if session_id is not None and not self._sessions_in_flight.get(session_id):
            self._sessions_in_flight.pop(session_id, None)
        return reply


def _tool_named(method: str, params: Mapping[str, Any] | None) -> str:
    name = (params or {}).get("name") if method == "tools/call" else None
    return name if isinstance(name, str) else ""
