"""One configuration out of defaults, a TOML file, the environment and flags, in that order."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config import connections
from snowflake_mcp.config.cortex import CORTEX_FAMILIES, CortexService
from snowflake_mcp.config.cortex_tables import read_cortex
from snowflake_mcp.config.model import (
    Config,
    ConnectionSettings,
    PolicySettings,
    PrincipalSettings,
    ToolSettings,
)
from snowflake_mcp.config.parameters import Parameters
from snowflake_mcp.config.place_tables import PLACE_KEYS, read_place
from snowflake_mcp.config.principals import read_principals
from snowflake_mcp.config.settings import ENVIRONMENT_PREFIX, SECTIONS, Problems, apply, settings
from snowflake_mcp.config.tool_tables import read_tools, read_toolsets

__all__ = ["ConfigError", "Flags", "load"]

_FILE_KEYS: Final = frozenset(
    {*SECTIONS, "connections", "default_connection", "principals", "tools", "toolsets"}
)
_PROCESS_VARIABLES: Final = frozenset({f"{ENVIRONMENT_PREFIX}CONFIG"})


class ConfigError(Exception):
    """A configuration that cannot be used; ``problems`` has one line for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Flags:
    """What the command line said."""

    config: str | None = None
    connection: str | None = None
    ports: tuple[str, ...] = ()
    host: str | None = None
    demo: bool = False
    no_demo: bool = False


def load(flags: Flags, environ: Mapping[str, str]) -> Config:
    """Merge every source and check the whole.

    Reads files, so call it before the process gives up its privileges.

    Raises:
        ConfigError: with every problem found, not only the first.
    """
    problems = Problems()
    path = flags.config or environ.get(f"{ENVIRONMENT_PREFIX}CONFIG") or None
    table = _read(Path(path), problems) if path else {}
    for key in table.keys() - _FILE_KEYS:
        problems.add(key, "is not a section of the configuration", str(path))
    sections = dict(SECTIONS)
    for name, defaults in SECTIONS.items():
        if isinstance(section := table.get(name, {}), dict):
            if name == "cortex":
                section = {k: v for k, v in section.items() if k not in CORTEX_FAMILIES}
            sections[name] = apply(name, defaults, section, str(path), problems)
        else:
            problems.add(name, "must be a table", str(path))
    _apply_environment(sections, environ, problems)
    given = {"endpoints": flags.ports, "host": flags.host}
    flagged = {name: value for name, value in given.items() if value}
    sections["http"] = apply("http", sections["http"], flagged, "the command line", problems)
    connection = _connection(flags, table, str(path), environ, problems)
    principals = read_principals(table.get("principals", {}), sections, str(path), problems)
    tools = read_tools(table.get("tools", {}), str(path), problems)
    toolsets = read_toolsets(table.get("toolsets", {}), str(path), problems)
    services = read_cortex(table.get("cortex", {}), str(path), problems)
    if connection is None:
        raise ConfigError(problems.lines)
    if flags.demo:
        # It answers everybody, whatever connection is written where.
        principals = MappingProxyType(
            {
                name: replace(each, connection="", policy=_without_choice(each.policy))
                for name, each in principals.items()
            }
        )
        tools = MappingProxyType({n: replace(each, connection="") for n, each in tools.items()})
        services = MappingProxyType(
            {n: replace(each, connection="") for n, each in services.items()}
        )
        sections["policy"] = _without_choice(sections["policy"])
    used = {connection.name: connection}
    for name, where in _wanted(sections["policy"], principals, tools, services):
        if connection is connections.DEMO:
            problems.add(
                where,
                "names a connection, while the demo warehouse answers this server: name the "
                "server's own connection, too (default_connection), or give --demo",
                str(path),
            )
        elif name not in used:
            named = _named(
                name, table.get("connections", {}), str(path), environ, {}, problems, where
            )
            if named is not None:
                used[named.name] = named
    if problems.lines:
        raise ConfigError(problems.lines)
    return Config(
        connection=connection,
        principals=principals,
        tools=tools,
        toolsets=toolsets,
        services=services,
        connections=MappingProxyType(used),
        **sections,
    )


def _read(path: Path, problems: Problems) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except OSError as error:
        problems.add(str(path), f"cannot be read: {error.strerror}", "--config")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        # The message of a decode error quotes the line, which may hold a secret.
        where = str(error).rsplit("(", 1)[-1].rstrip(")") if "(at " in str(error) else "text"
        problems.add(str(path), f"is not valid TOML ({where})", "--config")
    return {}


