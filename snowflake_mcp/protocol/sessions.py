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
from typing import Any, Final

import msgspec

from snowflake_mcp.protocol.principal import Principal

__all__ = ["Session", "SessionTokens"]

_TAG_BYTES: Final = 24
MAX_TOKEN_CHARS: Final = 4_096
"""A client whose capabilities would make a longer token is given none of them back."""

MAX_REVOKED: Final = 100_000
MAX_OPENED: Final = 1_000
"""Tokens whose signature is not reckoned again; who it belongs to and its end are asked anew."""


class _Claims(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    id: str
    principal: str
    version: str
    expires: int
    client: str
    capabilities: dict[str, Any]


class Session(msgspec.Struct, frozen=True):
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
        self._opened: dict[bytes, tuple[str, int, Session]] = {}
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
        # By its digest: what opens a session is kept nowhere.
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        found = self._opened.get(digest)
        if found is None:
            claims = self._claims(token)
            if claims is None:
                return None
            session = Session(claims.id, claims.version, claims.client, claims.capabilities)
            found = claims.principal, claims.expires, session
            if len(self._opened) >= MAX_OPENED:
                self._opened.clear()
            self._opened[digest] = found
        owner, expires, session = found
        if owner != principal.name or expires < self._wall_clock() or session.id in self._revoked:
            return None
        return session

    def _claims(self, token: str) -> _Claims | None:
        """What a token of ours says."""
        body, _, tag = token.partition(".")
        try:
            if not hmac.compare_digest(_unarmour(tag), self._tag(body)):
                return None
            return msgspec.json.decode(_unarmour(body), type=_Claims)
        except (ValueError, binascii.Error, msgspec.DecodeError):
            return None

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
