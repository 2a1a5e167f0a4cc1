"""Start services in order, stop them in the reverse order, each within its own time."""

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["OrderedServices", "Stage"]


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
        super().privilegedStartService()
        for stage in self._stages:
            stage.service.privilegedStartService()

    def startService(self) -> None:
        """Start the stages, first to last."""
        super().startService()
        for stage in self._stages:
            stage.service.startService()

    def stopService(self) -> Deferred[None]:
        """Stop the stages, last to first; fires when each has stopped or run out of time."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for stage in reversed(self._stages):
            await self._stop_one(stage)

    def _stop_one(self, stage: Stage) -> Deferred[None]:
        # Not Deferred.addTimeout: that one waits for the canceller, and a stage that does not
        # end when cancelled would hold the exit for ever.
        done: Deferred[None] = Deferred()

        def too_late() -> None:
            self._log.warn(
                "{stage} did not stop within {limit} s and was left behind",
                stage=stage.name,
                limit=stage.stop_within_s,
            )
            done.callback(None)

        def ended(result: object) -> None:
            if isinstance(result, Failure):
                self._log.failure("stopping {stage} failed", result, stage=stage.name)
            if timer.active():
                timer.cancel()
                done.callback(None)

        timer = self._clock.callLater(stage.stop_within_s, too_late)
        maybeDeferred(stage.service.stopService).addBoth(ended)
        return done
