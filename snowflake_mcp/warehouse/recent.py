"""Values kept for a short time, each one read once for all who ask for it at the same time."""

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

__all__ = ["Recent"]

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[V]):
    value: V
    weight: int
    read_at: float


class Recent(Generic[V]):
    """Values by key, bounded in age, number and weight; reactor thread only.

    Callers that ask for a key while it is being read wait for that one reading. A caller that
    is cancelled leaves alone; when the last one has left, the reading is cancelled. Failures
    reach everyone who waits and are not kept; those that are only about who asked first, as
    ``personal`` says, send the others to read for themselves.
    """

    def __init__(
        self,
        clock: IReactorTime,
        weigh: Callable[[V], int],
        *,
        keep_s: float,
        max_entries: int,
        max_weight: int,
        personal: Callable[[Exception], bool] = lambda _: False,
    ) -> None:
        self._clock = clock
        self._personal = personal
        self._weigh = weigh
        self._keep_s = keep_s
        self._max_entries = max_entries
        self._max_weight = max_weight
        self._kept: OrderedDict[Hashable, _Kept[V]] = OrderedDict()
        self._weight = 0
        self._readings: dict[Hashable, _Reading[V]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    async def get(
        self,
        key: Hashable,
        read: Callable[[], Coroutine[Any, Any, V]],
        max_age_s: float | None = None,
    ) -> V:
        """The value of the key: the one kept, if it is young enough, or a fresh one.

        Raises:
            Exception: what ``read`` raised.
            CancelledError: the caller was cancelled.
        """
        kept = self._kept.get(key)
        limit_s = self._keep_s if max_age_s is None else min(self._keep_s, max_age_s)
        if kept is not None and self._clock.seconds() - kept.read_at < limit_s:
            self._kept.move_to_end(key)
            return kept.value
        others = self._readings.get(key)
        if others is not None:
            try:
                return await others.join()
            except CancelledError:
                raise
            except Exception as error:
                if not self._personal(error):
                    raise
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = _Reading(lambda: self._forget(key, reading))
            reading.begin(self._read(key, read))
        return await reading.join()

    async def _read(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        value = await read()
        self._keep(key, _Kept(value, self._weigh(value), self._clock.seconds()))
        return value

    def _forget(self, key: Hashable, reading: "_Reading[V] | None") -> None:
        # A reading that nobody waits for may take a while to end; by then there can be another.
        if self._readings.get(key) is reading:
            del self._readings[key]

    def _keep(self, key: Hashable, new: _Kept[V]) -> None:
        now = self._clock.seconds()
        stale = [k for k, kept in self._kept.items() if now - kept.read_at >= self._keep_s]
        for old in {key, *stale} & self._kept.keys():
            self._weight -= self._kept.pop(old).weight
        if new.weight > self._max_weight:
            return
        self._kept[key] = new
        self._weight += new.weight
        while len(self._kept) > self._max_entries or self._weight > self._max_weight:
            _, oldest = self._kept.popitem(last=False)
            self._weight -= oldest.weight


class _Reading(Generic[V]):
    """One reading under way, and those who wait for it."""

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._waiting: list[Deferred[V]] = []
        self._work: Deferred[V] | None = None
        self._outcome: V | Failure | None = None
        self._ended = False

    def begin(self, work: Coroutine[Any, Any, V]) -> None:
        """Start; it may end before this returns."""
        self._work = Deferred.fromCoroutine(work)
        self._work.addBoth(self._end)

    def join(self) -> "Deferred[V]":
        """Wait for the end; cancelling the result only leaves."""
        place: Deferred[V] = Deferred(self._leave)
        if self._ended:
            self._tell(place)
        else:
            self._waiting.append(place)
        return place

    def _leave(self, place: "Deferred[V]") -> None:
        self._waiting.remove(place)
        if not self._waiting and self._work is not None:
            self._over()
            self._work.cancel()

    def _end(self, outcome: V | Failure) -> None:
        self._outcome, self._ended = outcome, True
        self._over()
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            self._tell(place)

    def _tell(self, place: "Deferred[V]") -> None:
        outcome = self._outcome
        if isinstance(outcome, Failure):
            place.errback(outcome)
        else:
            place.callback(cast(V, outcome))
