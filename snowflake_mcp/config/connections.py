"""Which Snowflake connection to use: from the environment, systemd, our file, connections.toml."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config import authentication
from snowflake_mcp.config.model import DEMO_CONNECTION, Backend, ConnectionSettings
from snowflake_mcp.config.parameters import KNOWN, Parameters, is_secret, secret_file, typed
from snowflake_mcp.config.settings import Problems

__all__ = [
    "CREDENTIAL_PREFIX",
    "DEMO",
    "ENVIRONMENT",
    "complete",
    "from_environment",
    "from_table",
]

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
    "SNOWFLAKE_PRIVATE_KEY": "private_key",
    "SNOWFLAKE_PRIVATE_KEY_FILE": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_PATH": "private_key_file",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "private_key_password",
    "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE_FILE": "private_key_password_file",
    "SNOWFLAKE_TOKEN": "token",
    "SNOWFLAKE_TOKEN_FILE_PATH": "token_file",
    "SNOWFLAKE_PASSCODE": "passcode",
    "SNOWFLAKE_CLIENT_REQUEST_MFA_TOKEN": "client_request_mfa_token",
    "SNOWFLAKE_CLIENT_STORE_TEMPORARY_CREDENTIAL": "client_store_temporary_credential",
    "SNOWFLAKE_OAUTH_CLIENT_ID": "oauth_client_id",
    "SNOWFLAKE_OAUTH_CLIENT_SECRET": "oauth_client_secret",
    "SNOWFLAKE_OAUTH_CLIENT_SECRET_FILE": "oauth_client_secret_file",
    "SNOWFLAKE_OAUTH_AUTHORIZATION_URL": "oauth_authorization_url",
    "SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL": "oauth_token_request_url",
    "SNOWFLAKE_OAUTH_REDIRECT_URI": "oauth_redirect_uri",
    "SNOWFLAKE_OAUTH_SCOPE": "oauth_scope",
    "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER": "workload_identity_provider",
    "SNOWFLAKE_ROLE": "role",
    "SNOWFLAKE_WAREHOUSE": "warehouse",
    "SNOWFLAKE_DATABASE": "database",
    "SNOWFLAKE_SCHEMA": "schema",
    "SNOWFLAKE_HOST": "host",
    "SNOWFLAKE_PORT": "port",
    "SNOWFLAKE_PROTOCOL": "protocol",
}
"""Environment variables of a connection and the parameter for each."""

CREDENTIAL_PREFIX: Final = "snowflake."
"""A systemd credential with this prefix and the name of a secret is that secret."""

CONTAINER_TOKEN: Final = "/snowflake/session/token"
"""Where Snowpark Container Services put a token, and renew it."""

_CREDENTIALS: Final = frozenset(name for name in KNOWN if is_secret(name)) | {"authenticator"}


def from_environment(
    environ: Mapping[str, str], problems: Problems, container_token: str = CONTAINER_TOKEN
) -> Parameters:
    """The parameters that the environment sets; empty values count as unset.

    Credentials that systemd passed to the service count as a part of it, and so does the token
    of a container that runs inside Snowflake, when nothing else says how to log in.
    """
    found: dict[str, str] = {}
    for variable, parameter in ENVIRONMENT.items():
        value = environ.get(variable, "").strip()
        if value and (parameter not in found or variable != "SNOWFLAKE_PRIVATE_KEY_PATH"):
            found[parameter] = value
    parameters = typed(found, "the environment", problems)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        parameters |= _from_systemd(Path(folder), problems)
    inside = {"account", "host"} <= parameters.keys() and not parameters.keys() & _CREDENTIALS
    if inside and "user" not in parameters and Path(container_token).is_file():
        token = secret_file("token", container_token, "the container", problems)
        if token is not None:
            parameters |= {"authenticator": "oauth", "token": token}
    return parameters


def from_table(table: Mapping[str, Any], origin: str, problems: Problems) -> Parameters:
    """The parameters of one connection table of a TOML file."""
    return typed(table, origin, problems)


def complete(
    name: str, parameters: Parameters, origin: str, problems: Problems
) -> ConnectionSettings:
    """A connection to a real account; what is missing or does not go together is noted."""
    parameters = dict(parameters)
    method = authentication.check(name, parameters, origin, problems)
    return ConnectionSettings(
        name,
        Backend.SNOWFLAKE,
        MappingProxyType(parameters),
        origin,
        asks_somebody=method is not None and method.asks_somebody,
    )


def _from_systemd(folder: Path, problems: Problems) -> Parameters:
    found: Parameters = {}
    origin = "the credentials of systemd"
    for name in sorted(KNOWN):
        path = folder / f"{CREDENTIAL_PREFIX}{name}"
        if is_secret(name) and path.is_file():
            secret = secret_file(path.name, str(path), origin, problems)
            if secret is not None:
                found[name] = secret
    return found
