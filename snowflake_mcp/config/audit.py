"""The settings of the audit."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

__all__ = ["AuditSettings", "audit_problems"]

_WORDS: Final = {"fsync": ("never", "interval", "always"), "on_failure": ("warn", "refuse")}


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """The file that tells who did what: section ``audit``."""

    file: str = ""
    """Where records are appended, one JSON object a line; none: there is no audit."""
    max_bytes: int = field(default=100 << 20, metadata={"low": 0, "high": 1 << 40})
    """A file that would grow beyond is rotated; 0: never."""
    keep_files: int = field(default=30, metadata={"low": 1, "high": 10_000})
    """Rotated files to keep; the oldest is deleted."""
    statement_text: bool = False
    """Put the text of statements into the records, beside its hash; secrets in it are hidden."""
    fsync: str = "never"
    """When a record is brought to the disk: ``never`` (the kernel decides), ``interval`` (about
    once a second), ``always`` (before the answer leaves)."""
    on_failure: str = "warn"
    """What happens while records cannot be written: ``warn``, or ``refuse`` every call."""
    key_file: str = ""
    """File with at least 32 bytes that key the hashes; without one they only show accidents."""


def audit_problems(settings: AuditSettings) -> Iterator[str]:
    """The words that are none of a setting's."""
    for name, words in _WORDS.items():
        if (word := getattr(settings, name)) not in words:
            yield f"audit.{name}: {word!r} is none of {', '.join(words)}"
