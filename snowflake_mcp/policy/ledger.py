"""What each principal has used in this hour and on this day, and when that is too much."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Final, Literal

import msgspec

__all__ = ["Allowance", "Allowances", "Ledger", "Meter", "Spent", "Used"]

_HOUR_S: Final = 3_600
_DAY_S: Final = 86_400
"""Both begin with an hour of UTC."""
_MOST: Final = 10_000
"""Principals of one day; of more, whoever was seen longest ago begins anew."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one principal may use in one span of time; 0: without limit."""

    statements: int = 0
    seconds: float = 0.0
    """Of statements, added up, from the call to their end."""
    scan_bytes: int = 0
    """As Snowflake estimates them before a query."""


@dataclass(frozen=True)
class Allowances:
    """What one principal may use in an hour, and on a day, of UTC."""

    hourly: Allowance = field(default_factory=Allowance)
    daily: Allowance = field(default_factory=Allowance)

    @cached_property
    def limited(self) -> bool:
        """Whether anything of it has a limit."""
        nothing = Allowance()
        return self.hourly != nothing or self.daily != nothing


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


@dataclass(slots=True)
class _Account:
    """What one principal has used in this hour and on this day."""

    hourly: Used = field(default_factory=Used)
    daily: Used = field(default_factory=Used)


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

    __slots__ = ("_booked", "_ledger", "_now", "_principal")

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

    def leave(self) -> None:
        """Nobody waits for it any more; book what is left unless it has ended before."""
        if self._booked is None:
            self.stop()


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
        self._hour = self._day = 0
        """Of the epoch: those that the accounts are of."""
        self._hour_ends = 0.0
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._running: dict[str, _Running] = {}
        self._version = 0

    @property
    def version(self) -> int:
        """Another number whenever something has been used since, what runs included."""
        self._book_all()
        return self._version

    def meter(self, principal: str, now: Callable[[], float]) -> Meter:
        """Count the seconds of a statement from now on; ``now`` is the one monotonic clock."""
        running = self._running.get(principal)
        if running is None:
            running = self._running[principal] = _Running(now, now())
        else:
            self._book(principal, running)
        running.count += 1
        return Meter(self, principal, now)

    def stopped(self, principal: str) -> None:
        """One statement less is running; only ``Meter.stop`` calls this."""
        running = self._running[principal]
        self._book(principal, running)
        running.count -= 1
        if not running.count:
            del self._running[principal]

    def use(
        self, principal: str, *, statements: int = 0, seconds: float = 0.0, scan_bytes: int = 0
    ) -> None:
        """This principal has used so much more."""
        self._version += 1
        account = self._account(principal, self._wall_clock())
        hourly, daily = account.hourly, account.daily
        if statements:
            hourly.statements += statements
            daily.statements += statements
        if seconds:
            hourly.seconds += seconds
            daily.seconds += seconds
        if scan_bytes:
            hourly.scan_bytes += scan_bytes
            daily.scan_bytes += scan_bytes

    def used_today(self, principal: str) -> Used:
        """What this principal has used since midnight UTC; not to be changed."""
        self._book_of(principal)
        return self._account(principal, self._wall_clock()).daily

    def exhausted(self, principal: str, allowed: Allowances, scan_bytes: int = 0) -> Spent | None:
        """Which part of ``allowed`` a further statement would exceed; the day's counts first.

        ``scan_bytes`` is what the statement itself is going to read.
        """
        if not allowed.limited:
            return None
        self._book_of(principal)
        now = self._wall_clock()
        account = self._account(principal, now)
        if found := _exceeded(allowed.daily, account.daily, scan_bytes):
            span, whose, ends = "daily", "Today's", (self._day + 1) * _DAY_S
        elif found := _exceeded(allowed.hourly, account.hourly, scan_bytes):
            span, whose, ends = "hourly", "This hour's", (self._hour + 1) * _HOUR_S
        else:
            return None
        kind, text = found
        return Spent(
            setting=f"{span}_{kind}",
            whose=whose,
            text=text,
            until=datetime.fromtimestamp(ends, UTC).strftime("%H:%M UTC"),
            retry_after_s=max(1, int(ends - now) + 1),
        )

    def dump(self) -> bytes:
        """All of it, for ``restore`` in another process; holds the names of principals."""
        hourly = {who: account.hourly for who, account in self._accounts.items()}
        daily = {who: account.daily for who, account in self._accounts.items()}
        state = _State(1, _packed(self._hour, hourly), _packed(self._day, daily))
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
        if state.daily.window == int(now // _DAY_S):
            for who, page in state.daily.pages.items():
                self._account(who, now).daily = Used(*page)
        if state.hourly.window == int(now // _HOUR_S):
            for who, page in state.hourly.pages.items():
                self._account(who, now).hourly = Used(*page)

    def snapshot(self) -> dict[str, object]:
        """For /status: today's sums over all principals, without their names."""
        self._book_all()
        pages = [account.daily for account in self._accounts.values()]
        return {
            "principals": len(pages),
            "statements": sum(page.statements for page in pages),
            "seconds": round(sum(page.seconds for page in pages), 1),
            "scan_bytes": sum(page.scan_bytes for page in pages),
        }

    def _account(self, principal: str, now: float) -> _Account:
        # A clock that is set back gives nobody a new page.
        if now >= self._hour_ends:
            self._turn(now)
        account = self._accounts.get(principal)
        if account is not None:
            self._accounts.move_to_end(principal)
            return account
        if len(self._accounts) >= _MOST:
            self._accounts.popitem(last=False)
        account = self._accounts[principal] = _Account()
        return account

    def _turn(self, now: float) -> None:
        """Another hour has begun, perhaps with another day."""
        self._hour, day = int(now // _HOUR_S), int(now // _DAY_S)
        self._hour_ends = (self._hour + 1) * _HOUR_S
        if day > self._day:
            self._day = day
            self._accounts.clear()
        for account in self._accounts.values():
            account.hourly = Used()

    def _book_all(self) -> None:
        for principal, running in self._running.items():
            self._book(principal, running)

    def _book_of(self, principal: str) -> None:
        running = self._running.get(principal)
        if running is not None:
            self._book(principal, running)

    def _book(self, principal: str, running: _Running) -> None:
        now = running.now()
        seconds, running.booked = now - running.booked, now
        if seconds > 0:
            self.use(principal, seconds=seconds * running.count)


def _exceeded(allowed: Allowance, used: Used, scan_bytes: int) -> tuple[str, str] | None:
    """What of it a further statement that reads so much would exceed, and how much of how much."""
    read = used.scan_bytes + scan_bytes
    if 0 < allowed.statements <= used.statements:
        return "statements", f"{used.statements} of {allowed.statements} statements"
    if 0 < allowed.seconds <= used.seconds:
        text = f"{used.seconds:.0f} of {allowed.seconds:.0f} seconds of running statements"
        return "seconds", text
    if 0 < allowed.scan_bytes < read:
        return "scan_bytes", f"{read} of {allowed.scan_bytes} bytes to read"
    return None


def _packed(window: int, pages: Mapping[str, Used]) -> _Pages:
    """The pages of one span on which there is something."""
    packed = {
        who: (page.statements, round(page.seconds, 3), page.scan_bytes)
        for who, page in pages.items()
        if page.statements or page.seconds or page.scan_bytes
    }
    return _Pages(window, packed)
