"""The way from this host to Snowflake, step by step: name, port, certificate, clock."""

import http.client
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from snowflake_mcp.commands.findings import Finding

__all__ = ["Address", "address_of_account", "reach"]

_WAIT_S: Final = 10.0
_SKEW_S: Final = 30.0
"""A signed login is only good for a minute, and begins now."""
_SOON_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Address:
    """Where the connection's host answers."""

    host: str
    port: int
    tls: bool


def address_of_account(parameters: Mapping[str, object]) -> Address | None:
    """Where a login would go; ``None`` when a proxy of its own stands between."""
    if parameters.get("proxy_host"):
        return None
    tls = parameters.get("protocol", "https") != "http"
    port = int(str(parameters.get("port") or (443 if tls else 80)))
    if host := parameters.get("host"):
        return Address(str(host), port, tls)
    account = str(parameters.get("account", ""))
    # Accounts in China have a domain of their own.
    china = ".cn-" in account.lower()
    return Address(f"{account}.snowflakecomputing.{'cn' if china else 'com'}", port, tls)


def reach(address: Address, now: datetime | None = None) -> Iterator[Finding]:
    """Every step up to the first that fails; blocks some seconds at most for each."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        yield Finding(
            "name",
            "fail",
            f"{address.host} is not found: {error.strerror or error}",
            "Check account (as in https://ACCOUNT.snowflakecomputing.com) or host, and the DNS of "
            "this host; a private link needs its own DNS zone.",
        )
        return
    addresses = sorted({str(each[4][0]) for each in found})
    yield Finding("name", "ok", f"{address.host} is {', '.join(addresses[:4])}")
    try:
        plain = socket.create_connection((address.host, address.port), _WAIT_S)
    except OSError as error:
        yield Finding(
            "port",
            "fail",
            f"{address.host}:{address.port} cannot be reached: {error.strerror or error}",
            "A firewall between this host and Snowflake, or a proxy that has to be named "
            "(proxy_host, or HTTPS_PROXY in the environment).",
        )
        return
    with closing(plain):
        yield Finding("port", "ok", f"{address.host}:{address.port} answers")
        if not address.tls:
            yield Finding("certificate", "skip", "the connection says protocol = http")
            yield _clock(address, plain, now)
            return
        try:
            secure = ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "verify_message", "") or error.strerror or str(error)
            yield Finding(
                "certificate",
                "fail",
                f"no trusted connection: {reason}",
                "A proxy that opens TLS needs its CA among those of this host; an expired or "
                "foreign certificate means that something else answers at this address.",
            )
            return
        with closing(secure):
            yield _certificate(secure, now)
            yield _clock(address, secure, now)


def _certificate(secure: ssl.SSLSocket, now: datetime | None) -> Finding:
    until = datetime.fromtimestamp(
        ssl.cert_time_to_seconds(str((secure.getpeercert() or {}).get("notAfter"))), UTC
    )
    left = (until - (now or datetime.now(UTC))).days
    return Finding(
        "certificate",
        "ok" if left > _SOON_DAYS else "warn",
        f"trusted, {secure.version()}, good for {left} days",
    )


def _clock(address: Address, open_socket: socket.socket, now: datetime | None) -> Finding:
    """The clock of this host beside the one of whoever answers."""
    connection = http.client.HTTPConnection(address.host, address.port, timeout=_WAIT_S)
    connection.sock = open_socket
    try:
        connection.request("HEAD", "/", headers={"Connection": "close"})
        date = connection.getresponse().getheader("Date")
        theirs = parsedate_to_datetime(date) if date else None
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Finding("clock", "skip", f"no time to compare with: {type(error).__name__}")
    if theirs is None:
        return Finding("clock", "skip", "no time to compare with: the answer has no Date")
    apart = abs(((now or datetime.now(UTC)) - theirs).total_seconds())
    if apart <= _SKEW_S:
        return Finding("clock", "ok", f"within {_SKEW_S:.0f} s of Snowflake's")
    return Finding(
        "clock",
        "fail",
        f"{apart:.0f} s apart from Snowflake's",
        "Set the clock (NTP): logins by key pair and tokens are refused when clocks differ.",
    )
