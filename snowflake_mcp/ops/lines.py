"""A log event as one line: JSON for machines, text for people, both without secrets."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from snowflake_mcp.ops.redaction import cleaned, escaped, is_plain, redacted
from snowflake_mcp.ops.shapes import Shape

__all__ = ["json_line", "text_line"]

_MESSAGE_CHARS: Final = 8_192
_VALUE_CHARS: Final = 2_048
_TRACEBACK_CHARS: Final = 16_384
_EXACT: Final = 1 << 53
"""Larger whole numbers are not kept by every reader of JSON."""

_MILLIS: Final = [f".{number:03d}Z" for number in range(1_000)]

_encode: Final = msgspec.json.Encoder().encode


def json_line(event: LogEvent, shape: Shape) -> bytes | None:
    """The event, which has this shape, as a JSON object; ``None`` when it says nothing."""
    if shape.secrets:
        event = event | shape.secrets
    message = shape.sentence(event)
    if not message and not shape.fails:
        return None
    values: Any = shape.values(event)
    # A text that the message contains has nothing to hide where the message has nothing.
    text = " ".join((message, *shape.loose(event)))
    if len(text) > _VALUE_CHARS or not is_plain(text):
        message = cleaned(message, _MESSAGE_CHARS)
        values = [cleaned(v, _VALUE_CHARS) if isinstance(v, str) else v for v in values]
    if shape.whole is not None and max(map(abs, shape.whole(event))) >= _EXACT:
        values = [_exact(value) for value in values]
    line = shape.line(_time(event), shape.level, shape.logger, message, *values)
    if shape.fails and isinstance(failure := event["log_failure"], Failure):
        line.error = _error(failure)
    return _encode(line) + b"\n"


def text_line(event: LogEvent, shape: Shape) -> bytes | None:
    """The event, which has this shape, as a line to read; ``None`` when it says nothing."""
    message = shape.sentence(event | shape.secrets if shape.secrets else event)
    if not message and not shape.fails:
        return None
    if len(message) > _VALUE_CHARS or not is_plain(message):
        message = cleaned(message, _MESSAGE_CHARS)
    line = f"{_time(event)} {shape.level:8} {shape.logger} {message}"
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        error = _error(failure)
        frames = (frame.strip() for frame in error["traceback"].splitlines())
        line += f" | {error['type']}: {error['value']} | " + " | ".join(frames)
    return escaped(line).encode() + b"\n"


def _time(event: LogEvent) -> str:
    return _instant(round(event.get("log_time", 0.0) * 1e6) // 1_000)


@lru_cache(maxsize=8)
def _instant(millis: int) -> str:
    # The lines of a busy moment have the same one.
    return _second(millis // 1_000) + _MILLIS[millis % 1_000]


@lru_cache(maxsize=4)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "")


def _exact(value: Any) -> Any:
    too_large = isinstance(value, int) and abs(value) >= _EXACT
    return str(value) if too_large else value


def _error(failure: Failure) -> dict[str, str]:
    kind = failure.type
    name = "unknown" if kind is None else f"{kind.__module__}.{kind.__qualname__}"
    lines = redacted(failure.getTraceback()[-_TRACEBACK_CHARS:]).splitlines()
    return {
        "type": name.removeprefix("builtins."),
        "value": cleaned(failure.getErrorMessage(), _VALUE_CHARS),
        "traceback": "\n".join(escaped(line) for line in lines),
    }
