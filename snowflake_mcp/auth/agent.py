"""Reading a small document over HTTPS without blocking: bounded in bytes and in time."""

# mypy: allow-untyped-calls

from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TimedOutError
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from snowflake_mcp.auth.keys import KeysUnusableError

__all__ = ["MAX_DOCUMENT_BYTES", "read_document"]

MAX_DOCUMENT_BYTES: Final = 1 << 20
_CONNECT_S: Final = 5.0


async def read_document(reactor: Any, url: str, within_s: float) -> bytes:
    """The document at a URL; reactor thread only.

    Certificates and host names are checked against the trust of the host (``SSL_CERT_FILE``
    names another). Redirects are not followed: the operator names the place, or the issuer does.

    Raises:
        KeysUnusableError: it cannot be had within these seconds and bytes.
    """
    agent = Agent(reactor, connectTimeout=min(_CONNECT_S, within_s))
    headers = Headers({"Accept": ["application/json"], "User-Agent": ["snowflake-mcp"]})
    work = Deferred.fromCoroutine(_read(agent, url, headers))
    work.addTimeout(within_s, reactor)
    try:
        return await work
    except CancelledError:
        raise
    except TimedOutError:
        raise KeysUnusableError(f"{url} did not answer within {within_s:g} s") from None
    except (ConnectError, DNSLookupError, ResponseFailed) as error:
        # What TLS or the socket said lies one level deeper.
        reasons = [each.type.__name__ for each in getattr(error, "reasons", ())]
        why = ", ".join([type(error).__name__, *reasons])
        raise KeysUnusableError(f"{url} cannot be reached: {why}") from None


async def _read(agent: Agent, url: str, headers: Headers) -> bytes:
    response: Any = await agent.request(b"GET", url.encode("ascii"), headers)
    too_large = response.length is not UNKNOWN_LENGTH and response.length > MAX_DOCUMENT_BYTES
    refused = response.code != 200
    body = _Body(0 if refused or too_large else MAX_DOCUMENT_BYTES)
    response.deliverBody(body)
    if refused:
        raise KeysUnusableError(f"{url} answers {response.code}")
    whole = None if too_large else await body.whole
    if whole is None:
        raise KeysUnusableError(f"{url} is larger than {MAX_DOCUMENT_BYTES} bytes")
    return whole


class _Body(Protocol):
    """A response body up to a bound; what is longer ends the connection."""

    transport: Any

    def __init__(self, max_bytes: int) -> None:
        self.whole: Deferred[bytes | None] = Deferred(self._abandon)
        self._left = max_bytes
        self._pieces: list[bytes] = []
        # With nothing wanted nobody waits either.
        self._over = max_bytes == 0

    def dataReceived(self, data: bytes) -> None:
        """Keep a piece, as far as the bound goes."""
        self._left -= len(data)
        if self._left >= 0:
            self._pieces.append(data)
            return
        self._pieces.clear()
        self._over = True
        self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body is complete, or the connection broke."""
        if self.whole.called:
            return
        if self._over:
            self.whole.callback(None)
        elif reason.check(ResponseDone):
            self.whole.callback(b"".join(self._pieces))
        else:
            self.whole.errback(KeysUnusableError("the connection broke in the middle"))

    def _abandon(self, _: object) -> None:
        self._over = True
        self._pieces.clear()
        if self.transport is not None:
            self.transport.loseConnection()
