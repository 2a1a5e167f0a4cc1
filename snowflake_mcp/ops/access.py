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
    """A logger with a short way for what is told of every request."""

    def tell(self, form: str, said: dict[str, object]) -> None:
        """Emit the event that ``info`` would; ``said`` becomes it, so nobody may keep it.

        What is left out is a search for the level among all levels, two thirds of what an event
        costs before anybody sees it, and copies of what is said.
        """
        said.update(self._place)
        said["log_format"] = form
        said["log_time"] = time.time()  # noqa: TID251 - an event is dated, as every logger does it
        self.observer(said)

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
