"""Questions to Snowflake's AI services, over REST with the session that a caller has anyway.

https://docs.snowflake.com/en/developer-guide/snowflake-rest-api/authentication
"""

# mypy: allow-untyped-calls

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TimedOutError
from twisted.internet.task import deferLater
from twisted.logger import Logger

from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse import connect, rest
from snowflake_mcp.warehouse.bounds import Bounds
from snowflake_mcp.warehouse.cortex_failures import refusal, unanswered
from snowflake_mcp.warehouse.errors import classify
from snowflake_mcp.warehouse.event_stream import Event
from snowflake_mcp.warehouse.lanes import Lanes
from snowflake_mcp.warehouse.rest import Response
from snowflake_mcp.warehouse.session import Session
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.threads import Threads
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["Cortex", "Inquiry"]

T = TypeVar("T")

_THREADS: Final = 2
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_PASSING: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses of what may go better a moment later."""
_MORE_TRIES: Final = 2
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 5.0
_AGENT: Final = "snowflake-mcp"


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One request to a service."""

    principal: Principal
    service: str
    """The family of the service, for the metrics."""
    path: str
    """Of the URL, percent-encoded."""
    body: Mapping[str, Any]
    timeout_s: float
    max_bytes: int
    again: bool = True
    """It may be sent a second time where no answer came; an agent may have acted by then."""
    wish: Wish = NO_WISH
    """Where it is asked, beyond the caller's own seat."""
    on_event: Callable[[Event], None] | None = None
    """Told each event of an answer that is a stream; what it raises ends the request."""