def _apply_environment(
    sections: dict[str, Any], environ: Mapping[str, str], problems: Problems
) -> None:
    by_variable = {setting.variable: setting for setting in settings()}
    for variable, value in environ.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _PROCESS_VARIABLES:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            problems.add(variable, "is not a setting", "the environment")
            continue
        sections[setting.section] = apply(
            setting.section, sections[setting.section], {setting.name: value}, variable, problems
        )


def _connection(
    flags: Flags,
    table: Mapping[str, Any],
    path: str,
    environ: Mapping[str, str],
    problems: Problems,
) -> ConnectionSettings | None:
    tables = table.get("connections", {})
    name = (
        flags.connection
        or table.get("default_connection")
        or environ.get("SNOWFLAKE_DEFAULT_CONNECTION_NAME")
    )
    if flags.demo:
        for conflict, given in (("--no-demo", flags.no_demo), ("--connection", flags.connection)):
            if given:
                problems.add("--demo", f"contradicts {conflict}", "the command line")
        return connections.DEMO
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        problems.add("connections", "must be tables: [connections.NAME]", path)
        return None
    if name is None and len(tables) == 1:
        name = next(iter(tables))
    overlay = connections.from_environment(environ, problems)
    if name is not None:
        return _named(str(name), tables, path, environ, overlay, problems)
    if tables:
        names = ", ".join(sorted(tables))
        problems.add("default_connection", f"must name one of: {names}", path)
        return None
    if overlay:
        return connections.complete("default", overlay, "the environment", problems)
    if flags.no_demo:
        problems.add(
            "connection",
            "no Snowflake connection is configured: set SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER and a "
            "credential, or give --connection NAME, or --config FILE with [connections.NAME]",
            "--no-demo",
        )
        return None
    return connections.DEMO


def _wanted(
    policy: PolicySettings,
    principals: Mapping[str, PrincipalSettings],
    tools: Mapping[str, ToolSettings],
    services: Mapping[str, CortexService],
) -> Iterator[tuple[str, str]]:
    """Connections beside the server's own, each with the setting that names it."""
    for name in policy.allow_connections:
        yield name, "policy.allow_connections"
    for each in principals.values():
        if each.connection:
            yield each.connection, f"principals.{each.name}.connection"
        for name in each.policy.allow_connections:
            yield name, f"principals.{each.name}.policy.allow_connections"
    for tool in tools.values():
        if tool.connection:
            yield tool.connection, f"tools.{tool.name}.connection"
    for name, service in services.items():
        if service.connection:
            yield service.connection, f"cortex.{name}.connection"


def _without_choice(policy: PolicySettings) -> PolicySettings:
    return replace(policy, allow_connections=())


def _named(
    name: str,
    tables: Mapping[str, Any],
    path: str,
    environ: Mapping[str, str],
    overlay: Parameters,
    problems: Problems,
    asked_by: str = "--connection",
) -> ConnectionSettings | None:
    """A connection by its name. The environment overlays the server's own alone."""
    said = tables.get(name, {})
    place = read_place(f"connections.{name}", said, path, problems)
    origin, found = path, {key: value for key, value in said.items() if key not in PLACE_KEYS}
    # A table that says nothing of a login is about a connection of the other clients.
    if not found and (place or name not in tables):
        others, shared = _ecosystem(environ, problems)
        if name in shared:
            origin, found = others, shared[name]
        elif not (place and overlay):
            known = sorted({*tables, *shared} - ({name} if place else set()))
            hint = f"known: {', '.join(known)}" if known else "none is defined there"
            problems.add(asked_by, f"{name} is not a connection ({hint})", others)
            return None
    parameters = connections.from_table(found, f"{origin} [{name}]", problems)
    made = connections.complete(name, {**parameters, **overlay}, f"{origin} [{name}]", problems)
    return replace(made, **place)


def _ecosystem(environ: Mapping[str, str], problems: Problems) -> tuple[str, dict[str, Any]]:
    """The connections that other Snowflake clients on this host use, and their file."""
    home = Path(environ.get("HOME", "/"))
    folders = [
        Path(environ["SNOWFLAKE_HOME"]) if environ.get("SNOWFLAKE_HOME") else home / ".snowflake",
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "snowflake",
        home / "Library" / "Application Support" / "snowflake",
    ]
    for folder in folders:
        path = folder.expanduser() / "connections.toml"
        if path.is_file():
            table = _read(path, problems)
            return str(path), {k: v for k, v in table.items() if isinstance(v, dict)}
        path = folder.expanduser() / "config.toml"
        if path.is_file() and isinstance(named := _read(path, problems).get("connections"), dict):
            return str(path), {k: v for k, v in named.items() if isinstance(v, dict)}
    return str(folders[0] / "connections.toml"), {}
