"""A log event as one line: JSON for machines, text for people, both without secrets."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from snowflake_mcp.ops.redaction import escaped, is_plain, redacted
from snowflake_mcp.ops.shapes import shape_of

__all__ = ["json_line", "text_line"]

_MESSAGE_CHARS: Final = 8_192
_VALUE_CHARS: Final = 2_048
_TRACEBACK_CHARS: Final = 16_384
_EXACT: Final = 1 << 53
"""Larger whole numbers are not kept by every reader of JSON."""

_encode: Final = msgspec.json.Encoder().encode


def json_line(event: LogEvent) -> bytes | None:
    """The event as a JSON object; ``None`` when it says nothing."""
    shape = shape_of(event)
    if shape.secrets:
        event = event | shape.secrets
    message = shape.sentence(event)
    if not message and "log_failure" not in event:
        return None
    values: Any = shape.values(event)
    # A text that the message contains has nothing to hide where the message has nothing.
    text = " ".join((message, *shape.loose(event)))
    if len(text) > _VALUE_CHARS or not is_plain(text):
        message = _clean(message, _MESSAGE_CHARS)
        values = [_clean(v, _VALUE_CHARS) if isinstance(v, str) else v for v in values]
    whole = shape.whole(event)
    if whole and (max(whole) >= _EXACT or min(whole) <= -_EXACT):
        values = [_exact(value) for value in values]
    line = shape.line(
        _time(event.get("log_time", 0.0)),
        _level(event),
        _logger(event.get("log_namespace") or "-"),
        message,
        *values,
    )
    failure = event.get("log_failure")
    if failure is not None and isinstance(failure, Failure):
        line.error = _error(failure)
    return _encode(line) + b"\n"


def text_line(event: LogEvent) -> bytes | None:
    """The event as a line to read; ``None`` when it says nothing."""
    shape = shape_of(event)
    message = shape.sentence(event | shape.secrets if shape.secrets else event)
    if not message and "log_failure" not in event:
        return None
    if len(message) > _VALUE_CHARS or not is_plain(message):
        message = _clean(message, _MESSAGE_CHARS)
    time, logger = _time(event.get("log_time", 0.0)), _logger(event.get("log_namespace") or "-")
    line = f"{time} {_level(event):8} {logger} {message}"
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        error = _error(failure)
        frames = (frame.strip() for frame in error["traceback"].splitlines())
        line += f" | {error['type']}: {error['value']} | " + " | ".join(frames)
    return escaped(line).encode() + b"\n"


def _level(event: LogEvent) -> str:
    return str(getattr(event.get("log_level"), "name", "info"))


@lru_cache(maxsize=512)
def _logger(namespace: object) -> str:
    return _clean(str(namespace), _VALUE_CHARS)


def _time(moment: float) -> str:
    return _instant(round(moment * 1e6) // 1_000)


@lru_cache(maxsize=8)
def _instant(millis: int) -> str:
    # The lines of a busy moment have the same one.
    second, rest = divmod(millis, 1_000)
    return f"{_second(second)}.{rest:03d}Z"


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
        "value": _clean(failure.getErrorMessage(), _VALUE_CHARS),
        "traceback": "\n".join(escaped(line) for line in lines),
    }


def _clean(text: str, limit: int) -> str:
    return escaped(redacted(text if len(text) <= limit else text[:limit] + "…"))
