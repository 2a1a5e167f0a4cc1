"""The published protocol revisions, their two eras, and how a version is agreed on.

Written out, because reading them from the SDK loads all its types; a test compares them.
"""

from typing import Final

__all__ = [
    "HANDSHAKE",
    "KNOWN",
    "LATEST_HANDSHAKE",
    "LATEST_STATELESS",
    "STATELESS",
    "has_batches",
    "has_priming_events",
    "has_structured_content",
    "is_stateless",
    "is_version_at_least",
    "negotiate",
]

HANDSHAKE: Final = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with ``initialize`` and keep a session."""
STATELESS: Final = ("2026-07-28",)
"""Revisions in which every request carries its own envelope."""
KNOWN: Final = (*HANDSHAKE, *STATELESS)
"""Oldest first."""
_STRUCTURED: Final = KNOWN[KNOWN.index("2025-06-18") :]
LATEST_HANDSHAKE: Final = HANDSHAKE[-1]
LATEST_STATELESS: Final = STATELESS[-1]


def negotiate(requested: str) -> str:
    """The revision that ``initialize`` agrees on: the one asked for, or else our latest."""
    return requested if requested in HANDSHAKE else LATEST_HANDSHAKE


def is_version_at_least(version: str, minimum: str) -> bool:
    """Whether the revision is a known one and no older than another known one.

    Raises:
        ValueError: the other one is not known.
    """
    least = KNOWN.index(minimum)
    return version in KNOWN and KNOWN.index(version) >= least


def is_stateless(version: str) -> bool:
    """Whether the revision has no handshake and no session."""
    return version in STATELESS


def has_batches(version: str) -> bool:
    """Whether one JSON text may hold several messages: only one revision ever had that."""
    return version == "2025-03-26"


def has_priming_events(version: str) -> bool:
    """Whether an event stream begins with an empty event that carries an id (SEP-1699)."""
    return version == "2025-11-25"


def has_structured_content(version: str) -> bool:
    """Whether tools may declare an output schema and answer with structured content."""
    return version in _STRUCTURED
