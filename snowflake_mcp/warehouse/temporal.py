"""Dates, times, timestamps and intervals as text, from the whole numbers that Snowflake sends.

Python's own dates end with the year 9999 and its times with microseconds; Snowflake's do not.
"""

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = [
    "clock",
    "day",
    "day_time",
    "local",
    "naive",
    "offset",
    "offset_at",
    "split",
    "time_of_day",
    "year_month",
    "zone",
    "zoned",
]

_DAY_S: Final = 86_400
_TEN: Final = tuple(10**power for power in range(10))
_MONTHS_ONLY: Final = 2
_YEARS_ONLY: Final = 1


def zone(name: str) -> tzinfo:
    """The session's time zone; UTC when this host does not know it (the instant stays right)."""
    if not name or name in {"UTC", "Etc/UTC"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


@lru_cache(maxsize=4_096)
def day(days: int) -> str:
    """A day since 1970-01-01 in the Gregorian calendar, without end in either direction."""
    # Years begin in March here, which puts the leap day last; an era is 400 years.
    era, of_era = divmod(days + 719_468, 146_097)
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    of_month = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (month <= 2)
    sign = "-" if year < 0 else ""
    return f"{sign}{abs(year):04d}-{month:02d}-{of_month:02d}"


def clock(seconds: int, nanoseconds: int) -> str:
    """A time of day; the fraction without trailing zeros, and absent when it is zero."""
    minutes, second = divmod(seconds, 60)
    whole = f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"
    return f"{whole}.{nanoseconds:09d}".rstrip("0") if nanoseconds else whole


def split(value: int, scale: int) -> tuple[int, int]:
    """Seconds and nanoseconds of a number that counts units of ``10**-scale`` seconds."""
    seconds, fraction = divmod(value, _TEN[scale])
    return seconds, fraction * _TEN[9 - scale]


def time_of_day(value: int, scale: int) -> str:
    """A TIME, given as units of ``10**-scale`` seconds since midnight."""
    return clock(*split(value, scale))


def naive(epoch: int, nanoseconds: int) -> str:
    """A timestamp without a zone."""
    days, seconds = divmod(epoch, _DAY_S)
    return f"{day(days)}T{clock(seconds, nanoseconds)}"


def zoned(epoch: int, nanoseconds: int, offset_s: int) -> str:
    """An instant as the clock shows it at an offset, with the offset behind it."""
    return naive(epoch + offset_s, nanoseconds) + offset(offset_s)


@lru_cache(maxsize=256)
def offset(seconds: int) -> str:
    """How far a clock is from UTC, in whole minutes: ``+01:00``."""
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{sign}{hours:02d}:{minutes:02d}"


def offset_at(epoch: int, timezone: tzinfo) -> int:
    """Seconds that the clock in a time zone is from UTC; 0 outside the years 1 to 9999."""
    if timezone is UTC:
        return 0
    try:
        away = datetime.fromtimestamp(epoch, timezone).utcoffset()
    except (OverflowError, ValueError, OSError):
        return 0
    return 0 if away is None else int(away.total_seconds())


def local(epoch: int, nanoseconds: int, timezone: tzinfo) -> str:
    """An instant as the clock shows it in a time zone; in UTC outside the years 1 to 9999."""
    return zoned(epoch, nanoseconds, offset_at(epoch, timezone))


def year_month(months: int, scale: int) -> str:
    """INTERVAL YEAR TO MONTH as ``+1-02``; ``scale`` says which of its kinds it is."""
    sign = "-" if months < 0 else "+"
    if scale == _MONTHS_ONLY:
        return f"{sign}{abs(months)}"
    years, left = divmod(abs(months), 12)
    return f"{sign}{years}" if scale == _YEARS_ONLY else f"{sign}{years}-{left:02d}"


def day_time(nanoseconds: int) -> str:
    """INTERVAL DAY TO SECOND as ``+1 02:03:04.5``."""
    sign = "-" if nanoseconds < 0 else "+"
    seconds, fraction = divmod(abs(nanoseconds), _TEN[9])
    days, seconds = divmod(seconds, _DAY_S)
    return f"{sign}{days} {clock(seconds, fraction)}"
