"""Handshake-era sessions over HTTP: signed tokens that carry what ``initialize`` agreed on.

No table is needed to accept one, so a restart or another replica with the same key serves it.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.principal import Principal

__all__ = ["Session", "SessionTokens"]

_TAG_BYTES: Final = 24
MAX_TOKEN_CHARS: Final = 4_096
"""A client whose capabilities would make a longer token is given none of them back."""

MAX_REVOKED: Final = 100_000


class _Claims(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    id: str
    principal: str
    version: str
    expires: int
    client: str
    capabilities: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """What one ``initialize`` agreed on."""

    id: str
    version: str
    client: str
    capabilities: Mapping[str, Any]


class SessionTokens:
    """Mint and check session ids; reactor thread only.

    ``wall_clock`` gives seconds since the epoch: expiry must hold across restarts and hosts.
    """

    def __init__(self, key: bytes, ttl_s: float, wall_clock: Callable[[], float]) -> None:
        if len(key) < 32:
            raise ValueError("the session key needs at least 32 bytes")
        self._key = key
        self._ttl_s = ttl_s
        self._wall_clock = wall_clock
        self._revoked: OrderedDict[str, None] = OrderedDict()

    def revoke(self, session_id: str) -> None:
        """Accept the session no more; forgotten at a restart, or when very many have ended."""
        self._revoked[session_id] = None
        if len(self._revoked) > MAX_REVOKED:
            self._revoked.popitem(last=False)

    def mint(
        self, principal: Principal, version: str, client: str, capabilities: Mapping[str, Any]
    ) -> tuple[str, Session]:
        """A new session and the id to send; visible ASCII, unguessable, bound to the principal."""
        session = Session(secrets.token_hex(8), version, client, capabilities)
        token = self._sign(session, principal)
        if len(token) > MAX_TOKEN_CHARS:
            session = Session(session.id, version, client, {})
            token = self._sign(session, principal)
        return token, session

    def open(self, token: str, principal: Principal) -> Session | None:
        """The session of an id, or ``None``: forged, expired, or another principal's."""
        if len(token) > MAX_TOKEN_CHARS:
            return None
        body, _, tag = token.partition(".")
        try:
            if not hmac.compare_digest(_unarmour(tag), self._tag(body)):
                return None
            claims = msgspec.json.decode(_unarmour(body), type=_Claims)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return None
        if claims.principal != principal.name or claims.expires < self._wall_clock():
            return None
        if claims.id in self._revoked:
            return None
        return Session(claims.id, claims.version, claims.client, claims.capabilities)

    def _sign(self, session: Session, principal: Principal) -> str:
        claims = _Claims(
            session.id,
            principal.name,
            session.version,
            int(self._wall_clock() + self._ttl_s),
            session.client,
            dict(session.capabilities),
        )
        body = _armour(msgspec.json.encode(claims))
        return f"{body}.{_armour(self._tag(body))}"

    def _tag(self, body: str) -> bytes:
        return hmac.digest(self._key, body.encode(), hashlib.sha256)[:_TAG_BYTES]


def _armour(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _unarmour(text: str) -> bytes:
    return base64.b64decode(
        text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True
    )
