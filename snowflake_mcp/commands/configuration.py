"""``snowflake-mcp check-config``: what a server would run with, and from where."""

from typing import Any, TextIO

from snowflake_mcp.config.model import Config
from snowflake_mcp.config.secrets import Secret
from snowflake_mcp.config.settings import settings

__all__ = ["show"]


def show(config: Config, out: TextIO) -> None:
    """Write what differs from the defaults, and the connection; secrets as ``***``."""
    connection = config.connection
    out.write(f"connection {connection.name} ({connection.backend.value}, {connection.origin})\n")
    given = sorted(connection.parameters.items())
    out.writelines(f"  {name} = {_plain(value)}\n" for name, value in given)
    changed = [
        (setting.path, value)
        for setting in settings()
        if (value := _value(config, setting.section, setting.name)) != setting.default
    ]
    out.write("settings that differ from their default:" + ("\n" if changed else " none\n"))
    for path, value in changed:
        out.write(f"  {path} = {_plain(value)}\n")
    out.write("the configuration is valid\n")


def _value(config: Config, section: str, name: str) -> Any:
    return getattr(getattr(config, section), name)


def _plain(value: object) -> str:
    if isinstance(value, Secret):
        return str(value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
