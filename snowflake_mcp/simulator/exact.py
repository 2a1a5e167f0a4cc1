"""Constants that the engine cannot hold, worked out here and carried through it as structs.

DuckDB keeps an instant without its offset and a time with microseconds, reads no year beyond
9999, and has neither DECFLOAT nor Snowflake's INTERVAL types. A literal of such a type in the
outermost SELECT list becomes a struct whose first member's name says what is sent for it:
``_sf_timestamp_tz_9`` is a TIMESTAMP_TZ(9), and so on (``columns`` and ``arrow`` read it).
"""

import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from snowflake_mcp.simulator.failures import StatementFailed

__all__ = ["MARK", "days_since_1970", "put_exact_constants"]

MARK: Final = "_sf_"
"""How the name of the first member of such a struct begins."""

_MOMENT: Final = re.compile(
    r"\s*(?P<year>[+-]?\d{1,6})-(?P<month>\d{1,2})-(?P<day>\d{1,2})"
    r"(?:[ T]+(?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)\s*"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2}|[+-]\d{1,2})?)?\s*"
)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?")
_MICROSECOND_DIGITS: Final = 6
_LAST_YEAR: Final = 9_999
_SIGNIFICANT: Final = 38
"""Digits of a DECFLOAT."""


def put_exact_constants(query: Any) -> None:
    """Replace such constants in the SELECT list of ``query``; worker threads only.

    In a UNION a column is only replaced when every branch has a constant of the type there:
    structs and the engine's own types do not mix.

    :raises StatementFailed: 100035 for a constant that is no value of its type.
    """
    from sqlglot import exp

    branches = _branches(query)
    if not all(isinstance(branch, exp.Select) for branch in branches):
        return
    lists = [branch.expressions for branch in branches]
    for place in range(min(len(columns) for columns in lists)):
        values = [columns[place].unalias() for columns in lists]
        kind = _kind(values[0])
        if kind is None or any(_kind(value) != kind for value in values):
            continue
        if any(map(_is_needed, values)):
            for value in values:
                value.replace(_struct(kind, _text(value)))


def _branches(query: Any) -> list[Any]:
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        return [*_branches(query.this), *_branches(query.expression)]
    return [query]


_Kind = tuple[str, int]
"""Wire name and scale."""


def _kind(value: Any) -> _Kind | None:
    """The type of a constant of one of these types; None for everything else."""
    from sqlglot import exp

    if isinstance(value, exp.Interval):
        return _interval_kind(value)
    if not isinstance(value, exp.Cast) or _constant(value.this) is None:
        return None
    if isinstance(value, exp.TryCast) and isinstance(value.this, exp.Literal):
        # It may be no value of its type, which is for the engine to find out.
        return None
    target = value.to.this
    if isinstance(target, exp.Interval):
        return _interval_kind(target)
    names = {
        exp.DataType.Type.TIMESTAMPTZ: "timestamp_tz",
        exp.DataType.Type.TIMESTAMPLTZ: "timestamp_ltz",
        exp.DataType.Type.TIMESTAMPNTZ: "timestamp_ntz",
        exp.DataType.Type.TIMESTAMP: "timestamp_ntz",
        exp.DataType.Type.DATETIME: "timestamp_ntz",
        exp.DataType.Type.TIME: "time",
        exp.DataType.Type.DATE: "date",
        exp.DataType.Type.DECFLOAT: "decfloat",
    }
    name = names.get(target)
    if name is None:
        return None
    parameters = value.to.expressions
    scale = int(parameters[0].name) if parameters else 9
    return (name, 0 if name in {"date", "decfloat"} else scale)


def _interval_kind(interval: Any) -> _Kind | None:
    """Year-month intervals tell their parts by the scale: both, years, months."""
    from sqlglot import exp

    unit = interval.args.get("unit")
    if unit is None or (interval.this is not None and _constant(interval.this) is None):
        return None
    if not isinstance(unit, exp.IntervalSpan):
        # INTERVAL '1 day' and its like are for arithmetic; the engine has them.
        return None
    parts = (unit.this.name.upper(), unit.expression.name.upper())
    if parts == ("YEAR", "MONTH"):
        return ("interval_year_month", 0)
    return ("interval_day_time", 9) if parts == ("DAY", "SECOND") else None


def _constant(node: Any) -> str | None:
    """The text of a literal, an empty text for NULL, None for anything computed."""
    from sqlglot import exp

    if isinstance(node, exp.Null):
        return ""
    if isinstance(node, exp.Literal):
        return str(node.this)
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return f"-{node.this.this}"
    return None


def _text(value: Any) -> str:
    return _constant(value.this) or ""


def _is_needed(value: Any) -> bool:
    """Whether the engine would lose something of this constant."""
    name, scale = _kind(value) or ("", 0)
    text = _text(value)
    if name not in {"timestamp_ltz", "timestamp_ntz", "time", "date"}:
        return True
    if name == "time":
        return _CLOCK.fullmatch(text) is not None and (scale != 9 or _has_nanoseconds(text))
    found = _MOMENT.fullmatch(text)
    if found is None:
        return False
    return (
        (name != "date" and scale != 9)
        or not 1 <= int(found["year"]) <= _LAST_YEAR
        or _has_nanoseconds(found["clock"] or "")
    )


def _has_nanoseconds(clock: str) -> bool:
    return len(clock.partition(".")[2].rstrip("0")) > _MICROSECOND_DIGITS


