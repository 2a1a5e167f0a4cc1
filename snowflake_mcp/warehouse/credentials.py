"""Who the server is towards Snowflake: the account and the arguments of a login."""

from collections.abc import Mapping
from typing import Protocol

from snowflake_mcp.config.keys import KeyUnusableError, private_key_der
from snowflake_mcp.config.model import ConnectionSettings
from snowflake_mcp.config.secrets import Secret, SecretFile

__all__ = ["Account", "CredentialUnusableError", "SettingsAccount", "revealed"]


class CredentialUnusableError(Exception):
    """What a secret's file holds now cannot be used; nothing was sent to Snowflake."""


class Account(Protocol):
    """What a warehouse logs in to; the embedded demo warehouse is one, too."""

    @property
    def settings(self) -> ConnectionSettings:
        """The connection as it counts now; its name is a part of every session's key."""

    async def parameters(self) -> Mapping[str, object]:
        """What to log in with; reactor thread only. ``revealed`` makes arguments of it.

        Asked before every login, so that rotated credentials are used. May wait. Raises whatever
        says, in its text, why there is nothing to log in to.
        """


class SettingsAccount:
    """The account that the configuration names; reactor thread only."""

    def __init__(self, settings: ConnectionSettings) -> None:
        self._settings = settings

    @property
    def settings(self) -> ConnectionSettings:
        """The connection as it counts now."""
        return self._settings

    async def parameters(self) -> Mapping[str, object]:
        """The configured parameters, their secrets still closed."""
        return self._settings.parameters

    def take(self, settings: ConnectionSettings) -> None:
        """Log in with these from the next login on."""
        self._settings = settings


def revealed(parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters with their secrets in clear, files read now; blocks, worker threads only.

    A private key becomes unencrypted DER, which both lines take. Do not log the result.

    Raises:
        CredentialUnusableError: a file holds something else than it did at the start.
    """
    try:
        clear = {
            name: _key(value) if name == "private_key" else _text(value)
            for name, value in parameters.items()
        }
    except UnicodeDecodeError:
        raise CredentialUnusableError("a secret's file does not hold text") from None
    if "private_key" not in clear:
        return clear
    key, password = clear["private_key"], clear.pop("private_key_password", None)
    try:
        data = key if isinstance(key, bytes) else str(key).encode()
        clear["private_key"] = private_key_der(data, None if password is None else str(password))
    except KeyUnusableError as error:
        raise CredentialUnusableError(f"the private key {error}") from None
    return clear


def _key(value: object) -> object:
    return value.read() if isinstance(value, SecretFile) else _text(value)


def _text(value: object) -> object:
    if isinstance(value, SecretFile):
        # Editors and secret stores end a file with a line break that is no part of the secret.
        return value.read().decode().rstrip("\r\n")
    return value.reveal() if isinstance(value, Secret) else value
