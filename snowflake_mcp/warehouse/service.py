"""The warehouse as the rest of the server sees it: run a statement, ask how it is, stop."""

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from snowflake_mcp.config.model import PoolSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.alarms import Alarms
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.accounts import Accounts, Seat
from snowflake_mcp.warehouse.bounds import NO_BOUNDS, Bounds
from snowflake_mcp.warehouse.breaker import Breaker
from snowflake_mcp.warehouse.cortex import Cortex
from snowflake_mcp.warehouse.errands import Errands
from snowflake_mcp.warehouse.handles import Handles
from snowflake_mcp.warehouse.lanes import Lanes
from snowflake_mcp.warehouse.ledger import Ledger
from snowflake_mcp.warehouse.readiness import Readiness
from snowflake_mcp.warehouse.reading import gate_of
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.run import Run
from snowflake_mcp.warehouse.sessions import Sessions
from snowflake_mcp.warehouse.standing import Running, StillRunningError
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.threads import Reactor, Threads
from snowflake_mcp.warehouse.warmth import Warmth
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish
from snowflake_mcp.warehouse.work import Means

__all__ = ["Warehouse"]

P = ParamSpec("P")
T = TypeVar("T")

_CONTROL_THREADS: Final = 4
_ASIDE_THREADS: Final = 1
_LIMITS: Final = {Family.BUSY.value: "places", Family.TIMEOUT.value: "statement_time"}
"""Outcomes of a statement that are a limit's doing, and its name in the metrics."""
_CUTS: Final = {"rows": "rows", "collector": "bytes"}


