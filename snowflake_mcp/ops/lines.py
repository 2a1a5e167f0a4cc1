"""A log event as one line: JSON for machines, text for people, both without secrets."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure

from snowflake_mcp.ops.redaction import HIDDEN, escaped, is_secret_name, redacted

__all__ = ["json_line", "text_line"]

_MESSAGE_CHARS: Final = 8_192
_VALUE_CHARS: Final = 2_048
_TRACEBACK_CHARS: Final = 16_384
_MICROS: Final = 1_000_000
_SHORT_CHARS: Final = 40
_MAX_HARMLESS: Final = 2_048
_harmless: set[str] = set()
"""Short texts in which there is nothing to hide or to escape: most lines have the same ones."""
_EXACT: Final = 1 << 53
"""Larger whole numbers are not kept by every reader of JSON."""

_OURS: Final = frozenset({"time", "level", "logger", "message", "error"})
_LEGACY: Final = frozenset(
    {"system", "format", "isError", "failure", "why", "printed", "text", "logLevel"}
)
"""Keys that Twisted's older logging adds; what they hold is in the message."""
_SKIPPED: Final = _OURS | _LEGACY


def json_line(event: LogEvent) -> bytes | None:
    """The event as a JSON object; ``None`` when it says nothing."""
    parts = _parts(event)
    if parts is None:
        return None
    line: dict[str, Any] = parts | _keys(event)
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        line["error"] = _error(failure)
    return msgspec.json.encode(line) + b"\n"


def text_line(event: LogEvent) -> bytes | None:
    """The event as a line to read; ``None`` when it says nothing."""
    parts = _parts(event)
    if parts is None:
        return None
    line = f"{parts['time']} {parts['level']:8} {parts['logger']} {parts['message']}"
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        error = _error(failure)
        frames = (frame.strip() for frame in error["traceback"].splitlines())
        line += f" | {error['type']}: {error['value']} | " + " | ".join(frames)
    return escaped(line).encode() + b"\n"


def _parts(event: LogEvent) -> dict[str, str] | None:
    message = _message(event)
    if not message and "log_failure" not in event:
        return None
    level = event.get("log_level")
    return {
        "time": _time(event.get("log_time", 0.0)),
        "level": str(getattr(level, "name", "info")),
        "logger": _clean(str(event.get("log_namespace") or "-"), _VALUE_CHARS),
        "message": _clean(message, _MESSAGE_CHARS),
    }


def _message(event: LogEvent) -> str:
    form = event.get("log_format")
    if isinstance(form, str) and "(" not in form and "log_flattened" not in event:
        try:
            return form.format_map(_without_secrets(event))
        except Exception:  # noqa: BLE001 - what cannot be formatted is told by the slower way
            return formatEvent(_without_secrets(event))
    return formatEvent(_without_secrets(event))


def _time(moment: float) -> str:
    second = int(moment)
    micros = round((moment - second) * 1e6)
    if micros >= _MICROS:
        second, micros = second + 1, micros - _MICROS
    return f"{_second(second)}.{micros // 1000:03d}Z"


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "")


@lru_cache(maxsize=512)
def _shown(names: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of the keys of an event: those that are shown, and those whose values are secrets.

    Each place that logs has the same keys every time.
    """
    shown = tuple(
        name
        for name in names
        if not (name.startswith("log_") or name.endswith("_part") or name in _SKIPPED)
    )
    return shown, tuple(name for name in names if is_secret_name(name))


def _without_secrets(event: LogEvent) -> LogEvent:
    _, secrets = _shown(tuple(event))
    return {**event, **dict.fromkeys(secrets, HIDDEN)} if secrets else event


def _keys(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own keys that have simple values, and are not only pieces of the message."""
    keys: dict[str, Any] = {}
    names, secrets = _shown(tuple(event))
    for name in names:
        value = event[name]
        if name in secrets:
            keys[name] = HIDDEN
        elif isinstance(value, str):
            keys[name] = _clean(value, _VALUE_CHARS)
        elif isinstance(value, bool | float):
            keys[name] = value
        elif isinstance(value, int):
            keys[name] = value if abs(value) < _EXACT else str(value)
    return keys


def _error(failure: Failure) -> dict[str, str]:
    kind = failure.type
    name = "unknown" if kind is None else f"{kind.__module__}.{kind.__qualname__}"
    lines = redacted(failure.getTraceback()[-_TRACEBACK_CHARS:]).splitlines()
    return {
        "type": name.removeprefix("builtins."),
        "value": _clean(failure.getErrorMessage(), _VALUE_CHARS),
        "traceback": "\n".join(escaped(line) for line in lines),
    }


def _clean(text: str, limit: int) -> str:
    if len(text) > _SHORT_CHARS:
        return escaped(redacted(text if len(text) <= limit else text[:limit] + "…"))
    if text in _harmless:
        return text
    clean = escaped(redacted(text))
    if clean == text:
        if len(_harmless) >= _MAX_HARMLESS:
            _harmless.clear()
        _harmless.add(text)
    return clean
