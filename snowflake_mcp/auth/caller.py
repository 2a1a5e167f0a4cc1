"""What a request shows of its caller, who that is, and what is said where it is nobody."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from snowflake_mcp.protocol.principal import LOCAL, Principal

__all__ = [
    "ANONYMOUS",
    "Caller",
    "Credentials",
    "Evidence",
    "Found",
    "Method",
    "Unidentified",
    "is_subject",
]

Method = Literal["token", "jwt", "certificate", "proxy", "anonymous"]
MAX_SUBJECT_CHARS: Final = 255
RESERVED: Final = ("cert:", "proxy:")
"""What names of certificates and of proxies' users begin with, so that no subject may."""


class Credentials(msgspec.Struct, frozen=True):
    """What a request shows, as the transport read it; nothing of it has been checked."""

    authorization: Sequence[str] = ()
    """Every value of the header ``Authorization``."""
    in_query: bool = False
    """Whether the query string names a token."""
    certificate: str | None = None
    """The name in the client certificate that the TLS endpoint has verified."""
    user: Sequence[str] = ()
    """Every value of the user header; empty unless a trusted proxy passed the request on."""
    groups: Sequence[str] = ()
    """Every value of the groups header; likewise."""
    peer: str = "local"
    """The client's address, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a credential proves, once it has been checked."""

    method: Method
    subject: str
    """The user, the name in the certificate; of a static token its id."""
    profile: str = ""
    """The table that the credential itself names; only static tokens do."""
    scopes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    mark: bytes = b""
    """What has to be the same still when the credential is looked at again."""


ANONYMOUS: Final = Evidence("anonymous", LOCAL.name)


class Caller(msgspec.Struct, frozen=True):
    """An identified caller."""

    principal: Principal
    evidence: Evidence = ANONYMOUS
    expires: float | None = None
    """Seconds since the epoch at which the credential ends; ``None``: not by itself."""


Found = Caller | Callable[[], Awaitable[Caller]]
"""A caller, or how to find out when that takes a look at the provider's keys first."""


class Unidentified(Exception):
    """A request that is not let in; says nothing that the client sent.

    ``error`` is the code of RFC 6750, section 3.1, empty where none applies; ``outcome`` is the
    word of the metric. ``headers`` are set by whoever knows the challenge.
    """

    def __init__(
        self, status: int, code: str, message: str, *, outcome: str, error: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.outcome = outcome
        self.error = error
        self.headers: tuple[tuple[str, str], ...] = ()


def invalid_token(message: str) -> Unidentified:
    """The refusal of a token that is not good."""
    return Unidentified(401, "invalid_token", message, outcome="invalid", error="invalid_token")


def expired_token() -> Unidentified:
    """The refusal of one that was good."""
    return Unidentified(
        401,
        "expired_token",
        "The token has expired.",
        outcome="expired",
        error="invalid_token",
    )


def is_subject(text: object) -> bool:
    """Whether a name that others gave may be part of a principal's name.

    It stands in log lines and query tags, so it is short and has nothing invisible in it.
    """
    return (
        isinstance(text, str)
        and 0 < len(text) <= MAX_SUBJECT_CHARS
        and text.isprintable()
        and text == text.strip()
        and not text.startswith(RESERVED)
    )
