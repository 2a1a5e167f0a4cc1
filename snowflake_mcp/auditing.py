"""The audit as the settings want it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snowflake_mcp.config.audit import audit_problems
from snowflake_mcp.config.keyfile import key_in
from snowflake_mcp.config.model import AuditSettings
from snowflake_mcp.ops.audit import Audit
from snowflake_mcp.ops.chain import Sealer
from snowflake_mcp.ops.journal import Journal
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.syncing import Syncing
from snowflake_mcp.version import VERSION

__all__ = ["build_audit"]


def build_audit(
    settings: AuditSettings, reactor: Any, metrics: Metrics, now: Callable[[], float]
) -> Audit:
    """The audit; it opens nothing before its start. ``now`` is the time of day.

    Raises:
        ValueError: a word is none of a setting's, or the key cannot be had.
    """
    for problem in audit_problems(settings):
        raise ValueError(problem)
    if not settings.file:
        return Audit(None, None, metrics, reactor, {})
    sealer = Sealer(key_in(settings.key_file, "audit.key_file") if settings.key_file else b"")
    # twistd may change its folder before the file is opened.
    path = Path(settings.file).absolute()
    journal = Journal(path, settings.max_bytes, settings.keep_files, sealer, now)

    def duplicate() -> int | None:
        return None if journal.file is None else journal.file.duplicate()

    return Audit(
        journal,
        Syncing(reactor, settings.fsync, duplicate),
        metrics,
        reactor,
        {"version": VERSION, "chain": sealer.name, "pid": os.getpid()},
        strict=settings.on_failure == "refuse",
    )