class Cortex:
    """Asks on a session of the caller: in its role, under its limits. Reactor thread only.

    A request has a place in the lane as a statement has. Its credential is the session's token,
    which every login method gives and which has the caller's role and warehouse.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        sessions: Sessions,
        lanes: Lanes,
        metrics: Metrics,
        bounds: Bounds,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.threads = Threads(reactor, "cortex", _THREADS)
        self._reactor = reactor
        self._sessions = sessions
        self._lanes = lanes
        self._metrics = metrics
        self._bounds = bounds
        self._jitter = jitter
        self._working: set[Deferred[Any]] = set()
        self._stopping = False

    async def ask(self, question: Inquiry, read: Callable[[Response], T]) -> T:
        """What ``read`` makes of the answer; it is called in a worker thread.

        Cancelling closes the request.

        Raises:
            ToolFailure: the service or the way to it failed, or its answer is too long.
            CancelledError: the caller gave up.
            Exception: what ``read`` or ``on_event`` raised.
        """
        outcome = "internal"
        try:
            answer = await self._bounded(question, read)
        except CancelledError:
            outcome = "cancelled"
            raise
        except ToolFailure as failure:
            outcome = failure.family.value
            raise
        else:
            outcome = "ok"
            return answer
        finally:
            self._metrics.count("cortex_requests", question.service, outcome)

    async def stop(self, limit_s: float) -> None:
        """End what is under way and let the threads go; returns within ``limit_s``."""
        self._stopping = True
        for work in list(self._working):
            work.cancel()
        await self.threads.stop(limit_s)

    async def _bounded(self, question: Inquiry, read: Callable[[Response], T]) -> T:
        name = question.principal.name
        started = self._reactor.seconds()
        seat = self._sessions.seat(question.principal, question.wish)
        self._sessions.entrance(seat.connection).breaker.check()
        self._bounds.start(name)
        permit = await self._lanes.admit(question, seat)
        left_s = started + question.timeout_s - self._reactor.seconds()
        work = Deferred.fromCoroutine(self._answered(question, read))
        work.addTimeout(max(0.0, left_s), self._reactor)
        self._working.add(work)
        try:
            return await work
        except TimedOutError:
            raise _late(question.timeout_s) from None
        except CancelledError:
            if self._stopping:
                raise _ended() from None
            raise
        finally:
            self._working.discard(work)
            permit.release()

    async def _answered(self, question: Inquiry, read: Callable[[Response], T]) -> T:
        key = self._sessions.key(question.principal, wish=question.wish)
        fresh = False
        while True:
            session = await self._sessions.lease(key, new=fresh)
            response = await self._on(session, question)
            if response.status == _UNAUTHORIZED and not fresh:
                # The token may have ended while the session lay idle; a new one tells.
                fresh = True
                continue
            if response.status != _OK:
                raise refusal(response)
            return await self.threads.run(read, response)

    async def _on(self, session: Session, question: Inquiry) -> Response:
        """Ask with this session's token; the session is put away whatever happens."""
        pool = self._sessions.pool
        try:
            url, token = await self.threads.run(connect.rest_pass, session.connection)
        except CancelledError:
            # Its thread is still at it.
            pool.discard(session)
            raise
        except Exception as error:  # noqa: BLE001 - answered: it becomes the caller's failure
            pool.discard(session)
            # Without its cause: the frames of the driver's exception hold the secrets.
            failure = classify(error, "statement").failure()
            raise failure from None
        keep = True
        try:
            response = await self._tried(session, url, token, question)
            keep = response.status != _UNAUTHORIZED
            return response
        finally:
            (pool.give_back if keep else pool.discard)(session)

    async def _tried(self, session: Session, url: str, token: str, question: Inquiry) -> Response:
        parameters = self._sessions.entrance(session.key.account).account.settings.parameters
        headers = {
            "Authorization": f'Snowflake Token="{token}"',
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream"
            if question.on_event is not None
            else "application/json",
            "User-Agent": _AGENT,
        }
        body = msgspec.json.encode(question.body)
        tries = _MORE_TRIES if question.again else 0
        told = False

        def on_event(event: Event) -> None:
            nonlocal told
            told = True
            if question.on_event is not None:
                question.on_event(event)

        for number in range(tries + 1):
            last = number == tries
            try:
                response = await rest.post(
                    self._reactor,
                    _address(url) + question.path,
                    headers,
                    body,
                    parameters,
                    question.max_bytes,
                    on_event if question.on_event is not None else None,
                )
            except (CancelledError, ToolFailure):
                raise
            except Exception as error:
                failure = unanswered(error, question.max_bytes)
                if failure is None:
                    raise
                self._log.warn(
                    "no answer of a service: {service}, connection {connection}: {why}",
                    service=question.service,
                    connection=session.key.account,
                    why=type(error).__name__,
                )
                if last or told or not failure.retryable:
                    raise failure from None
                await deferLater(self._reactor, self._pause_s(number, ""))
                continue
            if response.status not in _PASSING or last:
                return response
            await deferLater(self._reactor, self._pause_s(number, response.retry_after))
        raise AssertionError("the last try answers or fails")

    def _pause_s(self, number: int, retry_after: str) -> float:
        """How long to wait before the next try, as the service says, or longer each time."""
        if retry_after.isdecimal() and len(retry_after) < len("1000"):
            return min(float(retry_after), _LONGEST_PAUSE_S)
        pause_s = _FIRST_PAUSE_S * float(1 << number)
        return min(pause_s, _LONGEST_PAUSE_S) * (0.75 + self._jitter() / 2)


def _address(url: str) -> str:
    """The account's URL; certificates have no host names with underscores."""
    scheme, _, place = url.rstrip("/").partition("://")
    return f"{scheme}://{place.replace('_', '-')}"


def _late(timeout_s: float) -> ToolFailure:
    return ToolFailure(
        Family.TIMEOUT,
        f"The service did not answer within {timeout_s:g} s; the request was closed.",
        "Ask something smaller, or query the tables yourself.",
        details={"timeout_s": timeout_s},
    )


def _ended() -> ToolFailure:
    return ToolFailure(
        Family.UNAVAILABLE, "The server is stopping.", "Call again in a while.", retryable=True
    )
