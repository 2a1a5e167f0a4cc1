"""What is known beforehand of the events of one place: their keys, their secrets, their sentence.

A place that logs gives the same keys with the same types every time, so it is looked at once.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import itemgetter
from string import Formatter
from typing import Any, Final

import msgspec
from twisted.logger import LogEvent, formatEvent

from snowflake_mcp.ops.access import is_access
from snowflake_mcp.ops.redaction import HIDDEN, cleaned, is_secret_name

__all__ = ["Shape", "shape_of"]

_PARTS: Final = ("time", "level", "logger", "message")
"""What each line begins with."""
_OURS: Final = frozenset({*_PARTS, "error"})
_PLACE: Final = ("log_format", "log_namespace", "log_level")
_LEGACY: Final = frozenset(
    {"system", "format", "isError", "failure", "why", "printed", "text", "logLevel"}
)
"""Keys that Twisted's older logging adds; what they hold is in the message."""
_SKIPPED: Final = _OURS | _LEGACY
_OWN_CODE: Final = "snowflake_mcp."
_MAX_KEPT: Final = 512
_LOGGER_CHARS: Final = 2_048
_FIXED_POINT: Final = re.compile(r"\.\d{1,2}f")
_PLAIN_KINDS: Final = (str, int, float, bool, type(None))
"""Types that ``{}`` and ``%s`` write alike."""

_Fetch = Callable[[LogEvent], tuple[Any, ...]]
_kept: dict[tuple[object, ...], "Shape"] = {}


class Shape:
    """Of events of one logger and level with the same format, the same keys and the same types."""

    __slots__ = (
        "_pieces",
        "_template",
        "access",
        "fails",
        "level",
        "line",
        "logger",
        "loose",
        "secrets",
        "values",
        "whole",
    )

    def __init__(self, event: LogEvent) -> None:
        """As this one is."""
        kinds: dict[str, type] = {name: type(value) for name, value in event.items()}
        self.access = is_access(event)
        """Whether they tell what somebody asked."""
        self.level = str(getattr(event.get("log_level"), "name", "info"))
        self.logger = cleaned(str(event.get("log_namespace") or "-"), _LOGGER_CHARS)
        """The module that speaks, as it may be shown."""
        self.fails = event.get("log_failure") is not None
        self.secrets = {name: HIDDEN for name in kinds if is_secret_name(name)}
        """What to show instead of values whose keys say that they are secrets."""
        kinds = kinds | dict.fromkeys(self.secrets, str)
        said, self._template = _compiled(event.get("log_format"), kinds)
        self._pieces = _fetching(said)
        names = tuple(
            name for name in kinds if _is_shown(name) and issubclass(kinds[name], (str, int, float))
        )
        self.line = _line((*_PARTS, *names))
        """Makes what becomes a line, of its parts and values; has a place for an ``error``."""
        self.values = _fetching(names)
        """Takes the event's own keys that are not only pieces of the message."""
        whole = [name for name in names if _is_whole(kinds[name])]
        self.whole = _fetching(whole) if whole else None
        """Takes those that are whole numbers, where there are any."""
        self.loose = _fetching(
            [name for name in names if issubclass(kinds[name], str) and name not in said]
        )
        """Takes texts that the message does not contain as they are."""

    def sentence(self, event: LogEvent) -> str:
        """The event's message, as it is: neither redacted nor escaped."""
        if self._template is None:
            return formatEvent(event)
        return self._template % self._pieces(event)


def shape_of(event: LogEvent) -> Shape:
    """What is known of the event."""
    key = (*map(event.get, _PLACE), *event, *map(type, event.values()))
    shape = _kept.get(key)
    if shape is None:
        shape = Shape(event)
        # Our formats stand in the code. Those of others may be texts that were put together.
        if str(event.get("log_namespace")).startswith(_OWN_CODE):
            if len(_kept) >= _MAX_KEPT:
                _kept.clear()
            _kept[key] = shape
    return shape


def _is_shown(name: str) -> bool:
    return not (name.startswith("log_") or name.endswith("_part") or name in _SKIPPED)


def _is_whole(kind: type) -> bool:
    return issubclass(kind, int) and kind is not bool


def _compiled(form: object, kinds: dict[str, type]) -> tuple[list[str], str | None]:
    """The keys in a format, and the same for ``%``, which takes a third of the time.

    ``None``: it has more than plain keys of plain types.
    """
    if not isinstance(form, str) or "log_flattened" in kinds:
        return [], None
    said: list[str] = []
    template = ""
    try:
        pieces = list(Formatter().parse(form))
    except ValueError:
        return [], None
    for literal, name, spec, conversion in pieces:
        template += literal.replace("%", "%%")
        if name is None:
            continue
        kind = kinds.get(name)
        if conversion is None and not spec and kind in _PLAIN_KINDS:
            template += "%s"
        elif conversion is None and kind is float and _FIXED_POINT.fullmatch(spec or ""):
            template += f"%{spec}"
        else:
            return [], None
        said.append(name)
    return said, template


def _fetching(names: Sequence[str]) -> _Fetch:
    """What takes the values of these keys from an event, in one step where there are several."""
    if len(names) > 1:
        return itemgetter(*names)
    if not names:
        return lambda _: ()
    (name,) = names
    return lambda event: (event[name],)


@lru_cache(maxsize=_MAX_KEPT)
def _line(names: tuple[str, ...]) -> Callable[..., Any]:
    # As a record it is made and written in a third of the time that a dictionary takes.
    places = {f"at_{number}": name for number, name in enumerate(names)}
    fields: list[Any] = [(place, Any) for place in places]
    return msgspec.defstruct(
        "Line", [*fields, ("error", Any, msgspec.UNSET)], rename=places, gc=False
    )
