"""A log event as one line: JSON for machines, text for people, both without secrets."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from twisted.logger import LogEvent, formatEvent
from twisted.python.failure import Failure

from snowflake_mcp.ops.redaction import HIDDEN, escaped, is_secret_name, redacted

__all__ = ["json_line", "text_line"]

_MESSAGE_CHARS: Final = 8_192
_VALUE_CHARS: Final = 2_048
_TRACEBACK_CHARS: Final = 16_384
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
    message = formatEvent(_without_secrets(event))
    if not message and "log_failure" not in event:
        return None
    moment = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    level = event.get("log_level")
    return {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": str(getattr(level, "name", "info")),
        "logger": _clean(str(event.get("log_namespace") or "-"), _VALUE_CHARS),
        "message": _clean(message, _MESSAGE_CHARS),
    }


def _without_secrets(event: LogEvent) -> LogEvent:
    names = [name for name in event if is_secret_name(name)]
    return {**event, **dict.fromkeys(names, HIDDEN)} if names else event


def _keys(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own keys that have simple values, and are not only pieces of the message."""
    keys: dict[str, Any] = {}
    for name, value in event.items():
        if name.startswith("log_") or name.endswith("_part") or name in _SKIPPED:
            continue
        if is_secret_name(name):
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
    cut = text if len(text) <= limit else text[:limit] + "…"
    return escaped(redacted(cut))
