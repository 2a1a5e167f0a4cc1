"""Events of what somebody asked: there are more of them than of all others together."""

import time
from functools import cached_property
from typing import Final

from twisted.logger import LogEvent, Logger, LogLevel

__all__ = ["REQUEST", "AccessLogger", "is_access"]

REQUEST: Final = (
    "{request_id} {transport} {principal} {method}{tool_part} {outcome} {elapsed_ms} ms{query_part}"
)
"""What is said of a request, by itself or in the line of what carried it."""

_PLACES: Final = frozenset({"snowflake_mcp.pipeline.observe", "snowflake_mcp.transports.site"})
"""The loggers of requests and of HTTP exchanges."""
_INFO: Final = LogLevel.info


class AccessLogger(Logger):
    """A logger whose ``info`` does not look for its level among all levels first.

    That search is two thirds of what an event costs before anybody sees it. What observers get is
    the same.
    """

    def info(self, format: str | None = None, **kwargs: object) -> None:  # noqa: A002 - the base's name
        """Emit an event at the level that says so."""
        kwargs.update(self._place)
        kwargs["log_format"] = format
        kwargs["log_time"] = time.time()  # noqa: TID251 - an event is dated, as every logger does it
        self.observer(kwargs)

    @cached_property
    def _place(self) -> dict[str, object]:
        """What is the same in all its events."""
        return {
            "log_logger": self,
            "log_level": _INFO,
            "log_namespace": self.namespace,
            "log_source": self.source,
        }


def is_access(event: LogEvent) -> bool:
    """Whether it is the line of an HTTP exchange or of a request; what went wrong is not."""
    return event.get("log_level") is _INFO and event.get("log_namespace") in _PLACES
