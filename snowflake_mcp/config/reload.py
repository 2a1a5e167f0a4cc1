"""A reload: what can change while the server runs does, all of it or nothing, and is told by name.

No value is ever told: it may be a secret.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from twisted.logger import Logger

from snowflake_mcp.config.load import ConfigError
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, Parameter
from snowflake_mcp.config.parameters import is_secret
from snowflake_mcp.config.settings import SECTIONS, settings

__all__ = ["Applier", "Reload", "Report", "changed_settings"]

_log = Logger()

Connections = Mapping[str, ConnectionSettings]

_CONNECTIONS: Final = "connections"
_TABLES: Final[Mapping[str, str]] = MappingProxyType(
    {"principals": "principals", "tools": "tools", "toolsets": "toolsets", "services": "cortex"}
)
"""By the member of the configuration: the word that its tables begin with."""
_PLACES: Final = frozenset({"role", "warehouse", "database", "schema"})
"""Parameters of a connection that the next login can have anew; so can its secrets. Others say
which account answers and as whom, and where one of them differs all wait for a restart."""


def _no_problems(_: Config) -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Applier:
    """A part of the server that can go on with other settings; reactor thread only."""

    covers: tuple[str, ...]
    """Settings as they are documented, with ``*``; ``principals``, ``tools``, ``toolsets``,
    ``services`` and ``connections`` as such."""
    take: Callable[[Config], Sequence[str] | None]
    """Makes what it covers count as the configuration has it; never fails. It may tell by a word
    each what has changed in files beside the configuration."""
    problems: Callable[[Config], Sequence[str]] = _no_problems
    """Why it could not, one line for each reason; asked before anything is taken."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a reload: names of settings, and why it was refused if it was."""

    applied: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    """They differ from what runs, and count after a restart."""
    problems: tuple[str, ...] = ()
    """Nothing is changed."""

    @property
    def as_record(self) -> dict[str, object]:
        """For the audit."""
        if self.problems:
            return {"outcome": "refused"}
        return {"outcome": "ok", "applied": list(self.applied), "waiting": list(self.restart)}


class Reload:
    """Read the configuration again, let each part take what it can, and say what became of it.

    Args:
        running: the configuration of this process.
        reread: reads the one that is written.
        appliers: what can change while the server runs.
        retire: closes idle sessions, lets running statements finish; returns how many were idle.
            ``None`` where there is no account.
    """

    def __init__(
        self,
        running: Config,
        reread: Callable[[], Config] | None,
        appliers: Sequence[Applier] = (),
        retire: Callable[[], int] | None = None,
    ) -> None:
        self._running = running
        self._reread = reread
        self._appliers = tuple(appliers)
        self._retire = retire

    @property
    def covers(self) -> frozenset[str]:
        """Every setting of a section that a reload applies."""
        return frozenset(each.path for each in settings() if self._covered(each.path))

    def __call__(self) -> Report:
        """Take what is written now; a configuration that cannot be used changes nothing."""
        if self._reread is None:
            return _refused(["there is no configuration to read again"])
        try:
            written = self._reread()
        except ConfigError as error:
            return _refused(error.problems)
        before, target = self._running, self._reachable(written)
        problems = [line for applier in self._appliers for line in applier.problems(target)]
        if problems:
            return _refused(problems)
        self._running = target
        beside = [word for applier in self._appliers for word in applier.take(target) or ()]
        changed = changed_settings(before, written)
        restart = changed_settings(target, written)
        applied = [name for name in changed if name not in restart]
        report = Report((*applied, *beside), restart)
        self._tell(report)
        return report

    def _reachable(self, written: Config) -> Config:
        """What runs now, with all that is written and can be applied."""
        running = self._running
        sections = {
            section: replace(
                getattr(running, section),
                **{
                    each.name: getattr(getattr(written, section), each.name)
                    for each in fields(defaults)
                    if self._covered(f"{section}.{each.name}")
                },
            )
            for section, defaults in SECTIONS.items()
        }
        target = replace(running, **sections)
        if self._covered(_CONNECTIONS):
            connections = _reachable(running, written)
            own = connections[running.connection.name]
            target = replace(target, connection=own, connections=connections)
        for name in filter(self._covered, _TABLES):
            target = replace(target, **{name: getattr(written, name)})
        return target

    def _covered(self, name: str) -> bool:
        return any(fnmatchcase(name, pattern) for each in self._appliers for pattern in each.covers)

    def _tell(self, report: Report) -> None:
        if self._retire is not None:
            _log.info(
                "reload: the next login reads its secrets again; {idle} idle sessions are closed",
                idle=self._retire(),
            )
        if report.applied:
            _log.info("reload: applied: {settings}", settings=", ".join(report.applied))
        if report.restart:
            names = ", ".join(report.restart)
            _log.warn("reload: not applied, restart needed: {settings}", settings=names)
        elif not report.applied:
            _log.info("reload: the configuration is valid and nothing in it has changed")


def _refused(problems: Iterable[str]) -> Report:
    report = Report(problems=tuple(problems))
    told = "; ".join(report.problems)
    _log.error("reload refused, nothing is changed: {problems}", problems=told)
    return report


def _reachable(running: Config, written: Config) -> Connections:
    """The connections that can be had without a restart; the server's own stays what it is."""
    own = {running.connection.name: running.connection}
    known = {**own, **running.connections}
    found = {**own, **written.connections}
    for name, before in known.items():
        after = written.connections.get(name, before)
        if name in found and (after.backend, _lasting(after)) != (before.backend, _lasting(before)):
            # A new secret for another user or method would only fail the logins that work now.
            found[name] = before
    return MappingProxyType(found)


def _lasting(connection: ConnectionSettings) -> Mapping[str, Parameter]:
    return {
        name: value
        for name, value in connection.parameters.items()
        if name not in _PLACES and not is_secret(name)
    }


def changed_settings(before: Config, after: Config) -> tuple[str, ...]:
    """The settings that differ, as they are written in the documentation, in its order."""
    names = []
    own = {before.connection.name, after.connection.name}
    if _identity(before.connection) != _identity(after.connection):
        names.append("connection")
    else:
        own = set()
    for name in dict.fromkeys([*before.connections, *after.connections]):
        if name not in own:
            names += _changed_connection(name, before.connections, after.connections)
    for section in SECTIONS:
        old, new = getattr(before, section), getattr(after, section)
        names += [
            f"{section}.{each.name}"
            for each in fields(old)
            if getattr(old, each.name) != getattr(new, each.name)
        ]
    for tables, word in _TABLES.items():
        old, new = getattr(before, tables), getattr(after, tables)
        names += [
            f"{word}.{name}"
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name)
        ]
    return tuple(names)


def _identity(connection: ConnectionSettings) -> tuple[str, Backend]:
    return connection.name, connection.backend


def _changed_connection(name: str, before: Connections, after: Connections) -> list[str]:
    if name not in before or name not in after:
        return [f"connections.{name}"]
    old, new = _said(before[name]), _said(after[name])
    return [
        f"connections.{name}.{key}" for key in sorted({*old, *new}) if old.get(key) != new.get(key)
    ]


def _said(connection: ConnectionSettings) -> Mapping[str, object]:
    place = {"description": connection.description}
    for part in ("policy", "pool"):
        settings = getattr(connection, part)
        place |= {f"{part}.{each.name}": getattr(settings, each.name) for each in fields(settings)}
    return {**connection.parameters, **place}
