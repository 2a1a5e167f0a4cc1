"""Spools of exports whose threads are none, and files in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from snowflake_mcp.config.exports import ExportSettings
from snowflake_mcp.exports.spool import Export, Spool
from snowflake_mcp.ops.metrics import Metrics

__all__ = ["Instantly", "exported", "spooling"]


class Instantly:
    """Does at once, and in the caller's thread, what threads would do."""

    def start(self) -> None:
        """Nothing to make ready."""

    def run(self, job: Callable[..., Any], *args: Any, **kwargs: Any) -> Deferred[Any]:
        """Do it now."""
        return maybeDeferred(job, *args, **kwargs)

    async def stop(self, limit_s: float) -> bool:
        """Nothing runs."""
        return True


def spooling(
    folder: Path,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    **settings: Any,
) -> Spool:
    """A started spool in a folder; the clock tells the time of day as well."""
    clock = clock or Clock()
    spool = Spool(
        clock,
        clock.seconds,
        Instantly(),
        ExportSettings(**{"directory": str(folder), **settings}),
        metrics or Metrics(),
        {},
    )
    spool.startService()
    return spool


def exported(spool: Spool, content: bytes, principal: str = "ann", form: str = "csv") -> Export:
    """An export of these bytes."""
    draft = spool.draft(principal, form)
    draft.open()
    draft.write(content)
    return spool.keep(draft, "01b2-1", 1, draft.done())
