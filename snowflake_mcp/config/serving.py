"""The settings of the listener: HTTP, TLS and WebSocket."""

from dataclasses import dataclass

from snowflake_mcp.config.ranges import number as _number

__all__ = ["HttpSettings", "TlsSettings", "WebSocketSettings"]


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The listener and what it accepts over HTTP."""

    endpoints: tuple[str, ...] = ("8000",)
    """Ports or Twisted endpoint strings; each serves HTTP and WebSocket alike."""
    host: str = "127.0.0.1"
    """The address to bind where an endpoint is only a port."""
    parser: str = "llhttp"
    """What reads requests: ``llhttp`` (in C), or ``twisted`` (``twisted.web``'s own, in Python)."""
    allowed_hosts: tuple[str, ...] = ()
    """Host header values to accept beside the loopback names and the bound addresses."""
    allowed_origins: tuple[str, ...] = ()
    """Origin header values to accept beside the server's own loopback origins."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may read answers (CORS); each is also an allowed origin."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks whose word about the client counts; ``unix``: any Unix socket."""
    forwarded_header: str = "x-forwarded"
    """What they set: ``x-forwarded`` (``X-Forwarded-For``, ``-Proto``) or ``forwarded``."""
    max_connections: int = _number(1_024, 1, 100_000)
    """Connections open at once, WebSockets not counted; more are closed unheard."""
    max_connections_per_address: int = _number(64, 1, 100_000)
    """Of these from one address, and as many WebSockets; loopback and trusted proxies apart."""
    max_body_bytes: int = _number(1 << 20, 1024, 64 << 20)
    """A larger request body is answered 413."""
    max_unsent_bytes: int = _number(8 << 20, 64 << 10, 1 << 30)
    """A client that lets more than this pile up unread on an event stream is dropped."""
    idle_timeout_s: float = _number(15.0, 1, 3600)
    """A connection that sends nothing for so long between requests is closed."""
    stream_after_s: float = _number(15.0, 0, 3600)
    """A call without an answer for so long turns its response into an event stream; 0: always."""
    keepalive_s: float = _number(15.0, 1, 3600)
    """Silence on an event stream after which a comment line is sent."""
    cancel_on_disconnect: bool = True
    """Handshake-era clients: stop the call when its HTTP request is dropped."""
    legacy_sse: bool = False
    """Serve HTTP+SSE of revision 2024-11-05 as well, for the oldest clients."""
    resume_s: float = _number(10.0, 0, 3600)
    """After a session's event stream broke: how long its call waits for the client to return."""
    key_file: str = ""
    """File with at least 32 bytes that sign sessions, states, cursors and tasks; without one a
    key is made at start, and sessions and tasks end with the process."""
    session_ttl_s: float = _number(86_400.0, 60, 30 * 86_400)
    """Life of a handshake-era session id."""


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """TLS of our own on every TCP endpoint; without a certificate it is left to a proxy."""

    certificate_file: str = ""
    """PEM: the certificate, then those between it and the authority."""
    key_file: str = ""
    """PEM, without a passphrase."""
    min_version: str = "1.2"
    """``1.2`` or ``1.3``."""
    client_ca_file: str = ""
    """PEM: the authorities whose certificates clients show; empty: none is asked for."""
    client_certificate: str = "required"
    """With ``client_ca_file``: ``required``, or ``optional`` beside other ways to say who calls."""
    client_name: str = "common_name"
    """What in a client's certificate names it: ``common_name``, ``dns``, ``email`` or ``uri``."""
    expiry_warning_days: float = _number(30.0, 0, 3650)
    """How long before its end the log begins to warn of it."""


@dataclass(frozen=True, slots=True)
class WebSocketSettings:
    """Limits of a WebSocket connection."""

    max_message_bytes: int = _number(1 << 20, 1024, 64 << 20)
    max_connections: int = _number(1_000, 1, 100000)
    max_connections_per_principal: int = _number(100, 1, 100000)
    """Of these for one principal; callers without authentication on this host apart."""
    idle_timeout_s: float = _number(3_600.0, 0, 7 * 86_400)
    """A client that has asked nothing and was told nothing for so long is sent away; 0: never."""
    ping_interval_s: float = _number(30.0, 0, 3600)
    ping_timeout_s: float = _number(30.0, 1, 3600)
    max_in_flight: int = _number(16, 1, 1024)
    """Requests a connection may have running; more are answered with an error."""
    max_unsent_bytes: int = _number(8 << 20, 64 << 10, 1 << 30)
    """A client that lets more than this pile up unread is dropped."""
