"""What every request must pass before its body is read: its host, its origin and its types.

A page that rebinds its own name to our address shows itself by its Host, a foreign page by its
Origin; both are refused on every path, WebSocket upgrades and probes included.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from snowflake_mcp.transports.exchange import EVENT_STREAM, JSON, Refusal

__all__ = ["Guard", "check_accept", "check_content"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?")
_MAPPED: Final = "::ffff:"
_MAX_PASSED: Final = 256
"""Values of headers of which is kept that they pass: nearly all clients send the same few."""
_SHORT_CHARS: Final = 256


class Guard:
    """Host and Origin checks with the configured additions.

    A ``Host`` is accepted with any port when it is a loopback name or the very address that the
    connection came in on (an address cannot be rebound, and load balancers probe by address);
    beside those only ``allowed_hosts``: a name alone allows any port, ``name:port`` that one, and
    ``*`` turns the check off. An ``Origin`` is accepted when it names the server itself by the
    (checked) Host, is loopback on the same port, or is in ``allowed_origins``.
    """

    def __init__(self, allowed_hosts: Iterable[str] = (), allowed_origins: Iterable[str] = ()):
        self._hosts = frozenset(host.lower() for host in allowed_hosts)
        self._origins = frozenset(origin.lower().rstrip("/") for origin in allowed_origins)
        self._passed: set[tuple[str, str | None]] = set()

    def check(self, hosts: Sequence[str], origins: Sequence[str], local: str | None) -> None:
        """Pass, or refuse.

        ``local`` is the server's own address on this connection, ``None`` on a Unix socket.

        Raises:
            Refusal: 400 for a Host that is missing, doubled or malformed, 421 for a foreign one,
                403 for a foreign Origin.
        """
        if len(hosts) == 1 and not origins and (hosts[0], local) in self._passed:
            return
        if len(hosts) != 1:
            what = "doubled" if hosts else "missing"
            raise Refusal(400, f"host_{what}", f"The Host header is {what}.")
        authority = hosts[0].strip().lower()
        match = _AUTHORITY.fullmatch(authority)
        if match is None:
            raise Refusal(400, "host_malformed", "The Host header is malformed.")
        name, port = match.group(1), match.group(2)
        if not self._knows_host(authority, name, local):
            raise Refusal(
                421,
                "host_foreign",
                "This server does not answer for that host; see http.allowed_hosts.",
            )
        if origins:
            self._check_origin(origins, authority, name, port)
        elif len(self._passed) < _MAX_PASSED and len(authority) <= _SHORT_CHARS:
            self._passed.add((hosts[0], local))

    def _knows_host(self, authority: str, name: str, local: str | None) -> bool:
        return (
            name in _LOOPBACK
            or name in self._hosts
            or authority in self._hosts
            or "*" in self._hosts
            or (local is not None and name == _as_host(local))
        )

    def _check_origin(
        self, origins: Sequence[str], authority: str, name: str, port: str | None
    ) -> None:
        origin = origins[0].strip().lower() if len(origins) == 1 else ""
        if origin in self._origins:
            return
        scheme, separator, origin_authority = origin.partition("://")
        if separator and scheme in ("http", "https"):
            if origin_authority == authority:
                return
            match = _AUTHORITY.fullmatch(origin_authority)
            if (
                match is not None
                and match.group(1) in _LOOPBACK
                and name in _LOOPBACK
                and match.group(2) == port
            ):
                return
        raise Refusal(
            403, "origin_foreign", "Pages of that origin may not call; see http.allowed_origins."
        )


def check_content(types: Sequence[str], encodings: Sequence[str]) -> None:
    """Pass a JSON body in UTF-8 without compression.

    Raises:
        Refusal: 415. Compression is refused so that no small body can become a large one.
    """
    if any(value.strip().lower() not in ("", "identity") for value in encodings):
        raise Refusal(415, "content_encoding", "Request bodies must not be compressed.")
    if len(types) != 1 or not _is_json(types[0]):
        raise Refusal(415, "content_type", "Content-Type must be application/json in UTF-8.")


@lru_cache(maxsize=_MAX_PASSED)
def _is_json(value: str) -> bool:
    media, *parameters = (part.strip().lower() for part in value.split(";"))
    charsets = [
        part.partition("=")[2].strip('" ') for part in parameters if part.startswith("charset")
    ]
    return media == JSON and all(charset in ("utf-8", "utf8") for charset in charsets)


def check_accept(values: Sequence[str], needed: Iterable[str] = (JSON, EVENT_STREAM)) -> None:
    """Pass when every type in ``needed`` is acceptable.

    Raises:
        Refusal: 406. MCP clients must name both types, because the server chooses.
    """
    ranges = _ranges(",".join(values))
    for media in needed:
        group = media.partition("/")[0] + "/*"
        if ranges.isdisjoint((media, group, "*/*")):
            listed = " and ".join(needed)
            raise Refusal(406, "not_acceptable", f"The client must accept {listed}.")


@lru_cache(maxsize=_MAX_PASSED)
def _ranges(accept: str) -> frozenset[str]:
    """The types that a client accepts at all."""
    ranges: set[str] = set()
    for part in accept.lower().split(","):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters):
            ranges.add(media)
    return frozenset(ranges)


def _as_host(address: str) -> str:
    """An address as it stands in a Host header."""
    address = address.lower().partition("%")[0]
    if address.startswith(_MAPPED):
        return address.removeprefix(_MAPPED)
    return f"[{address}]" if ":" in address else address
