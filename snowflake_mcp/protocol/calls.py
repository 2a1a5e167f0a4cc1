"""Work in flight: started once, cancelled by id, settled exactly once."""

import types
from collections.abc import Callable, Coroutine, Generator, Iterator
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

import msgspec
from twisted.internet.defer import AlreadyCalledError, Deferred, succeed
from twisted.python.failure import Failure

from snowflake_mcp.protocol.context import CancelReason, RequestContext
from snowflake_mcp.protocol.jsonrpc import Request, RequestId
from snowflake_mcp.protocol.pieces import Body

__all__ = ["Call", "InFlight", "Reply", "begun"]

P = ParamSpec("P")
T = TypeVar("T")


def begun(
    begin: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs
) -> Deferred[T] | T | Failure:
    """Run work up to its first wait: the rest of it, or its end where it has not waited.

    Up to there it runs in the context of the caller, not in a copy of that as with
    ``Deferred.fromCoroutine``. ``begin`` may refuse before it has made a coroutine.
    """
    try:
        work = begin(*args, **kwargs)
        awaited = work.send(None)
    except StopIteration as ended:
        value: T = ended.value
        return value
    except Exception:  # noqa: BLE001 - a Failure is how the caller is told
        return Failure()
    return Deferred.fromCoroutine(_rest(work, awaited))


@types.coroutine
def _rest(work: Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """What is left of a coroutine that waits."""
    while True:
        try:
            result = yield awaited
        except GeneratorExit:
            work.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is for the coroutine to deal with
            step = partial(work.throw, error)
        else:
            step = partial(work.send, result)
        try:
            awaited = step()
        except StopIteration as ended:
            value: T = ended.value
            return value


class Reply(msgspec.Struct, frozen=True):
    """One encoded response."""

    body: Body
    error_code: int | None = None
    status: int = 200
    """HTTP status that this response has in its revision."""
    session_id: str | None = None
    """Session to announce as ``Mcp-Session-Id``; set by ``initialize`` over HTTP only."""
    retry_after_s: int | None = None
    """Seconds to announce as ``Retry-After`` with status 429."""


class Call(msgspec.Struct, Generic[T], eq=False):
    """A request and its answer; reactor thread only.

    It is answered exactly once, and an answer is no failure. ``None`` means that the client took
    the request back (or left), so that no answer is owed.
    """

    context: RequestContext
    request: Request | None = None
    """What a client asked by JSON-RPC."""
    work: Deferred[Any] | None = None
    """What goes on in it; ``None`` before it first waits, and where it never does."""
    answered: bool = False
    _answer: Any = None
    _reply: Deferred[T] | None = None

    @property
    def reply(self) -> Deferred[T]:
        """Fires with the answer, and never fails."""
        if self._reply is None:
            self._reply = succeed(self._answer) if self.answered else Deferred()
        return self._reply

    def when_answered(self, told: Callable[[T], object]) -> None:
        """Tell of the answer: at once if it is there, which costs less than ``reply``."""
        if self.answered:
            told(self._answer)
        else:
            self.reply.addCallback(_passed_on, told)

    def answer(self, answer: T) -> None:
        """This is the answer.

        Raises:
            AlreadyCalledError: it has one.
        """
        if self.answered:
            raise AlreadyCalledError
        self.answered = True
        self._answer = answer
        if self._reply is not None:
            self._reply.callback(answer)

    def cancel(self, reason: CancelReason) -> None:
        """Stop the work; the first reason counts, a call that has settled ignores it."""
        work, context = self.work, self.context
        if work is None or work.called or context.cancel_reason is not None:
            return
        if reason == "disconnect" and context.task is not None:
            # The client has been given a task: it may leave, and come back to ask.
            return
        context.cancel_reason = reason
        work.cancel()

    def wake(self, _: float) -> None:
        """Its deadline has come; only ``Alarms`` calls this."""
        self.cancel("timeout")


def _passed_on(answer: T, told: Callable[[T], object]) -> T:
    """Whoever asks later for the answer gets it as well."""
    told(answer)
    return answer


class InFlight:
    """The calls of one scope (a connection or a session) by request id."""

    def __init__(self) -> None:
        self._calls: dict[RequestId, Call[Any]] = {}

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, request_id: RequestId) -> bool:
        return request_id in self._calls

    def __iter__(self) -> Iterator[Call[Any]]:
        return iter(list(self._calls.values()))

    def add(self, request_id: RequestId, call: Call[Any]) -> None:
        """Keep a call until it settles."""
        self._calls[request_id] = call
        call.when_answered(lambda _: self._calls.pop(request_id, None))

    def cancel(self, request_id: object, reason: CancelReason) -> None:
        """Cancel one call; an unknown or finished id is ignored, as the protocol asks."""
        # To a dict True is the key 1, and no id is a boolean.
        if isinstance(request_id, bool) or not isinstance(request_id, str | int):
            return
        if (call := self._calls.get(request_id)) is not None:
            call.cancel(reason)

    def cancel_all(self, reason: CancelReason) -> None:
        """Cancel whatever runs."""
        for call in self:
            call.cancel(reason)
