"""Static bearer tokens: how they are made, what is kept of them, how one is checked.

A token is ``smcp_<id>_<secret>``. The prefix lets scanners of repositories and logs find one that
has leaked, the id finds its entry without a search, and the secret has 256 random bits.

What is kept is the SHA-256 of the secret. Slow hashes (argon2, bcrypt) exist because people choose
passwords that can be guessed: they make each guess dear. A secret of 256 random bits cannot be
guessed at any speed, so a fast hash loses nothing, and a slow one would block the reactor at every
request. The same holds for a secret that an operator brings, as long as it is as random as it
looks: it needs 32 characters, 12 of them different.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from snowflake_mcp.auth.caller import expired_token, invalid_token

__all__ = [
    "MIN_SECRET_CHARS",
    "PREFIX",
    "Token",
    "TokenTable",
    "bearer_of",
    "digest_of",
    "is_id",
    "new_id",
    "new_secret",
    "weakness",
]

PREFIX: Final = "smcp_"
MIN_SECRET_CHARS: Final = 32
_MAX_SECRET_CHARS: Final = 512
_MIN_DIFFERENT: Final = 12
_ID: Final = re.compile(r"[a-z0-9]{4,32}")
_SECRET: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750 allows in a bearer token."""


@dataclass(frozen=True, slots=True)
class Token:
    """An entry of the token file."""

    id: str
    principal: str
    """The table ``[principals.NAME]`` that its callers belong to."""
    digest: bytes
    """SHA-256 of the secret."""
    created: float
    """Seconds since the epoch."""
    expires: float | None = None
    """Likewise; ``None``: never."""
    note: str = ""


def new_id() -> str:
    """An id for a new token; it is no secret."""
    return secrets.token_hex(6)


def new_secret() -> str:
    """256 random bits, as 43 characters."""
    return secrets.token_urlsafe(32)


def bearer_of(token_id: str, secret: str) -> str:
    """What the client sends."""
    return f"{PREFIX}{token_id}_{secret}"


def digest_of(secret: str) -> bytes:
    """What is kept of a secret; see the module for why no slow hash is needed."""
    return hashlib.sha256(secret.encode()).digest()


def weakness(secret: str) -> str:
    """Why a secret that somebody brings is not taken; empty when it is."""
    if not MIN_SECRET_CHARS <= len(secret) <= _MAX_SECRET_CHARS:
        return f"has to have {MIN_SECRET_CHARS} to {_MAX_SECRET_CHARS} characters"
    if _SECRET.fullmatch(secret) is None:
        return "may hold letters, digits and . _ ~ + / - only, and = at its end"
    if len(set(secret)) < _MIN_DIFFERENT:
        return "is not random: too few different characters"
    return ""


_NOBODY: Final = digest_of(new_secret())
"""Compared with where there is no such id, so that this costs the same."""


class TokenTable:
    """The tokens that are known now; immutable, any thread."""

    def __init__(self, tokens: Iterable[Token] = ()) -> None:
        self._by_id: Mapping[str, Token] = MappingProxyType({each.id: each for each in tokens})

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Token]:
        return iter(self._by_id.values())

    def check(self, bearer: str, now: float) -> Token:
        """The entry of a token that is presented at ``now``, in seconds since the epoch.

        An unknown id costs the same hash and the same comparison as a wrong secret.

        Raises:
            Unidentified: 401; the entry is only named to whoever has its secret.
        """
        name, _, secret = bearer.removeprefix(PREFIX).partition("_")
        token = self._by_id.get(name)
        expected = token.digest if token is not None else _NOBODY
        same = hmac.compare_digest(digest_of(secret), expected)
        if token is None or not same:
            raise invalid_token("The token is not known.")
        if token.expires is not None and token.expires <= now:
            raise expired_token()
        return token

    def still(self, token_id: str, digest: bytes, now: float) -> bool:
        """Whether the token that a caller has shown before is there unchanged and counts."""
        token = self._by_id.get(token_id)
        return (
            token is not None
            and hmac.compare_digest(token.digest, digest)
            and (token.expires is None or token.expires > now)
        )


def is_id(text: object) -> bool:
    """Whether it may be the id of a token."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None
