"""Access tokens of an OAuth provider: signed JWTs (RFC 9068), checked on our own clock."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jwt import PyJWTError, decode_complete, get_unverified_header

from snowflake_mcp.auth.caller import (
    Evidence,
    Unidentified,
    expired_token,
    invalid_token,
    is_subject,
)
from snowflake_mcp.auth.keys import ALGORITHMS, KeySet, KeySource
from snowflake_mcp.auth.membership import Scopes
from snowflake_mcp.config.model import OAuthSettings

__all__ = ["AccessTokens", "KeysNeeded", "Proven", "looks_like_jwt"]

MAX_TOKEN_CHARS: Final = 12_288
_MAX_KNOWN: Final = 10_000
_MAX_LISTED: Final = 500


class KeysNeeded(Exception):
    """The token can be judged only after the provider has been asked for its keys."""


@dataclass(frozen=True, slots=True)
class Proven:
    """What a valid token says."""

    evidence: Evidence
    expires: float
    """Seconds since the epoch, the leeway included."""


def looks_like_jwt(bearer: str) -> bool:
    """Whether it has the form of a signed JWT."""
    return bearer.count(".") == 2 and len(bearer) <= MAX_TOKEN_CHARS


class AccessTokens:
    """The judge of access tokens; reactor thread only.

    A check costs a signature: 120 us with RS256 or ES256, 180 us with EdDSA. What has been found
    valid is therefore kept, under its SHA-256, until it ends or the provider's keys change; to
    find it again costs 1 us.
    """

    def __init__(self, settings: OAuthSettings, source: KeySource) -> None:
        """Take the settings.

        Raises:
            ValueError: an algorithm that is not asymmetric, a scope rule that means nothing.
        """
        for name in settings.algorithms:
            if name not in ALGORITHMS:
                known = ", ".join(ALGORITHMS)
                raise ValueError(f"oauth.algorithms: {name!r} is none of {known}")
        if not settings.algorithms:
            raise ValueError("oauth.algorithms: at least one is needed")
        self.source = source
        self._settings = settings
        self._scopes = Scopes(settings.implied_scopes)
        self._audiences = frozenset(settings.audiences or (settings.resource,))
        self._known: OrderedDict[bytes, Proven] = OrderedDict()
        self._known_by: KeySet | None = None

    def known(self, bearer: str, now: float) -> Proven | None:
        """What an earlier check of the very same token has found, if it still holds."""
        keys = self.source.current
        if keys is None or keys is not self._known_by:
            self._known.clear()
            self._known_by = keys
            return None
        at = hashlib.sha256(bearer.encode()).digest()
        found = self._known.get(at)
        if found is None:
            return None
        if found.expires <= now:
            del self._known[at]
            return None
        self._known.move_to_end(at)
        return found

    def check(self, bearer: str, now: float) -> Proven:
        """What the token proves at ``now``, in seconds since the epoch.

        Raises:
            Unidentified: 401 for a token that does not count here, 403 for one without a needed
                scope, 503 while no keys can be had.
            KeysNeeded: refresh the keys, then check again.
        """
        found = self.known(bearer, now)
        if found is None:
            found = self._checked(bearer, now)
            self._known[hashlib.sha256(bearer.encode()).digest()] = found
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        if not found.evidence.scopes.issuperset(self._settings.required_scopes):
            raise Unidentified(
                403,
                "insufficient_scope",
                "The token lacks a scope that this server needs.",
                outcome="insufficient_scope",
                error="insufficient_scope",
            )
        return found

    def _checked(self, bearer: str, now: float) -> Proven:
        claims = self._signed(bearer)
        settings, leeway = self._settings, self._settings.leeway_s
        expires, starts = _time(claims, "exp"), _time(claims, "nbf")
        issued = _time(claims, "iat")
        if expires is None:
            raise invalid_token("The token has no time of expiry.")
        if expires + leeway <= now:
            raise expired_token()
        if any(each is not None and each - leeway > now for each in (starts, issued)):
            raise invalid_token("The token is not valid yet.")
        if claims.get("iss") != settings.issuer:
            raise invalid_token("The token comes from another issuer.")
        if self._audiences.isdisjoint(_texts(claims.get("aud"))):
            raise invalid_token("The token was not issued for this server.")
        subject = _claim(claims, settings.subject_claim)
        if not is_subject(subject):
            raise invalid_token("The token does not name its user.")
        scopes = [*_words(claims.get("scope")), *_words(claims.get("scp"))]
        evidence = Evidence(
            "jwt",
            str(subject),
            scopes=self._scopes.of(scopes),
            groups=frozenset(_texts(_claim(claims, settings.groups_claim))),
        )
        return Proven(evidence, expires + leeway)

    def _signed(self, bearer: str) -> Mapping[str, Any]:
        """The claims of a token whose signature is right; nothing of them has been looked at."""
        try:
            header = get_unverified_header(bearer)
        except (PyJWTError, ValueError):
            raise invalid_token("The token cannot be read.") from None
        algorithm, kid = header.get("alg"), header.get("kid")
        if algorithm not in self._settings.algorithms:
            raise invalid_token("The token is signed in a way that is not accepted.")
        if "crit" in header or not isinstance(kid, str | None):
            raise invalid_token("The token has a header that is not understood.")
        keys = self._keys()
        key = keys.find(kid, algorithm)
        if key is None:
            if self.source.may_refresh:
                raise KeysNeeded
            raise invalid_token("The token is signed with a key that is not known.")
        try:
            # Times, issuer and audience are judged by us: the library would take its own clock.
            whole = decode_complete(
                bearer,
                key,
                algorithms=[algorithm],
                options=_SIGNATURE_ONLY,
            )
        except (PyJWTError, ValueError):
            raise invalid_token("The token's signature is wrong.") from None
        claims: Mapping[str, Any] = whole["payload"]
        return claims

    def _keys(self) -> KeySet:
        keys = self.source.current
        if keys is not None:
            return keys
        if self.source.may_refresh:
            raise KeysNeeded
        raise Unidentified(
            503,
            "keys_unavailable",
            "The authorization server cannot be reached, so tokens cannot be checked now.",
            outcome="unavailable",
        )


_SIGNATURE_ONLY: Final[Any] = {
    "verify_signature": True,
    **{f"verify_{name}": False for name in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")},
}


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # The second half turns NaN and infinity away.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise invalid_token(f"The token's {name} is not a time.")
    return float(value)


def _claim(claims: Mapping[str, Any], name: str) -> object:
    """A claim by its name; where there is none of that name, dots lead into objects."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(part)
    return found


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(each for each in value[:_MAX_LISTED] if isinstance(each, str))
    return ()


def _words(value: object) -> Iterable[str]:
    """Scopes: one text with blanks, or a list."""
    return value.split(" ")[:_MAX_LISTED] if isinstance(value, str) else _texts(value)