def _struct(kind: _Kind, text: str) -> Any:
    from sqlglot import exp

    name, scale = kind
    members: Sequence[tuple[str, int | str]] = _VALUES[name](text or _SAMPLES[name], scale)
    pairs = [
        exp.PropertyEQ(
            this=exp.to_identifier(f"{MARK}{name}_{scale}" if place == 0 else member, quoted=True),
            expression=exp.Literal.string(part)
            if isinstance(part, str)
            else exp.Cast(this=_number(part), to=exp.DataType.build("HUGEINT", dialect="duckdb")),
        )
        for place, (member, part) in enumerate(members)
    ]
    struct = exp.Anonymous(this="struct_pack", expressions=pairs)
    if text:
        return struct
    # NULL of the struct's type, so that the column still tells what it is.
    return exp.Case(ifs=[exp.If(this=exp.false(), true=struct)])


def _number(value: int) -> Any:
    from sqlglot import exp

    literal = exp.Literal.number(abs(value))
    return exp.Neg(this=literal) if value < 0 else literal


_Members = list[tuple[str, int | str]]


def _moment(text: str, scale: int) -> tuple[int, int, int]:
    """Seconds since 1970 on the clock shown, nanoseconds, and the offset in minutes."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise _unreadable("Timestamp", text)
    days = days_since_1970(int(found["year"]), int(found["month"]), int(found["day"]))
    seconds, nanoseconds = _clock(found["clock"] or "0:00", scale)
    zone = (found["zone"] or "Z").replace(":", "")
    minutes = 0
    if zone != "Z":
        minutes = int(zone[1:3]) * 60 + int(zone[3:] or 0)
        minutes = -minutes if zone[0] == "-" else minutes
    return days * 86_400 + seconds, nanoseconds, minutes


def _clock(text: str, scale: int) -> tuple[int, int]:
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        raise _unreadable("Time", text)
    hours, minutes, seconds, fraction = found.groups(default="0")
    kept = (fraction[:scale]).ljust(9, "0")
    return int(hours) * 3_600 + int(minutes) * 60 + int(seconds), int(kept)


def _timestamp_ntz(text: str, scale: int) -> _Members:
    epoch, fraction, _ = _moment(text, scale)
    return [("", epoch), ("fraction", fraction)]


def _timestamp_ltz(text: str, scale: int) -> _Members:
    epoch, fraction, minutes = _moment(text, scale)
    return [("", epoch - minutes * 60), ("fraction", fraction)]


def _timestamp_tz(text: str, scale: int) -> _Members:
    return [*_timestamp_ltz(text, scale), ("timezone", _moment(text, scale)[2] + 1_440)]


def _time(text: str, scale: int) -> _Members:
    seconds, nanoseconds = _clock(text, scale)
    return [("", (seconds * 1_000_000_000 + nanoseconds) // 10 ** (9 - scale))]


def _date(text: str, _scale: int) -> _Members:
    epoch, _, _ = _moment(text, 0)
    return [("", epoch // 86_400)]


def _decfloat(text: str, _scale: int) -> _Members:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise _unreadable("Numeric value", text) from None
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or len(digits) > _SIGNIFICANT:
        raise _unreadable("Numeric value", text)
    whole = int("".join(map(str, digits))) * (-1 if sign else 1)
    size = (whole.bit_length() + 8) // 8
    return [("", exponent), ("significand", whole.to_bytes(size, "big", signed=True).hex())]


def _interval_year_month(text: str, _scale: int) -> _Members:
    found = re.fullmatch(r"\s*([+-]?)(\d+)-(\d+)\s*", text)
    if found is None:
        raise _unreadable("Interval", text)
    months = int(found[2]) * 12 + int(found[3])
    return [("", -months if found[1] == "-" else months)]


def _interval_day_time(text: str, scale: int) -> _Members:
    found = re.fullmatch(r"\s*([+-]?)(\d+)\s+([\d:.]+)\s*", text)
    if found is None:
        raise _unreadable("Interval", text)
    seconds, nanoseconds = _clock(found[3], scale)
    total = (int(found[2]) * 86_400 + seconds) * 1_000_000_000 + nanoseconds
    return [("", -total if found[1] == "-" else total)]


def _unreadable(what: str, text: str) -> StatementFailed:
    return StatementFailed("100035", "22007", f"{what} '{text[:100]}' is not recognized")


_VALUES: Final = {
    "timestamp_ntz": _timestamp_ntz,
    "timestamp_ltz": _timestamp_ltz,
    "timestamp_tz": _timestamp_tz,
    "time": _time,
    "date": _date,
    "decfloat": _decfloat,
    "interval_year_month": _interval_year_month,
    "interval_day_time": _interval_day_time,
}
_SAMPLES: Final = {
    **dict.fromkeys(("timestamp_ntz", "timestamp_ltz", "timestamp_tz", "date"), "1970-01-01"),
    "time": "00:00",
    "decfloat": "0",
    "interval_year_month": "0-0",
    "interval_day_time": "0 0:00",
}
"""Any value of the type, for the shape of its NULL."""


def days_since_1970(year: int, month: int, day: int) -> int:
    """The days between 1970-01-01 and a day of the Gregorian calendar, without end."""
    # Years begin in March here, which puts the leap day last; an era is 400 years.
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468
