"""A reload: what the configuration says now and what differs, by name, as values may be secret."""

from collections.abc import Callable
from dataclasses import fields

from twisted.logger import Logger

from snowflake_mcp.config.load import ConfigError
from snowflake_mcp.config.model import Config, ConnectionSettings
from snowflake_mcp.config.settings import SECTIONS

__all__ = ["Reload", "changed_settings"]

_log = Logger()


class Reload:
    """Read the configuration again and say in the log what would be different.

    ``running`` is the configuration of this process, ``reread`` reads the one that is written.
    """

    def __init__(self, running: Config, reread: Callable[[], Config] | None) -> None:
        self._running = running
        self._reread = reread

    def __call__(self) -> None:
        """Compare with what runs; a configuration that cannot be used changes nothing."""
        if self._reread is None:
            _log.warn("reload: there is no configuration to read again")
            return
        try:
            written = self._reread()
        except ConfigError as error:
            problems = "; ".join(error.problems)
            _log.error("reload refused, nothing is changed: {problems}", problems=problems)
            return
        changed = changed_settings(self._running, written)
        if changed:
            names = ", ".join(changed)
            _log.warn("reload: not applied, restart needed: {settings}", settings=names)
        else:
            _log.info("reload: the configuration is valid and nothing in it has changed")


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
