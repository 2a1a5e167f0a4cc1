"""Log lines of requests wait for each other as long as there is a reactor to write them out."""

import atexit
from typing import Final

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.ops import logs

__all__ = ["GatheredLines"]


class GatheredLines(Service):
    """The first to start and the last to stop: before and after, every line is written at once.

    It starts after twistd has become a daemon, so that no line is in two processes.
    """

    name: Final = "log lines"

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def startService(self) -> None:
        """Let lines of requests wait a moment."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        # A program that ends without stopping its services still has what was said until then.
        atexit.register(logs.flush)
        logs.begin(self._clock)

    def stopService(self) -> None:
        """Write what waits."""
        super().stopService()  # type: ignore[no-untyped-call]  # as above
        logs.end()
        atexit.unregister(logs.flush)