class Warehouse:
    """Snowflake behind all connections; reactor thread only. Nothing runs before ``start``."""

    _log = Logger()

    def __init__(
        self,
        reactor: Reactor,
        accounts: Accounts,
        pool: PoolSettings,
        metrics: Metrics,
        bounds: Bounds = NO_BOUNDS,
    ) -> None:
        self._bounds = bounds
        self._reactor = reactor
        self._metrics = metrics
        self._pool = pool
        self._lanes = Lanes(reactor, pool, bounds.lane_share)
        self._sessions = Sessions(reactor, accounts, pool)
        self._errands = Errands(reactor, self._sessions)
        self._ledger = Ledger(reactor)
        self.handles = Handles(
            reactor,
            self._ledger,
            self._errands,
            self.run,
            self._note_running,
            self._history,
            self._sessions.wishes,
        )
        """Statements by query id."""
        self.cortex = Cortex(reactor, self._sessions, self._lanes, metrics, bounds)
        """Questions to Snowflake's AI services."""
        self._means = Means(
            reactor=reactor,
            alarms=Alarms(reactor),
            sessions=self._sessions,
            statements=Threads(reactor, "statement", pool.max_statements),
            control=Threads(reactor, "control", _CONTROL_THREADS),
            gate=gate_of(pool.fetchers),
        )
        self._asides = Threads(reactor, "aside", _ASIDE_THREADS)
        self._readiness = Readiness(reactor, self._sessions, pool.login_timeout_s)
        self._warmth = Warmth(reactor, self._sessions)
        self._runs: set[Run[Any]] = set()
        self._last_error: Family | None = None
        self._stopping = False

    def start(self) -> None:
        """Make the threads ready; call it after the process has become a daemon."""
        self._means.statements.start()
        self._means.control.start()
        self._asides.start()
        self._errands.threads.start()
        self.cortex.threads.start()
        self._sessions.start()

    def keep_warm(self) -> None:
        """From now on open sessions ahead of need, as many as the settings say."""
        self._warmth.start()

    @property
    def max_wait_s(self) -> float:
        """How long a call may wait for a place."""
        return self._pool.max_wait_s

    def take(self, pool: PoolSettings) -> None:
        """Go on with these settings; ``fetchers`` needs a restart."""
        self._pool = pool
        self._lanes.take(pool)
        self._means.statements.resize(pool.max_statements)
        self._sessions.take(pool)
        self._readiness.login_s = pool.login_timeout_s

    def retire_sessions(self) -> int:
        """Credentials may have changed: new statements log in anew, running ones finish.

        Returns how many idle sessions are closed.
        """
        return self._sessions.retire()

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """Where this caller's statements run from now on.

        Raises:
            ToolFailure: the caller's table is no more, or does not let it choose that.
        """
        return self._sessions.seat(principal, wish)

    def aside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """Run work of some milliseconds in a thread that no statement needs."""
        return self._asides.run(job, *args, **kwargs)

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Run a statement and give its rows to the collector.

        Cancelling aborts the statement in Snowflake; CancelledError goes on when that is
        confirmed, or after 2 s. What was not sent yet is never sent.

        Raises:
            StillRunningError: the job's ``answer_within_s`` has passed; the statement goes on.
            ToolFailure: BUSY, TIMEOUT, AUTH, UNAVAILABLE, SYNTAX, MISSING_OBJECT, FORBIDDEN,
                CANCELLED, LIMIT, REFUSED or STATEMENT; ``details`` holds what is known of
                query_id, errno, sqlstate and aborted.
            Exception: what the collector raised.
        """
        started = self._reactor.seconds()
        outcome_word = "internal"
        try:
            seat = self._reachable(job)
            if job.resumes is None:
                self._bounds.start(job.principal.name)
            permit = await self._lanes.admit(job, seat)
            if job.answer_within_s == 0 and self._submitted() >= self._pool.max_submitted:
                permit.release()
                raise _too_many(self._pool.max_submitted)
            run = Run(self._means, job, collector, permit, started, self._ledger, self._over)
            self._runs.add(run)
            outcome = await run.result()
            outcome_word = "ok"
        except CancelledError:
            outcome_word = "cancelled"
            raise
        except StillRunningError:
            outcome_word = "handed_over"
            raise
        except ToolFailure as failure:
            self._last_error = failure.family
            outcome_word = failure.family.value
            raise
        except Exception:
            self._last_error = Family.INTERNAL
            raise
        finally:
            self._metrics.count("statements", outcome_word)
            self._metrics.observe("statement_seconds", self._reactor.seconds() - started)
            limit = _LIMITS.get(outcome_word)
            if limit is not None:
                self._metrics.count("limits_hit", limit)
        self._metrics.count("rows_read", by=outcome.rows)
        if outcome.cut is not None:
            self._metrics.count("limits_hit", _CUTS[outcome.cut])
        return outcome

    async def check(self) -> tuple[bool, str]:
        """Whether Snowflake answers, and a sentence; never wakes a warehouse, cached for 10 s."""
        if self._stopping:
            return False, "the server is stopping"
        return await self._readiness.check()

    @property
    def checked_s_ago(self) -> float:
        """How old the last answer of ``check`` is."""
        return self._readiness.age_s

    def reset_breakers(self) -> int:
        """An operator knows that Snowflake can be reached: all may try; how many were not to."""
        return sum(breaker.reset() for breaker in self._sessions.breakers())

    def breakers(self) -> list[dict[str, Any]]:
        """How the breaker of each connection in use stands."""
        return [breaker.snapshot() for breaker in self._sessions.breakers()]

    @property
    def breaker(self) -> Breaker:
        """That of the server's own connection."""
        return self._sessions.own.breaker

    def statements(self) -> list[Running]:
        """What has a thread now, longest running first; for operators."""
        return sorted(
            (run.shown() for run in self._runs), key=lambda each: each.elapsed_s, reverse=True
        )

    def end_statements(self, request_id: str) -> int:
        """Abort what runs for a request; returns how many statements that were."""
        ended = [run for run in self._runs if run.shown().request_id == request_id]
        for run in ended:
            run.end_with(_ended_by_operator)
        return len(ended)

    def snapshot(self) -> dict[str, object]:
        """Numbers for /status: JSON values, no names of users, no secrets."""
        last = self._last_error.value if self._last_error is not None else None
        return {**{name: tell() for name, tell in self._parts.items()}, "last_error": last}

    def part(self, name: str) -> dict[str, Any]:
        """One part of the snapshot: whoever wants one number need not ask every connection.

        Raises:
            KeyError: there is no such part.
        """
        return self._parts[name]()

    @property
    def _parts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        statements, sessions = self._means.statements, self._sessions
        return {
            "lane": self._lanes.snapshot,
            "pool": sessions.snapshot,
            "connections": sessions.connections,
            "threads": lambda: {"busy": statements.busy, "max": statements.size},
            "breakers": lambda: {
                "open": sum(each.state != "closed" for each in sessions.breakers()),
                "opened": sum(each.opened for each in sessions.breakers()),
            },
        }

    async def stop(self, limit_s: float) -> None:
        """Abort what runs, close sessions, let the threads go; returns within ``limit_s``.

        A thread that the driver does not give back is left behind.
        """
        self._stopping = True
        self._warmth.stop()
        end = self._reactor.seconds() + limit_s
        self._lanes.close(_stopping())
        for run in list(self._runs):
            run.end_with(_stopping)
        await self.cortex.stop(limit_s * 0.1)
        await self._means.statements.stop(limit_s * 0.6)
        await self._sessions.stop(max(0.0, end - self._reactor.seconds()) * 0.6)
        await self._errands.stop(max(0.0, end - self._reactor.seconds()) * 0.5)
        await self._means.control.stop(max(0.0, end - self._reactor.seconds()))
        await self._asides.stop(max(0.0, end - self._reactor.seconds()))

    def _reachable(self, job: Job) -> Seat:
        # Before the lane: who cannot be served now shall not stand in a queue to hear so.
        seat = self.seat(job.principal, job.wish)
        try:
            self._sessions.entrance(seat.connection).breaker.check()
        except ToolFailure:
            self._metrics.count("limits_hit", "breaker")
            raise
        return seat

    def _history(self, principal: Principal, wish: Wish) -> str:
        # Sessions of a login without a database find no INFORMATION_SCHEMA by that name alone.
        placed = self.seat(principal, wish).settings.parameters.get("database")
        return "INFORMATION_SCHEMA" if placed else "SNOWFLAKE.INFORMATION_SCHEMA"

    def _submitted(self) -> int:
        return sum(run.submitted for run in self._runs)

    def _note_running(self) -> None:
        for run in self._runs:
            run.note()

    def _over(self, run: Run[Any]) -> None:
        self._runs.discard(run)
        if run.called_off:
            self._metrics.count("aborted", run.state)
        if run.handed_over:
            self._metrics.count("handed_over", run.state.replace(" ", "_"))
            self._log.info(
                "statement {query_id}, handed over, has ended: {state}",
                query_id=run.query_id,
                state=run.state,
            )


def _too_many(limit: int) -> ToolFailure:
    return ToolFailure(
        Family.BUSY,
        f"{limit} submitted statements run already.",
        "Wait for one to end (get_query_status with wait_s), or cancel_query one.",
        retryable=True,
    )


def _ended_by_operator() -> ToolFailure:
    return ToolFailure(
        Family.CANCELLED,
        "An operator of the server stopped the statement.",
        "Do not simply repeat it. Ask for less data, or ask the operator for the reason.",
    )


def _stopping() -> ToolFailure:
    return ToolFailure(
        Family.UNAVAILABLE,
        "The server is stopping.",
        "Call again in a while.",
        retryable=True,
    )
