"""Who may log in, and how: a strict check of logins, for tests of clients.

Without a list of logins everybody is let in, which is what a demo needs.
"""

import base64
import hashlib
import hmac
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.ids import new_token

__all__ = ["BadLogins", "Logins", "read_logins"]

_PASSWORD: Final = ("390100", "Incorrect username or password was specified.")
_DISABLED: Final = ("390101", "User access disabled. Contact your local system administrator.")
_LOCKED: Final = ("390102", "Your user account has been temporarily locked.")
_KEY: Final = ("390144", "JWT token is invalid.")
_ROLE: Final = ("390189", "The role specified in the connect string is not granted to this user.")
_ID_TOKEN: Final = ("390195", "The provided ID Token is invalid.")
_OAUTH: Final = ("390303", "Invalid OAuth access token.")
_OAUTH_EXPIRED: Final = ("390318", "OAuth access token expired.")
_NETWORK: Final = ("390422", "Incoming request with this IP is not allowed to access Snowflake.")
_TOKEN: Final = ("394400", "Programmatic access token is invalid.")
_PASSCODE: Final = ("394507", "TOTP Invalid.")
_SECOND_FACTOR: Final = ("394508", "MFA with TOTP is required.")

_MAX_JWT_S: Final = 3600
_ALGORITHMS: Final = ("RS256", "ES256", "ES384", "ES512")


class BadLogins(Exception):
    """The list of logins cannot be used; one line for each mistake."""


@dataclass(frozen=True, slots=True)
class _User:
    """What one user may log in with; an empty value means: not with that."""

    password: str = ""
    passcode: str = ""
    """A second factor that the password needs."""
    public_keys: tuple[str, ...] = ()
    """PEM, as many as are valid at once."""
    access_tokens: tuple[str, ...] = ()
    oauth_tokens: tuple[str, ...] = ()
    expired_oauth_tokens: tuple[str, ...] = ()
    assertions: tuple[str, ...] = ()
    """What an identity provider says: SAML responses, tokens of browser logins and workloads."""
    roles: tuple[str, ...] = ()
    """Roles granted; empty: every role."""
    locked: bool = False
    disabled: bool = False
    outside: bool = False
    """The network policy keeps this user out."""


