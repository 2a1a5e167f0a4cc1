"""``snowflake-mcp check-config``: what a server would run with, and from where."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, Final, TextIO

from snowflake_mcp.auth.ways import named_ways
from snowflake_mcp.charts.available import can_draw
from snowflake_mcp.config.model import Config, ConnectionSettings, PrincipalSettings
from snowflake_mcp.config.places import ConnectionPolicy, ConnectionPool
from snowflake_mcp.config.principals import OVERRIDES, Profiles
from snowflake_mcp.config.secrets import Secret
from snowflake_mcp.config.settings import settings
from snowflake_mcp.tools.offering import offered, unserved

__all__ = ["show"]

_SEAT: Final = ("role", "warehouse")
_PLACE: Final = ("connection", *_SEAT)


def show(config: Config, out: TextIO) -> None:
    """Write what differs from the defaults, the connection, and each table of principals.

    Secrets are ``***``. Of a table it is what differs from the server's own settings.

    Raises:
        ValueError: a tier is none, or a setting about callers means nothing.
    """
    own = config.connection
    for each in (own, *(each for each in config.connections.values() if each.name != own.name)):
        out.write(f"connection {each.name} ({each.backend.value}, {each.origin})\n")
        out.writelines(f"  {name} = {_plain(value)}\n" for name, value in _said(each))
    changed = [
        (setting.path, value)
        for setting in settings()
        if (value := _value(config, setting.section, setting.name)) != setting.default
    ]
    out.write("settings that differ from their default:" + ("\n" if changed else " none\n"))
    for path, value in changed:
        out.write(f"  {path} = {_plain(value)}\n")
    for tool in config.tools.values():
        names = ", ".join(parameter.name for parameter in tool.parameters)
        place = [f", {name} {getattr(tool, name)}" for name in _PLACE if getattr(tool, name)]
        out.write(f"tools.{tool.name}: ({names}){''.join(place)}\n")
    for counts in config.principals.values():
        out.writelines(f"{line}\n" for line in _principal(counts, config))
    ways = named_ways(config)
    out.write(
        f"callers are identified by {', '.join(ways) or 'nothing: only this host is served'}\n"
    )
    out.write("the configuration is valid\n")


def _said(connection: ConnectionSettings) -> Iterator[tuple[str, object]]:
    """Its login, and what it says beside that."""
    yield from sorted(connection.parameters.items())
    if connection.description:
        yield "description", connection.description
    for part, defaults in (("policy", ConnectionPolicy()), ("pool", ConnectionPool())):
        said = getattr(connection, part)
        for each in fields(defaults):
            value = getattr(said, each.name)
            if value != getattr(defaults, each.name):
                yield f"{part}.{each.name}", value


def _principal(counts: PrincipalSettings, config: Config) -> Iterator[str]:
    """A table: where its callers' statements run, what they may call, and what differs."""
    yield f"{counts.section('')[:-1]}: {_place(counts, config)}"
    profiles = Profiles(config)
    here, sets = profiles.of(counts.name), profiles.sets(counts.name)
    visible = profiles.visible(counts.name)
    tiers = [profiles.at(counts.name, each.name).policy.tier for each in visible]
    absent = unserved(draws=config.charts.enabled and can_draw())
    tools = offered(here, config.tools, sets, tiers, opened=profiles.opened)
    names = [tool.name for tool in tools if tool.name not in absent]
    yield f"  tools = {', '.join(names)}"
    for name in OVERRIDES:
        own, server = getattr(counts, name), getattr(config, name)
        for each in fields(own):
            value = getattr(own, each.name)
            if value != getattr(server, each.name):
                yield f"  {name}.{each.name} = {_plain(value)}"
    if counts.admin:
        yield "  admin = true"


def _place(counts: PrincipalSettings, config: Config) -> str:
    parts = [f"connection {counts.connection or config.connection.name}"]
    parts += [f"{name} {getattr(counts, name)}" for name in _SEAT if getattr(counts, name)]
    return ", ".join(parts)


def _value(config: Config, section: str, name: str) -> Any:
    return getattr(getattr(config, section), name)


def _plain(value: object) -> str:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
