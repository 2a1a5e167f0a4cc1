"""The published protocol revisions, their two eras, and how a version is agreed on."""

from typing import Final

from mcp_types.version import (
    HANDSHAKE_PROTOCOL_VERSIONS,
    KNOWN_PROTOCOL_VERSIONS,
    MODERN_PROTOCOL_VERSIONS,
    is_version_at_least,
)

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

KNOWN: Final = KNOWN_PROTOCOL_VERSIONS
HANDSHAKE: Final = HANDSHAKE_PROTOCOL_VERSIONS
"""Revisions that begin with ``initialize`` and keep a session."""
STATELESS: Final = MODERN_PROTOCOL_VERSIONS
"""Revisions in which every request carries its own envelope."""
LATEST_HANDSHAKE: Final = HANDSHAKE[-1]
LATEST_STATELESS: Final = STATELESS[-1]


def negotiate(requested: str) -> str:
    """The revision that ``initialize`` agrees on: the one asked for, or else our latest."""
    return requested if requested in HANDSHAKE else LATEST_HANDSHAKE


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
    return is_version_at_least(version, "2025-06-18")