def read_logins(path: Path, wall_clock: Callable[[], float]) -> "Logins":
    """The logins of a TOML file with a table ``[users.NAME]`` for each user.

    :raises BadLogins: it cannot be read or says something unknown.
    """
    try:
        users = tomllib.loads(path.read_text()).get("users", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadLogins(f"{path}: cannot be read: {type(error).__name__}") from None
    kinds = {each.name: type(getattr(_User(), each.name)) for each in fields(_User)}
    problems: list[str] = []
    read: dict[str, _User] = {}
    for name, table in users.items() if isinstance(users, dict) else ():
        facts: dict[str, Any] = {}
        for member, value in table.items() if isinstance(table, dict) else ():
            kind = kinds.get(member)
            given = tuple(value) if isinstance(value, list) else value
            if kind is None or not isinstance(given, kind):
                problems.append(f"{path}: users.{name}.{member} is unknown or of the wrong type")
            else:
                facts[member] = given
        for pem in facts.get("public_keys", ()):
            try:
                serialization.load_pem_public_key(str(pem).encode())
            except ValueError:
                problems.append(f"{path}: users.{name}.public_keys has one that is no PEM")
        read[name.upper()] = _User(**facts)
    if problems or not read:
        raise BadLogins("\n".join(problems) or f"{path}: has no [users.NAME]")
    return Logins(read, wall_clock)


class Logins:
    """Checks logins against a list; reactor thread only."""

    def __init__(self, users: Mapping[str, _User], wall_clock: Callable[[], float]) -> None:
        self._users = users
        self._wall_clock = wall_clock
        self._remembered: dict[str, tuple[str, str]] = {}
        """User and kind of each token given out, so that a client need not ask a person again."""

    def check(self, data: Mapping[str, Any], role: str | None) -> dict[str, str]:
        """Let one in; gives what the answer has beside the session, such as a token to keep.

        :raises StatementFailed: with the code that a real account has for it.
        """
        method = str(data.get("AUTHENTICATOR") or "").upper()
        name = str(data.get("LOGIN_NAME") or "").upper()
        token = str(data.get("TOKEN") or "")
        if method in ("OAUTH", "WORKLOAD_IDENTITY") and not name:
            name = self._bearer(token)
        user = self._users.get(name, _User())
        for keeps_out, why in (
            (user.disabled, _DISABLED),
            (user.locked, _LOCKED),
            (user.outside, _NETWORK),
        ):
            if keeps_out:
                raise _refused(why)
        if method == "SNOWFLAKE_JWT":
            self._check_key(user, name, str(data.get("ACCOUNT_NAME") or ""), token)
        elif method == "OAUTH":
            if _among(token, user.expired_oauth_tokens):
                raise _refused(_OAUTH_EXPIRED)
            _demand(_among(token, user.oauth_tokens), _OAUTH)
        elif method == "PROGRAMMATIC_ACCESS_TOKEN":
            _demand(_among(token, user.access_tokens), _TOKEN)
        elif method == "ID_TOKEN":
            _demand(self._remembered.get(token) == (name, "idToken"), _ID_TOKEN)
        elif method in ("EXTERNALBROWSER", "WORKLOAD_IDENTITY") or "RAW_SAML_RESPONSE" in data:
            assertion = token or str(data.get("RAW_SAML_RESPONSE") or "")
            _demand(_among(assertion, user.assertions), _PASSWORD)
        else:
            self._check_password(user, name, data)
        if user.roles and role and role.upper() not in user.roles:
            raise _refused(_ROLE)
        return self._to_keep(name, method, data)

    def _check_password(self, user: _User, name: str, data: Mapping[str, Any]) -> None:
        password = str(data.get("PASSWORD") or "")
        passcode = str(data.get("PASSCODE") or "")
        if user.passcode and not passcode and password != user.password:
            # The passcode may stand at the end of the password.
            password, passcode = password[:-6], password[-6:]
        ours = (*((user.password,) if user.password else ()), *user.access_tokens)
        _demand(_among(password, ours), _PASSWORD)
        known = self._remembered.get(str(data.get("TOKEN") or "")) == (name, "mfaToken")
        if user.passcode and not known:
            _demand(bool(passcode), _SECOND_FACTOR)
            _demand(_among(passcode, (user.passcode,)), _PASSCODE)

    def _check_key(self, user: _User, name: str, account: str, token: str) -> None:
        account = account.partition(".")[0].upper()
        for pem in user.public_keys:
            key: Any = serialization.load_pem_public_key(pem.encode())
            try:
                # Its own notion of the time cannot be told, so the times are checked below.
                claims = jwt.decode(
                    token,
                    key,
                    algorithms=_ALGORITHMS,
                    issuer=f"{account}.{name}.{_fingerprint(key)}",
                    options={
                        "verify_exp": False,
                        "verify_iat": False,
                        "require": ["iss", "sub", "iat", "exp"],
                    },
                )
            except jwt.InvalidTokenError:
                continue
            lives = claims["iat"] - 60 <= self._wall_clock() < claims["exp"]
            short = claims["exp"] - claims["iat"] <= _MAX_JWT_S
            if lives and short and claims["sub"] == f"{account}.{name}":
                return
        raise _refused(_KEY)

    def _bearer(self, token: str) -> str:
        for name, user in self._users.items():
            tokens = (*user.oauth_tokens, *user.expired_oauth_tokens, *user.assertions)
            if _among(token, tokens):
                return name
        return ""

    def _to_keep(self, name: str, method: str, data: Mapping[str, Any]) -> dict[str, str]:
        wishes = data.get("SESSION_PARAMETERS")
        wishes = wishes if isinstance(wishes, dict) else {}
        kinds = {
            "CLIENT_REQUEST_MFA_TOKEN": ("mfaToken", "PASSCODE" in data),
            "CLIENT_STORE_TEMPORARY_CREDENTIAL": ("idToken", method == "EXTERNALBROWSER"),
        }
        kept: dict[str, str] = {}
        for wish, (kind, fits) in kinds.items():
            if fits and str(wishes.get(wish, "")).lower() == "true":
                kept[kind] = new_token()
                self._remembered[kept[kind]] = (name, kind)
        return kept


def _refused(why: tuple[str, str]) -> StatementFailed:
    code, message = why
    return StatementFailed(code, "08001", message)


def _demand(holds: bool, why: tuple[str, str]) -> None:
    if not holds:
        raise _refused(why)


def _among(given: str, ours: tuple[str, ...]) -> bool:
    """Whether it is one of ours; the time that it takes says nothing of how much was right."""
    return any(hmac.compare_digest(given.encode(), each.encode()) for each in ours)


def _fingerprint(key: Any) -> str:
    data = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(data).digest()).decode()
