"""What differs between two configurations, by name only: values may be secret."""

from dataclasses import fields

from snowflake_mcp.config.model import Config, ConnectionSettings
from snowflake_mcp.config.settings import SECTIONS

__all__ = ["changed_settings"]


def changed_settings(before: Config, after: Config) -> tuple[str, ...]:
    """The settings that differ, as they are written in the documentation, in its order."""
    names = _changed_connection(before.connection, after.connection)
    for section in SECTIONS:
        old, new = getattr(before, section), getattr(after, section)
        names += [
            f"{section}.{each.name}"
            for each in fields(old)
            if getattr(old, each.name) != getattr(new, each.name)
        ]
    return tuple(names)


def _changed_connection(before: ConnectionSettings, after: ConnectionSettings) -> list[str]:
    if (before.name, before.backend) != (after.name, after.backend):
        return ["connection"]
    old, new = before.parameters, after.parameters
    return [
        f"connections.{after.name}.{key}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
