"""Start services in order, stop them in the reverse order, each within its own time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["OrderedServices", "Stage", "ended_within"]


@dataclass(frozen=True, slots=True)
class Stage:
    """One service and how long stopping it may take."""

    name: str
    service: Service
    stop_within_s: float


class OrderedServices(Service):
    """What ``MultiService`` is not: a stop in order, where a slow child cannot hold the exit."""

    _log = Logger()

    def __init__(self, clock: IReactorTime, stages: Sequence[Stage]) -> None:
        self._clock = clock
        self._stages = tuple(stages)

    @property
    def stop_within_s(self) -> float:
        """The longest that a stop can take, in seconds."""
        return sum(stage.stop_within_s for stage in self._stages)

    def privilegedStartService(self) -> None:
        """Bind ports while the process may still be root; nothing else starts here."""
        for stage in self._stages:
            stage.service.privilegedStartService()

    def startService(self) -> None:
        """Start the stages, first to last."""
        self.running = True
        for stage in self._stages:
            stage.service.startService()

    def stopService(self) -> Deferred[None]:
        """Stop the stages, last to first; fires when each has stopped or run out of time."""
        self.running = False
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for stage in reversed(self._stages):
            await self._stop_one(stage)

    async def _stop_one(self, stage: Stage) -> None:
        stopping = maybeDeferred(stage.service.stopService)
        stopping.addErrback(self._failed, stage)
        if not await ended_within(self._clock, stopping, stage.stop_within_s):
            self._log.warn(
                "{stage} did not stop within {limit} s and was left behind",
                stage=stage.name,
                limit=stage.stop_within_s,
            )

    def _failed(self, failure: Failure, stage: Stage) -> None:
        self._log.failure("stopping {stage} failed", failure, stage=stage.name)


def ended_within(clock: IReactorTime, work: Deferred[Any], limit_s: float) -> Deferred[bool]:
    """Whether ``work`` fires within ``limit_s`` seconds; it goes on either way.

    Not ``Deferred.addTimeout``: that one cancels the work and then waits for it, and work that
    does not end when it is cancelled would be waited for without a limit.
    """
    answer: Deferred[bool] = Deferred()

    def ended(result: Any) -> Any:
        if timer.active():
            timer.cancel()
            answer.callback(True)
        return result

    timer = clock.callLater(limit_s, answer.callback, False)
    work.addBoth(ended)
    return answer
