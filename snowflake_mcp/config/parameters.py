"""What a connection may say: names, their types, and what was probably meant by a wrong one."""

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal

from snowflake_mcp.config.model import Parameter
from snowflake_mcp.config.secrets import MAX_SECRET_BYTES, Secret, SecretFile
from snowflake_mcp.config.settings import Problems

__all__ = ["KNOWN", "OURS", "REFUSED", "Parameters", "is_secret", "secret_file", "typed"]

Kind = Literal["text", "number", "switch", "secret", "table"]
Parameters = dict[str, Parameter]

KNOWN: Final[Mapping[str, Kind]] = {
    "account": "text",
    "application": "text",
    "authenticator": "text",
    "cert_revocation_check_mode": "text",
    "client_request_mfa_token": "switch",
    "client_store_temporary_credential": "switch",
    "custom_root_store_path": "text",
    "database": "text",
    "disable_saml_url_check": "switch",
    "external_browser_timeout": "number",
    "host": "text",
    "no_proxy": "text",
    "oauth_authorization_url": "text",
    "oauth_client_id": "text",
    "oauth_client_secret": "secret",
    "oauth_credentials_in_body": "switch",
    "oauth_disable_pkce": "switch",
    "oauth_enable_refresh_tokens": "switch",
    "oauth_enable_single_use_refresh_tokens": "switch",
    "oauth_redirect_uri": "text",
    "oauth_scope": "text",
    "oauth_token_request_url": "text",
    "okta_username": "text",
    "passcode": "secret",
    "passcode_in_password": "switch",
    "password": "secret",
    "port": "number",
    "private_key": "secret",
    "private_key_password": "secret",
    "protocol": "text",
    "proxy_host": "text",
    "proxy_password": "secret",
    "proxy_port": "number",
    "proxy_user": "text",
    "role": "text",
    "schema": "text",
    "session_parameters": "table",
    "token": "secret",
    "user": "text",
    "validate_default_parameters": "switch",
    "warehouse": "text",
    "workload_identity_entra_resource": "text",
    "workload_identity_impersonation_path": "text",
    "workload_identity_provider": "text",
}
"""The names that reach the connector. Each secret may be given as ``NAME_file``, too."""

OURS: Final = frozenset(
    {
        "arrow_number_to_decimal",
        "autocommit",
        "client_fetch_threads",
        "client_prefetch_threads",
        "client_session_keep_alive",
        "client_session_keep_alive_heartbeat_frequency",
        "connect_timeout",
        "diag_allowlist_path",
        "diag_log_path",
        "enable_diag",
        "login_timeout",
        "network_timeout",
        "numpy",
        "paramstyle",
        "query_timeout",
        "request_timeout",
        "retry_timeout",
        "secondary_roles",
        "socket_timeout",
    }
)
"""Names that files of other clients hold and that this server decides itself; passed over."""

REFUSED: Final[Mapping[str, str]] = {
    "insecure_mode": "would switch checks of TLS certificates off; remove it",
    "master_token": "belongs to a session of another client; give a credential instead",
    "region": "is a part of the account's name; write account = NAME.REGION",
    "session_token": "belongs to a session of another client; give a credential instead",
    "tls_skip_verify": "would switch checks of TLS certificates off; remove it",
    "verify_certificates": "could switch checks of TLS certificates off; remove it",
    "verify_hostname": "could switch checks of TLS certificates off; remove it",
}
"""Names that the connectors know and this server does not take, with the remedy."""

_ALIASES: Final[Mapping[str, str]] = {
    "accountname": "account",
    "databasename": "database",
    "dbname": "database",
    "mfa_passcode": "passcode",
    "oauth_socket_uri": "oauth_redirect_uri",
    "passcodeinpassword": "passcode_in_password",
    "private_key_file_pwd": "private_key_password",
    "private_key_file_pwd_file": "private_key_password_file",
    "private_key_passphrase": "private_key_password",
    "private_key_passphrase_file": "private_key_password_file",
    "private_key_path": "private_key_file",
    "private_key_raw": "private_key",
    "rolename": "role",
    "schemaname": "schema",
    "token_file_path": "token_file",
    "username": "user",
    "warehousename": "warehouse",
}
"""Spellings of the connectors, the Snowflake CLI and other clients."""

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_MAX_PORT: Final = 65_535


def is_secret(name: str) -> bool:
    """Whether a parameter is never shown and may come from a file."""
    return KNOWN.get(name) == "secret"


def typed(values: Mapping[str, Any], origin: str, problems: Problems) -> Parameters:
    """The values under the names of the connector; what does not fit is noted and left out."""
    found: Parameters = {}
    written: dict[str, str] = {}
    for given, value in values.items():
        name = _ALIASES.get(given.lower(), given.lower())
        from_file = name.removesuffix("_file")
        taken: Parameter | None
        if name != from_file and is_secret(from_file):
            name, taken = from_file, secret_file(given, str(value), origin, problems)
        elif name in OURS:
            continue
        elif name in REFUSED:
            problems.add(given, REFUSED[name], origin)
            continue
        elif name not in KNOWN:
            problems.add(given, _unknown(name), origin)
            continue
        else:
            taken = _converted(given, name, value, origin, problems)
        if name in written:
            problems.add(given, f"says the same as {written[name]}; keep one", origin)
        written[name] = given
        if taken is not None:
            found[name] = taken
    return found


def secret_file(name: str, path: str, origin: str, problems: Problems) -> SecretFile | None:
    """A secret that is read from a file at each login; it must be readable now.

    The path is made absolute, because a daemon changes its folder.
    """
    place = Path(path).expanduser().absolute()
    try:
        with place.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
    except OSError as error:
        problems.add(name, f"cannot be read: {place}: {error.strerror}", origin)
        return None
    if not content.strip() or len(content) > MAX_SECRET_BYTES:
        what = "is longer than 64 KiB" if content.strip() else "is empty"
        problems.add(name, f"{place} {what}", origin)
        return None
    return SecretFile(str(place), content)


def _unknown(name: str) -> str:
    names = [*KNOWN, *_ALIASES, *(f"{each}_file" for each in KNOWN if is_secret(each))]
    near = get_close_matches(name, names, 1, 0.7)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"is not a parameter of a connection{hint}"


def _converted(
    given: str, name: str, value: Any, origin: str, problems: Problems
) -> Parameter | None:
    kind = KNOWN[name]
    taken: Parameter | None = None
    problem = ""
    if kind == "table":
        taken = _scalars(value)
        problem = "must be a table of texts, numbers and booleans"
    elif not isinstance(value, str | int | bool):
        problem = "must be a text, a number or a boolean"
    elif kind == "secret":
        taken = Secret(str(value)) if str(value).strip() else None
        problem = "is empty"
    elif kind == "number":
        taken = int(value) if str(value).isdigit() and 0 < int(value) <= _MAX_PORT else None
        problem = "must be a port number" if "port" in name else "must be a whole number"
    elif kind == "switch":
        word = str(value).lower()
        taken = True if word in _TRUE else False if word in _FALSE else None
        problem = "must be true or false"
    else:
        taken = str(value)
    if taken is None:
        problems.add(given, problem, origin)
    return taken


def _scalars(value: Any) -> Mapping[str, str | int | bool] | None:
    if not isinstance(value, dict):
        return None
    if not all(isinstance(each, str | int | bool) for each in value.values()):
        return None
    return {str(name): each for name, each in value.items()}
