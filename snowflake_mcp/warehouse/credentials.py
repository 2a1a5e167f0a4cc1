"""Who the server is towards Snowflake: the account and the arguments of a login."""

from collections.abc import Mapping
from typing import Protocol

from snowflake_mcp.config.model import Backend, ConnectionSettings, Secret

__all__ = ["Account", "SettingsAccount"]


class Account(Protocol):
    """What a warehouse logs in to; the embedded demo warehouse is one, too."""

    @property
    def name(self) -> str:
        """The connection's name in the configuration; a part of every session's key."""

    @property
    def backend(self) -> Backend:
        """Whether an account or the demo warehouse answers."""

    async def parameters(self) -> Mapping[str, object]:
        """Arguments for ``snowflake.connector.connect``, secrets included; reactor thread only.

        Asked before every login, so that rotated credentials are used. May wait. Raises whatever
        says, in its text, why there is nothing to log in to.
        """


class SettingsAccount:
    """The account that the configuration names."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings

    @property
    def name(self) -> str:
        """The connection's name in the configuration."""
        return self._settings.name

    @property
    def backend(self) -> Backend:
        """Always what the settings say; a real account in practice."""
        return self._settings.backend

    async def parameters(self) -> Mapping[str, object]:
        """The configured arguments with their secrets in clear; do not log them."""
        return {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self._settings.parameters.items()
        }
