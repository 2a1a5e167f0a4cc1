"""Whether a port may be open where it is: elsewhere than on this host callers have to be known."""

from ipaddress import ip_address
from typing import Final

from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from snowflake_mcp.auth.authentication import Authentication

__all__ = ["Exposure", "is_local"]

_NEEDED: Final = (
    "others than this host can reach it, and nothing says who calls: set auth.token_file, [oauth], "
    "client certificates or auth.proxy_user_header, or auth.allow_anonymous = true to serve "
    "everybody (docs/callers.md)"
)
_log = Logger()


def is_local(address: IAddress) -> bool:
    """Whether only this host can connect to a bound address: loopback, or a Unix socket.

    The address is the one that is really bound, so a socket that systemd has opened is judged
    like any other.
    """
    host = getattr(address, "host", None)
    if host is None:
        return True
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


class Exposure:
    """Judges each port when it has been opened, before the first connection; reactor thread only.

    ``encrypted`` says whether there is TLS of our own, ``proxied`` whether a trusted proxy stands
    in front, whose business it is then.
    """

    def __init__(
        self, authentication: Authentication, *, encrypted: bool, proxied: bool = False
    ) -> None:
        self._authentication = authentication
        self._encrypted = encrypted or proxied
        self._proxied = proxied

    def admit(self, endpoint: str, address: IAddress) -> None:
        """Let a port be open.

        Raises:
            ValueError: it may not be; the text says what to set.
        """
        ways = self._authentication.ways
        if is_local(address):
            if self._proxied and not ways.names:
                _log.warn(
                    "whoever a proxy of http.trusted_proxies passes on to {endpoint} is served "
                    "without a credential: set authentication, unless the proxy asks for one",
                    endpoint=endpoint,
                )
            return
        if not ways.names and not ways.anonymous:
            raise ValueError(_NEEDED)
        self._authentication.exposed = True
        if not ways.names:
            _log.warn(
                "auth.allow_anonymous: whoever reaches {endpoint} is served without a credential",
                endpoint=endpoint,
            )
        elif not (self._encrypted or endpoint.partition(":")[0] in {"ssl", "tls"}):
            _log.warn(
                "{endpoint} is not encrypted: credentials travel in clear text to whoever reaches "
                "it directly; set [tls], or http.trusted_proxies for a proxy that does TLS",
                endpoint=endpoint,
            )
