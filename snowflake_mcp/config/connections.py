"""Which Snowflake connection to use: from the environment, our file, or connections.toml."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config.model import (
    DEMO_CONNECTION,
    Backend,
    ConnectionSettings,
    Secret,
)
from snowflake_mcp.config.settings import Problems

__all__ = ["DEMO", "ENVIRONMENT", "complete", "from_environment", "from_table"]

Parameters = dict[str, str | int | bool | Secret]

DEMO: Final = ConnectionSettings(
    DEMO_CONNECTION,
    Backend.DEMO,
    MappingProxyType({"database": "DEMO", "schema": "SALES"}),
)

ENVIRONMENT: Final[Mapping[str, str]] = {
    "SNOWFLAKE_ACCOUNT": "account",
    "SNOWFLAKE_USER": "user",
    "SNOWFLAKE_PASSWORD": "password",
    "SNOWFLAKE_PASSWORD_FILE": "password_file",
    "SNOWFLAKE_AUTHENTICATOR": "authenticator",
    "SNOWFLAKE_PRIVATE_KEY_FILE": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_PATH": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "private_key_file_pwd",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE_FILE": "private_key_file_pwd_file",
    "SNOWFLAKE_TOKEN": "token",
    "SNOWFLAKE_TOKEN_FILE_PATH": "token_file_path",
    "SNOWFLAKE_PASSCODE": "passcode",
    "SNOWFLAKE_ROLE": "role",
    "SNOWFLAKE_WAREHOUSE": "warehouse",
    "SNOWFLAKE_DATABASE": "database",
    "SNOWFLAKE_SCHEMA": "schema",
    "SNOWFLAKE_HOST": "host",
    "SNOWFLAKE_PORT": "port",
    "SNOWFLAKE_PROTOCOL": "protocol",
}
"""Environment variables of a connection and the connector's name for each."""

_SECRETS: Final = frozenset({"password", "token", "passcode", "private_key_file_pwd"})
_FROM_FILE: Final = ("password", "private_key_file_pwd")
"""Secrets that may be given as ``NAME_file``: read once, at start."""

_ALIASES: Final[Mapping[str, str]] = {
    "accountname": "account",
    "username": "user",
    "dbname": "database",
    "databasename": "database",
    "schemaname": "schema",
    "warehousename": "warehouse",
    "rolename": "role",
    "private_key_path": "private_key_file",
    "private_key_passphrase": "private_key_file_pwd",
}
"""Spellings that connections.toml files of other Snowflake clients use."""

_OWN_CREDENTIAL: Final = frozenset(
    {"externalbrowser", "workload_identity", "oauth_authorization_code"}
)
"""Authenticators that need no secret in the configuration."""
_NO_USER: Final = frozenset(
    {"oauth", "workload_identity", "oauth_authorization_code", "oauth_client_credentials"}
)
_KEYS: Final = frozenset({"private_key_file", "private_key"})
_CREDENTIALS: Final = frozenset({"password", "token", "token_file_path", "oauth_client_secret"})


def from_environment(environ: Mapping[str, str], problems: Problems) -> Parameters:
    """The connection parameters that the environment sets; empty values count as unset."""
    found = {
        parameter: value
        for variable, parameter in ENVIRONMENT.items()
        if (value := environ.get(variable, "").strip())
    }
    return _typed(found, "the environment", problems)


def from_table(table: Mapping[str, Any], origin: str, problems: Problems) -> Parameters:
    """The parameters of one connection table of a TOML file."""
    named = {_ALIASES.get(name.lower(), name.lower()): value for name, value in table.items()}
    return _typed(named, origin, problems)


def complete(
    name: str, parameters: Parameters, origin: str, problems: Problems
) -> ConnectionSettings:
    """A connection to a real account; what is missing is noted by name."""
    authenticator = str(parameters.get("authenticator", "snowflake")).lower()
    missing: list[str] = []
    if "account" not in parameters:
        missing.append("account (SNOWFLAKE_ACCOUNT)")
    if "user" not in parameters and authenticator not in _NO_USER:
        missing.append("user (SNOWFLAKE_USER)")
    if not _has_credential(parameters, authenticator):
        missing.append(
            "a credential: private_key_file (SNOWFLAKE_PRIVATE_KEY_FILE), "
            "token (SNOWFLAKE_TOKEN), password (SNOWFLAKE_PASSWORD), "
            "or authenticator = externalbrowser (SNOWFLAKE_AUTHENTICATOR)"
        )
    for each in missing:
        problems.add(f"connection {name}", f"lacks {each}", origin)
    key = parameters.get("private_key_file")
    if isinstance(key, str):
        path = Path(key).expanduser()
        parameters["private_key_file"] = str(path)
        if not path.is_file():
            problems.add(f"connection {name}", f"private_key_file {path} is not a file", origin)
    return ConnectionSettings(name, Backend.SNOWFLAKE, MappingProxyType(dict(parameters)), origin)


def _has_credential(parameters: Parameters, authenticator: str) -> bool:
    given = parameters.keys()
    if given & _KEYS or authenticator in _OWN_CREDENTIAL:
        return True
    if authenticator == "snowflake_jwt":
        return False
    return bool(given & _CREDENTIALS)


def _typed(values: Mapping[str, Any], origin: str, problems: Problems) -> Parameters:
    typed: Parameters = {}
    for name, value in values.items():
        base = name.removesuffix("_file")
        if name.endswith("_file") and base in _FROM_FILE:
            secret = _read_secret(name, str(value), origin, problems)
            if secret is not None:
                typed[base] = secret
        elif name in _SECRETS:
            typed[name] = Secret(str(value))
        elif name == "port":
            if not str(value).isdigit() or not 0 < int(value) < 65_536:
                problems.add("port", "must be a port number", origin)
            else:
                typed[name] = int(value)
        elif isinstance(value, str | int | bool):
            typed[name] = value
        else:
            problems.add(name, "must be a text, a number or a boolean", origin)
    return typed


def _read_secret(name: str, path: str, origin: str, problems: Problems) -> Secret | None:
    try:
        return Secret(Path(path).expanduser().read_text().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError) as error:
        problems.add(name, f"cannot be read: {type(error).__name__}", origin)
        return None
