"""Work in flight: started once, cancelled by id, settled exactly once."""

import types
from collections.abc import Coroutine, Generator, Iterator
from functools import partial
from typing import Any, Generic, TypeVar

import msgspec
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from snowflake_mcp.protocol.context import CancelReason, RequestContext
from snowflake_mcp.protocol.jsonrpc import RequestId

__all__ = ["Call", "InFlight", "Reply", "begun"]

T = TypeVar("T")


def begun(work: Coroutine[Any, Any, T]) -> Deferred[T]:
    """Run a coroutine as ``Deferred.fromCoroutine`` does; what never waits costs less.

    Up to its first wait it runs in the context of the caller, not in a copy.
    """
    try:
        awaited = work.send(None)
    except StopIteration as ended:
        return succeed(ended.value)
    except Exception:  # noqa: BLE001 - a failed Deferred is how the caller is told
        return fail(Failure())
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

    body: bytes
    error_code: int | None = None
    status: int = 200
    """HTTP status that this response has in its revision."""
    session_id: str | None = None
    """Session to announce as ``Mcp-Session-Id``; set by ``initialize`` over HTTP only."""
    retry_after_s: int | None = None
    """Seconds to announce as ``Retry-After`` with status 429."""


class Call(Generic[T]):
    """A running request; reactor thread only.

    ``reply`` fires exactly once and never fails. ``None`` means that the client took the
    request back (or left), so that no answer is owed.
    """

    def __init__(self, context: RequestContext, work: Deferred[Any], reply: Deferred[T]) -> None:
        self.context = context
        self.reply = reply
        self._work = work

    def cancel(self, reason: CancelReason) -> None:
        """Stop the work; the first reason counts, a call that has settled ignores it."""
        if self._work.called or self.context.cancel_reason is not None:
            return
        if reason == "disconnect" and self.context.task is not None:
            # The client has been given a task: it may leave, and come back to ask.
            return
        self.context.cancel_reason = reason
        self._work.cancel()


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

        def settled(reply: Any) -> Any:
            self._calls.pop(request_id, None)
            return reply

        call.reply.addCallback(settled)

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
