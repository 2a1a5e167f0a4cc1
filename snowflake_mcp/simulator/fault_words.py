"""The words a fault is told in: JSON members and marks in SQL, checked and bounded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

__all__ = ["ROUTES", "Fault", "checked_fault", "checked_number", "checked_text", "marks"]

ROUTES: Final = (
    "login",
    "renew",
    "heartbeat",
    "session",
    "telemetry",
    "query",
    "result",
    "abort",
    "monitoring",
    "chunk",
    "search",
    "analyst",
    "agent",
)
"""What a request can be; ``session`` is the end of one."""

MAX_S: Final = 600.0
_MAX_TEXT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with one answer."""

    delay_s: float | None = None
    """Wait so long first; goes with every other member."""
    bytes_per_s: int | None = None
    """Send the body no faster; goes with every other member but hang_s and drop."""
    after: bool = False
    """Carry the request out first, then let it go wrong; with http, code and hang_s."""
    hang_s: float | None = None
    """Answer nothing for so long, then close the connection."""
    drop: str | None = None
    http: int | None = None
    body: str | None = None
    retry_after_s: int | None = None
    code: str | None = None
    message: str | None = None
    sqlstate: str | None = None
    expire: str | None = None
    malformed: str | None = None
    corrupt: bool = False
    command: str | None = None
    file: str | None = None
    folder: str | None = None
    stage: str | None = None
    wrong_query_id: bool = False
    ignore_abort: bool = False

    def told(self) -> dict[str, object]:
        """The members that say something, as JSON."""
        return {name: value for name, value in asdict(self).items() if value not in (None, False)}


_SPANS: Final[Mapping[str, tuple[float, float, bool]]] = {
    "delay_s": (0, MAX_S, False),
    "hang_s": (0, MAX_S, False),
    "bytes_per_s": (1, 1 << 30, True),
    "http": (400, 599, True),
    "retry_after_s": (0, 3_600, True),
}
"""Smallest, largest, whether whole."""

_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "drop": ("before", "after", "half"),
    "expire": ("token", "master", "session"),
    "malformed": ("text", "empty", "list", "bare", "no_data", "truncated"),
    "command": ("UPLOAD", "DOWNLOAD"),
    "stage": ("LOCAL_FS", "S3"),
}
_PATTERNS: Final[Mapping[str, tuple[re.Pattern[str], str]]] = {
    "code": (re.compile(r"[0-9]{6}"), "six digits in quotes"),
    "sqlstate": (re.compile(r"[0-9A-Z]{5}"), "five digits and capital letters"),
}
_FLAGS: Final = ("after", "corrupt", "wrong_query_id", "ignore_abort")
_MAIN: Final = (
    "hang_s",
    "drop",
    "http",
    "code",
    "expire",
    "malformed",
    "corrupt",
    "command",
    "wrong_query_id",
    "ignore_abort",
)
"""At most one of these in a fault."""

_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "body": ("http",),
    "retry_after_s": ("http",),
    "message": ("code",),
    "sqlstate": ("code",),
    "file": ("command",),
    "folder": ("command",),
    "stage": ("command",),
    "after": ("http", "code", "hang_s"),
}
_ONLY_ON: Final[Mapping[str, tuple[str, ...]]] = {
    "expire": ("query", "result", "abort", "monitoring", "heartbeat", "session"),
    "corrupt": ("chunk",),
    "command": ("query", "result"),
    "wrong_query_id": ("query", "result"),
    "ignore_abort": ("query",),
}


def checked_fault(given: object, path: str, problems: list[str]) -> Fault:
    """The fault of a rule's ``do``; what is wrong with it is added to ``problems``."""
    if not isinstance(given, dict) or not given:
        problems.append("do: give a JSON object that says what goes wrong")
        return Fault()
    known = {field.name for field in fields(Fault)}
    problems += [f"do.{name}: no such member" for name in given if name not in known]
    values = {
        name: _checked(name, value, problems) for name, value in given.items() if name in known
    }
    main = [name for name in _MAIN if values.get(name) not in (None, False)]
    if len(main) > 1:
        problems.append(f"do: only one of {', '.join(main)}")
    for name, allowed in _WITH.items():
        if values.get(name) not in (None, False) and not set(allowed) & set(main):
            problems.append(f"do.{name}: only with {' or '.join(allowed)}")
    if values.get("bytes_per_s") and {"hang_s", "drop"} & set(main):
        problems.append("do.bytes_per_s: not with hang_s or drop")
    for name in main:
        if name in _ONLY_ON and path not in _ONLY_ON[name]:
            problems.append(f"do.{name}: only where on.path is {' or '.join(_ONLY_ON[name])}")
    return Fault(**values)


def _checked(name: str, value: object, problems: list[str]) -> Any:
    where = f"do.{name}"
    if name in _SPANS:
        low, high, whole = _SPANS[name]
        number = checked_number(value, where, low, high, problems, whole=whole)
        return int(number) if whole else number
    if name in _FLAGS:
        if not isinstance(value, bool):
            problems.append(f"{where}: true or false")
        return value is True
    text = checked_text(value, where, problems)
    if name in _CHOICES and text not in _CHOICES[name]:
        problems.append(f"{where}: one of {', '.join(_CHOICES[name])}")
    if name in _PATTERNS and not _PATTERNS[name][0].fullmatch(text):
        problems.append(f"{where}: {_PATTERNS[name][1]}")
    return text


def checked_number(
    value: object, where: str, low: float, high: float, problems: list[str], *, whole: bool = False
) -> float:
    """``value`` within its bounds, or 0 and a problem."""
    kinds = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        problems.append(f"{where}: {what} from {low:g} to {high:g}")
        return 0
    return value


def checked_text(value: object, where: str, problems: list[str]) -> str:
    """``value`` if it is a text of bearable length, or an empty one and a problem."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        problems.append(f"{where}: a text of at most {_MAX_TEXT} characters")
        return ""
    return value


_MARK: Final = re.compile(r"/\*\s*fault:(.*?)\*/", re.DOTALL)
_WORD: Final = re.compile(r"""([^\s=]+)(?:=("[^"]*"|'[^']*'|\S*))?""")
_AS_TEXT: Final = frozenset(_CHOICES) | frozenset(_PATTERNS) | {"body", "message", "file", "folder"}


def marks(sql: str) -> Iterator[dict[str, Any]]:
    """The members that each ``/* fault: name=value ... */`` in ``sql`` gives, not yet checked.

    A name without a value means true. Values with blanks go in quotes.
    """
    for mark in _MARK.findall(sql):
        yield {name: _value(name, text) for name, text in _WORD.findall(mark)}


def _value(name: str, text: str) -> object:
    if not text:
        return True
    if text[0] in "\"'":
        return text[1:-1]
    if name in _AS_TEXT or name == "on":
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text, text)
