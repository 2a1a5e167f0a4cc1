"""What each principal has used in this hour and on this day, and when that is too much."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

__all__ = ["Allowance", "Allowances", "Ledger", "Meter", "Spent", "Used"]

_SPANS: Final[Mapping[str, int]] = {"hourly": 3_600, "daily": 86_400}
"""Seconds; both begin with an hour of UTC."""
_MOST: Final = 10_000
"""Principals of one span; of more, whoever was seen longest ago begins anew."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one principal may use in one span of time; 0: without limit."""

    statements: int = 0
    seconds: float = 0.0
    """Of statements, added up, from the call to their end."""
    scan_bytes: int = 0
    """As Snowflake estimates them before a query."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What one principal may use in an hour, and on a day, of UTC."""

    hourly: Allowance = field(default_factory=Allowance)
    daily: Allowance = field(default_factory=Allowance)


@dataclass(slots=True)
class Used:
    """What a principal has used."""

    statements: int = 0
    seconds: float = 0.0
    scan_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """An allowance that a further statement would exceed."""

    setting: str
    """Which one, by its name in the section ``policy``."""
    whose: str
    """``This hour's`` or ``Today's``."""
    text: str
    """How much of how much."""
    until: str
    """When it begins anew, as people read it."""
    retry_after_s: int


