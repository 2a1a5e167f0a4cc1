"""A reload: new secrets are taken; what else differs is told by name, as values may be secret."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from types import MappingProxyType

from twisted.logger import Logger

from snowflake_mcp.config.load import ConfigError
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings
from snowflake_mcp.config.settings import SECTIONS

__all__ = ["Reload", "changed_settings"]

_log = Logger()

Connections = Mapping[str, ConnectionSettings]
TakeSecrets = Callable[[Connections], Connections]


class Reload:
    """Read the configuration again, take its secrets, and say in the log what became of it.

    Args:
        running: the configuration of this process.
        reread: reads the one that is written.
        take_secrets: makes the secrets of connections count from the next login on; returns
            the connections as they then are. ``None`` where there is no account.
        retire: closes idle sessions, lets running statements finish; returns how many were idle.
        takers: each is given what is written, and returns the sections of it that count now.
    """

    def __init__(
        self,
        running: Config,
        reread: Callable[[], Config] | None,
        take_secrets: TakeSecrets | None = None,
        retire: Callable[[], int] | None = None,
        takers: Sequence[Callable[[Config], Sequence[str]]] = (),
    ) -> None:
        self._running = running
        self._reread = reread
        self._take_secrets = take_secrets
        self._retire = retire
        self._takers = takers
        self.outcome: dict[str, object] = {}
        """What became of the last reload: whether it was refused, and the names of settings."""

    def __call__(self) -> None:
        """Compare with what runs; a configuration that cannot be used changes nothing."""
        self.outcome = {"outcome": "refused"}
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
        self._renew(written.connections)
        for take in self._takers:
            taken = {name: getattr(written, name) for name in take(written)}
            self._running = replace(self._running, **taken)
        waiting = changed_settings(self._running, written)
        applied = [name for name in changed if name not in waiting]
        self.outcome = {"outcome": "ok", "applied": applied, "waiting": list(waiting)}
        if applied:
            _log.info("reload: applied: {settings}", settings=", ".join(applied))
        if waiting:
            names = ", ".join(waiting)
            _log.warn("reload: not applied, restart needed: {settings}", settings=names)
        elif not changed:
            _log.info("reload: the configuration is valid and nothing in it has changed")

    def _renew(self, written: Connections) -> None:
        if self._take_secrets is None or self._retire is None:
            return
        running = self._running.connection.name
        held = self._take_secrets(written)
        self._running = replace(
            self._running, connection=held[running], connections=MappingProxyType(dict(held))
        )
        idle = self._retire()
        _log.info(
            "reload: the next login reads its secrets again; {idle} idle sessions are closed",
            idle=idle,
        )


def changed_settings(before: Config, after: Config) -> tuple[str, ...]:
    """The settings that differ, as they are written in the documentation, in its order."""
    names = []
    if _identity(before.connection) != _identity(after.connection):
        names.append("connection")
        told = {before.connection.name, after.connection.name}
    else:
        told = set()
    for name in dict.fromkeys([*before.connections, *after.connections]):
        if name not in told:
            names += _changed_connection(name, before.connections, after.connections)
    for section in SECTIONS:
        old, new = getattr(before, section), getattr(after, section)
        names += [
            f"{section}.{each.name}"
            for each in fields(old)
            if getattr(old, each.name) != getattr(new, each.name)
        ]
    names += [
        f"principals.{name}"
        for name in dict.fromkeys([*before.principals, *after.principals])
        if before.principals.get(name) != after.principals.get(name)
    ]
    return tuple(names)


def _identity(connection: ConnectionSettings) -> tuple[str, Backend]:
    return connection.name, connection.backend


def _changed_connection(name: str, before: Connections, after: Connections) -> list[str]:
    if name not in before or name not in after:
        return [f"connections.{name}"]
    old, new = before[name].parameters, after[name].parameters
    return [
        f"connections.{name}.{key}" for key in sorted({*old, *new}) if old.get(key) != new.get(key)
    ]
