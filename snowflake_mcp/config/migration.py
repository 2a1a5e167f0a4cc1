"""The section ``migration``: what eases the way from another server."""

from dataclasses import dataclass

__all__ = ["MigrationSettings"]


@dataclass(frozen=True, slots=True)
class MigrationSettings:
    """For teams whose prompts speak of another server's tools."""

    aliases: tuple[str, ...] = ()
    """Servers whose names of tools and arguments are taken, too: ``labs``, ``isaac``,
    ``dynamike``."""