class _Book:
    """The pages of one span of time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.span_s = _SPANS[name]
        self.window = 0
        self.pages: OrderedDict[str, Used] = OrderedDict()

    def page(self, principal: str, now: float) -> Used:
        window = int(now // self.span_s)
        # A clock that is set back gives nobody a new page.
        if window > self.window:
            self.window = window
            self.pages.clear()
        page = self.pages.setdefault(principal, Used())
        self.pages.move_to_end(principal)
        if len(self.pages) > _MOST:
            self.pages.popitem(last=False)
        return page

    def spent(
        self, principal: str, allowed: Allowance, scan_bytes: int, now: float
    ) -> Spent | None:
        used = self.page(principal, now)
        read = used.scan_bytes + scan_bytes
        if 0 < allowed.statements <= used.statements:
            kind, text = "statements", f"{used.statements} of {allowed.statements} statements"
        elif 0 < allowed.seconds <= used.seconds:
            kind = "seconds"
            text = f"{used.seconds:.0f} of {allowed.seconds:.0f} seconds of running statements"
        elif 0 < allowed.scan_bytes < read:
            kind, text = "scan_bytes", f"{read} of {allowed.scan_bytes} bytes to read"
        else:
            return None
        ends = (self.window + 1) * self.span_s
        return Spent(
            setting=f"{self.name}_{kind}",
            whose="This hour's" if self.name == "hourly" else "Today's",
            text=text,
            until=datetime.fromtimestamp(ends, UTC).strftime("%H:%M UTC"),
            retry_after_s=max(1, int(ends - now) + 1),
        )


_Amount = Annotated[int, msgspec.Meta(ge=0)]
_Seconds = Annotated[float, msgspec.Meta(ge=0)]


class _Pages(msgspec.Struct):
    window: int
    pages: dict[str, tuple[_Amount, _Seconds, _Amount]]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal[1]
    hourly: _Pages
    daily: _Pages


class Meter:
    """The seconds of one statement, booked as they pass; ``Ledger.meter`` makes it."""

    def __init__(self, ledger: "Ledger", principal: str, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._principal = principal
        self._now = now
        self._booked: float | None = None
        """Up to when, once it does not count as running any more."""

    def stop(self) -> None:
        """It has ended, or nobody may hear of its end; book what is left.

        Who hears of its end all the same says so again: then the time since is booked.
        """
        booked, self._booked = self._booked, self._now()
        if booked is None:
            self._ledger.stopped(self._principal)
        elif self._booked > booked:
            self._ledger.use(self._principal, seconds=self._booked - booked)


@dataclass(slots=True)
class _Running:
    """The statements of one principal that run: all of them are booked up to the same moment.

    By their number, not one by one: somebody may have a thousand, and every call asks.
    """

    now: Callable[[], float]
    booked: float
    count: int = 0


class Ledger:
    """The books of everybody; reactor thread only. ``wall_clock`` gives seconds since the epoch.

    What runs is booked up to now whenever somebody asks. What a statement is going to use is not
    known before, so those that run at once may exceed an allowance together.
    """

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._hourly, self._daily = _Book("hourly"), _Book("daily")
        self._running: dict[str, _Running] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """Another number whenever something has been used since, what runs included."""
        self._book(*self._running)
        return self._version

    def meter(self, principal: str, now: Callable[[], float]) -> Meter:
        """Count the seconds of a statement from now on; ``now`` is the one monotonic clock."""
        self._book(principal)
        running = self._running.get(principal)
        if running is None:
            running = self._running[principal] = _Running(now, now())
        running.count += 1
        return Meter(self, principal, now)

    def stopped(self, principal: str) -> None:
        """One statement less is running; only ``Meter.stop`` calls this."""
        self._book(principal)
        running = self._running[principal]
        running.count -= 1
        if not running.count:
            del self._running[principal]

    def use(
        self, principal: str, *, statements: int = 0, seconds: float = 0.0, scan_bytes: int = 0
    ) -> None:
        """This principal has used so much more."""
        self._version += 1
        now = self._wall_clock()
        for book in (self._hourly, self._daily):
            page = book.page(principal, now)
            page.statements += statements
            page.seconds += seconds
            page.scan_bytes += scan_bytes

    def used_today(self, principal: str) -> Used:
        """What this principal has used since midnight UTC; not to be changed."""
        self._book(principal)
        return self._daily.page(principal, self._wall_clock())

    def exhausted(self, principal: str, allowed: Allowances, scan_bytes: int = 0) -> Spent | None:
        """Which part of ``allowed`` a further statement would exceed; the day's counts first.

        ``scan_bytes`` is what the statement itself is going to read.
        """
        self._book(principal)
        now = self._wall_clock()
        return self._daily.spent(principal, allowed.daily, scan_bytes, now) or self._hourly.spent(
            principal, allowed.hourly, scan_bytes, now
        )

    def dump(self) -> bytes:
        """All of it, for ``restore`` in another process; holds the names of principals."""
        state = _State(1, _packed(self._hourly), _packed(self._daily))
        return msgspec.json.encode(state)

    def restore(self, data: bytes) -> None:
        """Begin with what an earlier process had counted; what is over by now is left out.

        Raises:
            ValueError: this is not what ``dump`` gives; nothing has changed.
        """
        try:
            state = msgspec.json.decode(data, type=_State)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None
        now = self._wall_clock()
        for book, kept in ((self._hourly, state.hourly), (self._daily, state.daily)):
            if kept.window == int(now // book.span_s):
                book.window = kept.window
                book.pages = OrderedDict((who, Used(*page)) for who, page in kept.pages.items())

    def snapshot(self) -> dict[str, object]:
        """For /status: today's sums over all principals, without their names."""
        self._book(*self._running)
        pages = self._daily.pages.values()
        return {
            "principals": len(pages),
            "statements": sum(page.statements for page in pages),
            "seconds": round(sum(page.seconds for page in pages), 1),
            "scan_bytes": sum(page.scan_bytes for page in pages),
        }

    def _book(self, *principals: str) -> None:
        for principal in principals:
            running = self._running.get(principal)
            if running is None:
                continue
            now = running.now()
            seconds, running.booked = now - running.booked, now
            if seconds > 0:
                self.use(principal, seconds=seconds * running.count)


def _packed(book: _Book) -> _Pages:
    pages = {
        who: (page.statements, round(page.seconds, 3), page.scan_bytes)
        for who, page in book.pages.items()
    }
    return _Pages(book.window, pages)
