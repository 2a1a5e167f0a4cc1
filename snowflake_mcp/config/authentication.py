"""The ways to log in to Snowflake: what each needs, and what does not go together."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from snowflake_mcp.config.keys import KeyUnusableError, private_key_der
from snowflake_mcp.config.parameters import Parameters
from snowflake_mcp.config.secrets import Secret, SecretFile
from snowflake_mcp.config.settings import Problems

__all__ = ["METHODS", "Method", "check", "method_of"]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to log in."""

    needs: tuple[str, ...] = ()
    """Parameters without which it cannot work."""
    user: bool = True
    """Whether it needs to be told the user."""
    may_have: frozenset[str] = frozenset()
    """Credentials that it uses if they are there."""
    asks_somebody: bool = False
    """A person has to do something at a login."""


Tell = Callable[[str], None]

_OKTA: Final = "okta"

METHODS: Final[Mapping[str, Method]] = {
    "snowflake": Method(("password",), may_have=frozenset({"passcode"})),
    "username_password_mfa": Method(
        ("password",), may_have=frozenset({"passcode"}), asks_somebody=True
    ),
    "snowflake_jwt": Method(("private_key",), may_have=frozenset({"private_key_password"})),
    "programmatic_access_token": Method(("token",)),
    "oauth": Method(("token",), user=False),
    "oauth_client_credentials": Method(
        ("oauth_client_id", "oauth_client_secret", "oauth_token_request_url"), user=False
    ),
    "oauth_authorization_code": Method(
        user=False,
        may_have=frozenset({"oauth_client_id", "oauth_client_secret"}),
        asks_somebody=True,
    ),
    "externalbrowser": Method(asks_somebody=True),
    "workload_identity": Method(
        ("workload_identity_provider",), user=False, may_have=frozenset({"token"})
    ),
    _OKTA: Method(("password",)),
}
"""By authenticator; an Okta address stands for ``okta``."""

_CREDENTIALS: Final = (
    "password",
    "passcode",
    "private_key",
    "private_key_password",
    "token",
    "oauth_client_id",
    "oauth_client_secret",
    "workload_identity_provider",
)
_PROVIDERS: Final = ("AWS", "AZURE", "GCP", "OIDC")
_VARIABLES: Final[Mapping[str, str]] = {
    "account": "account (SNOWFLAKE_ACCOUNT)",
    "user": "user (SNOWFLAKE_USER)",
    "password": "password (SNOWFLAKE_PASSWORD) or password_file (SNOWFLAKE_PASSWORD_FILE)",
    "private_key": "private_key_file (SNOWFLAKE_PRIVATE_KEY_FILE)",
    "token": "token_file (SNOWFLAKE_TOKEN_FILE_PATH) or token (SNOWFLAKE_TOKEN)",
    "oauth_client_id": "oauth_client_id (SNOWFLAKE_OAUTH_CLIENT_ID)",
    "oauth_client_secret": "oauth_client_secret (SNOWFLAKE_OAUTH_CLIENT_SECRET, "
    "SNOWFLAKE_OAUTH_CLIENT_SECRET_FILE)",
    "oauth_token_request_url": "oauth_token_request_url (SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL)",
    "workload_identity_provider": "workload_identity_provider "
    "(SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER): AWS, AZURE, GCP or OIDC",
}


def method_of(authenticator: str) -> str | None:
    """The key of ``METHODS`` for what was configured; ``None`` when there is no such method."""
    if "://" in authenticator:
        return _OKTA if authenticator.lower().startswith("https://") else None
    name = authenticator.lower()
    if name in ("", "snowflake_password"):
        name = "snowflake"
    return name if name in METHODS and name != _OKTA else None


def check(name: str, parameters: Parameters, origin: str, problems: Problems) -> Method | None:
    """Note what is missing, what is too much and what cannot work; settle the authenticator."""

    def tell(what: str) -> None:
        problems.add(f"connection {name}", what, origin)

    if "account" not in parameters:
        tell(f"lacks {_VARIABLES['account']}")
    chosen = _chosen(parameters, tell)
    if chosen is None:
        return None
    method = METHODS[chosen]
    if method.user and "user" not in parameters:
        tell(f"lacks {_VARIABLES['user']}")
    said = parameters["authenticator"]
    for needed in method.needs:
        if needed not in parameters:
            tell(f"lacks {_VARIABLES[needed]}, which authenticator {said} needs")
    for given in _CREDENTIALS:
        if given in parameters and given not in {*method.needs, *method.may_have}:
            tell(f"has {given}, which authenticator {said} does not use: remove one of the two")
    if chosen == "workload_identity":
        _check_workload(parameters, tell)
    if chosen == "snowflake_jwt" and "private_key" in parameters:
        _check_key(parameters, tell)
    return method


def _chosen(parameters: Parameters, tell: Tell) -> str | None:
    said = parameters.get("authenticator")
    if said is not None:
        chosen = method_of(str(said))
        if chosen is None:
            tell(f"authenticator {said} {_unknown(str(said))}")
        return chosen
    if "private_key" in parameters:
        parameters["authenticator"] = "snowflake_jwt"
    elif "password" in parameters:
        parameters["authenticator"] = "snowflake"
    elif "token" in parameters:
        tell("has a token: say what it is, authenticator = oauth or programmatic_access_token")
        return None
    else:
        if "user" not in parameters:
            tell(f"lacks {_VARIABLES['user']}")
        tell(
            "lacks a credential: private_key_file (SNOWFLAKE_PRIVATE_KEY_FILE), "
            "password (SNOWFLAKE_PASSWORD), token (SNOWFLAKE_TOKEN) with an authenticator, "
            "or authenticator = externalbrowser (SNOWFLAKE_AUTHENTICATOR)"
        )
        return None
    return str(parameters["authenticator"])


def _unknown(said: str) -> str:
    if "://" in said:
        return "must be an https address: the password is sent there"
    names = [each for each in METHODS if each != _OKTA]
    near = get_close_matches(said.lower(), names, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}, an Okta address"
    return f"is not known; {hint}"


def _check_workload(parameters: Parameters, tell: Tell) -> None:
    provider = str(parameters.get("workload_identity_provider", "AWS")).upper()
    if provider not in _PROVIDERS:
        tell(f"workload_identity_provider must be one of {', '.join(_PROVIDERS)}")
    if provider == "OIDC" and "token" not in parameters:
        tell(f"lacks {_VARIABLES['token']}, which workload_identity_provider OIDC needs")
    if provider != "OIDC" and "token" in parameters:
        tell(f"has a token, which workload_identity_provider {provider} does not use: remove it")


def _check_key(parameters: Parameters, tell: Tell) -> None:
    password = parameters.get("private_key_password")
    try:
        private_key_der(
            _content(parameters["private_key"]),
            None if password is None else _content(password).decode().rstrip("\r\n"),
        )
    except KeyUnusableError as error:
        tell(f"private_key {error}")
    except UnicodeDecodeError:
        tell("private_key_password is not text")


def _content(value: object) -> bytes:
    if isinstance(value, SecretFile):
        return value.read()
    return (value.reveal() if isinstance(value, Secret) else str(value)).encode()
