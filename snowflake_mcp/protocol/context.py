"""What a method knows of the request that it answers."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.protocol.eras import is_stateless, is_version_at_least
from snowflake_mcp.protocol.errors import MISSING_CAPABILITY, McpError
from snowflake_mcp.protocol.inputs import (
    AskFailedError,
    InputRequired,
    Question,
    missing_capability,
)
from snowflake_mcp.protocol.jsonrpc import RequestId, encode_notification
from snowflake_mcp.protocol.live import LEVELS, Live
from snowflake_mcp.protocol.meta import Meta, Said
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tasks import Handle, Task
from snowflake_mcp.protocol.trail import Trail

__all__ = ["CancelReason", "Facts", "Negotiated", "RequestContext", "Transport"]

Transport = Literal["http", "websocket", "stdio", "sse", "rest"]
CancelReason = Literal["client", "disconnect", "timeout", "shutdown", "operator"]

_PROGRESS_BURST: Final = 10.0
_PROGRESS_PER_S: Final = 2.0


def _stay(_: object) -> None:
    """This call cannot go on in the background."""


def _keep() -> None:
    """The channel of this request cannot be released."""


def _alone(_: dict[str, object]) -> bool:
    """Nothing else has a line for this request."""
    return False


class Facts(msgspec.Struct, frozen=True):
    """What the transport and the session say about a request before its method runs."""

    transport: Transport
    principal: Principal
    version: str
    """Protocol revision of this request, one of ``eras.KNOWN``."""
    capabilities: Mapping[str, Any] = MappingProxyType({})
    """What the client declared it can do."""
    client: str = ""
    """Name and version as the client gave them; unverified, for logs and tags only."""
    session_id: str | None = None
    """Handshake-era session, shortened for logs; ``None`` in the stateless era."""
    traceparent: str | None = None
    peer: str = ""
    """Address of the client as far as it is known; nothing on standard input."""
    origin: str = ""
    """Scheme and host by which the client has reached the server, where that is known."""
    said: Said | None = None
    """What the request says of itself, where somebody has read it already."""


class Negotiated(msgspec.Struct, frozen=True):
    """What ``initialize`` agreed on."""

    version: str
    client: str
    capabilities: Mapping[str, Any]


class RequestContext(msgspec.Struct):
    """One request while it runs; reactor thread only."""

    facts: Facts
    request_id: str
    """Ours, unique in this process; in logs, in the query tag and in the answer's ``_meta``."""
    method: str
    clock: IReactorTime
    deadline: float
    """On ``clock``, in seconds; past it the request is cancelled."""
    send: Callable[[bytes], None]
    """Put an encoded message on the channel of this request."""
    release: Callable[[], None] = _keep
    """Close the HTTP response of this request while it goes on; its client comes back for the
    rest (handshake revisions from 2025-11-25). Does nothing on other channels."""
    tell: Callable[[dict[str, object]], bool] = _alone
    """Hand over what the log is to say of this request to whatever carries it and has a line of
    its own; ``False``: nothing has, or its line is written. The request then needs one."""
    detach: Callable[[Handle | None], Task | None] = _stay
    """Go on in the background: the client is given a task now. ``None`` where that cannot be
    (the client did not declare the extension): the call then answers the ordinary way. With a
    handle the task can be taken up again after a restart."""
    resumes: str | None = None
    """The Snowflake query to take up again, instead of running a statement anew."""
    task: Task | None = None
    """The task that this call has become."""
    message_id: RequestId | None = None
    """The id that the client gave the request; ``None`` over REST."""
    meta: Meta = msgspec.field(default_factory=Meta)
    """What the client says of itself."""
    progress_token: str | int | None = None
    log_level: str | None = None
    """The least level of log messages that the client wants; ``None`` for none at all."""
    live: Live | None = None
    """The handshake-era session's state; ``None`` in the stateless era and over REST."""
    answers: dict[str, Any] = msgspec.field(default_factory=dict)
    """What the client has answered so far to questions of this request (stateless era)."""
    tool: str = ""
    """The tool that is called, as the client named it; empty for other methods."""
    tool_reached: bool = False
    """The tools have been asked for it: nothing before them has refused the call."""
    began: float = 0.0
    """On ``clock``, in seconds."""
    query_id: str | None = None
    """The last Snowflake statement of this request; set by the tool once it is known."""
    cancel_reason: CancelReason | None = None
    """Set just before the work is cancelled."""
    negotiated: Negotiated | None = None
    """Set by ``initialize`` for whoever keeps the session."""
    traceparent: str | None = None
    """The span of this request, as the parent of what it causes; ``None``: the client's is."""
    trail: Trail = msgspec.field(default_factory=Trail)
    """What the request has done so far."""
    settled: bool = False
    """Set when the work has ended; from then on nothing more is sent for it."""
    _progress_tokens: float = _PROGRESS_BURST
    _progress_at: float | None = None

    def settle(self) -> None:
        """The work has ended.

        Its way back to its call is let go: the two would hold each other, and a ring is
        freed only by a run of the garbage collector, which stops everything.
        """
        self.settled = True
        self.detach = _stay

    @property
    def remaining_s(self) -> float:
        """Seconds until the deadline, never negative."""
        return max(0.0, self.deadline - self.clock.seconds())

    def notify(self, method: str, params: dict[str, Any]) -> None:
        """Send a notification that belongs to this request, unless it has ended."""
        if not self.settled and self.cancel_reason is None:
            self.send(encode_notification(method, params))

    def report_progress(self, progress: float, message: str, total: float | None = None) -> None:
        """Tell the client how far the work is; no token, no message.

        A short burst passes at once, then two a second: more would only be noise.
        """
        if self.progress_token is None or not self._may_report():
            return
        params: dict[str, Any] = {"progressToken": self.progress_token, "progress": progress}
        if is_version_at_least(self.facts.version, "2025-03-26"):
            params["message"] = message
        if total is not None:
            params["total"] = total
        self.notify("notifications/progress", params)

    def log(self, level: str, data: object, logger: str = "snowflake-mcp") -> None:
        """Send a log message to the client if it wants that level; never secrets or rows."""
        least = self.live.level if self.live is not None else self.log_level
        if least is None or LEVELS.index(level) < LEVELS.index(least):
            return
        self.notify("notifications/message", {"level": level, "logger": logger, "data": data})

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """The client's answers, by the questions' keys.

        In the stateless era the whole method runs again with the answers, so what comes before
        must be safe to repeat.

        Raises:
            InputRequired: stateless era: pass it on, the client will retry.
            McpError: stateless era: -32021, the client cannot be asked that.
            AskFailedError: handshake era: the client cannot be asked that, or refused.
        """
        if self.task is not None:
            return await self.task.ask(questions)
        open_questions = {k: q for k, q in questions.items() if k not in self.answers}
        missing = missing_capability(open_questions, self.facts.capabilities)
        if is_stateless(self.facts.version):
            if missing:
                raise McpError(
                    MISSING_CAPABILITY,
                    f"The client has not declared: {', '.join(missing)}",
                    {"requiredCapabilities": {name: {} for name in missing}},
                    status=400,
                )
            if open_questions:
                raise InputRequired(open_questions, self.answers)
        elif open_questions:
            if missing or self.live is None:
                raise AskFailedError(f"The client cannot be asked: {', '.join(missing)}")
            for key, question in open_questions.items():
                self.answers[key] = await self.live.ask(
                    question.method, dict(question.params), self.send
                )
        return {key: self.answers[key] for key in questions}

    def _may_report(self) -> bool:
        now = self.clock.seconds()
        if self._progress_at is not None:
            self._progress_tokens = min(
                _PROGRESS_BURST,
                self._progress_tokens + (now - self._progress_at) * _PROGRESS_PER_S,
            )
        self._progress_at = now
        if self._progress_tokens < 1.0:
            return False
        self._progress_tokens -= 1.0
        return True
