"""Where a request really came from, when it came through a reverse proxy that is trusted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from itertools import islice
from typing import Final

import msgspec

__all__ = ["UNIX", "Proxies", "Source"]

UNIX: Final = "unix"
"""In ``http.trusted_proxies``: whoever connects to a Unix socket."""
_CHOICES: Final = ("x-forwarded", "forwarded")
_MAX_HOPS: Final = 32
_MAX_MET: Final = 1_024
"""Addresses of which is kept what was found out; looking at one costs more than a call's rest."""
_SCHEMES: Final = frozenset({"http", "https"})

Headers = Callable[[str], Sequence[str]]
"""Gives every value of a header in the order they came."""


class Source(msgspec.Struct, frozen=True):
    """What is known of the client behind a request."""

    address: str
    """Its address; "local" where there is none."""
    scheme: str
    """``http`` or ``https``, as the client speaks it."""
    proxied: bool
    """Whether a trusted proxy passed the request on, so that its headers may be believed."""


class Proxies:
    """The proxies whose word counts: ``http.trusted_proxies`` and ``http.forwarded_header``.

    Headers of anybody else are ignored. Of the addresses that a trusted proxy names, the
    right-most one counts that is no trusted proxy itself: each proxy appends the address that it
    saw, so what stands further left was written by the client or by proxies nobody vouches for.
    Only one family of headers is read: a proxy that sets the one lets the other pass as the
    client wrote it.
    """

    def __init__(self, trusted: Iterable[str] = (), header: str = _CHOICES[0]) -> None:
        """Take the settings.

        Raises:
            ValueError: what is written is no address, network or known family of headers.
        """
        if header not in _CHOICES:
            raise ValueError(f"http.forwarded_header: {header!r} is none of {', '.join(_CHOICES)}")
        self._standard = header == "forwarded"
        names = [each.strip().lower() for each in trusted]
        self._sockets = UNIX in names
        self._networks = tuple(_network(name) for name in names if name != UNIX)
        self._met: dict[str, tuple[str, bool]] = {}

    def trusts(self, address: str | None) -> bool:
        """Whether the other end of a connection is a trusted proxy; ``None`` on a Unix socket."""
        if address is None:
            return self._sockets
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    def source(self, direct: str | None, scheme: str, headers: Headers) -> Source:
        """Who asked, given the other end of the connection and how it speaks."""
        seen, trusted = self._met.get(direct or "") or self._meet(direct)
        if not trusted:
            return Source(seen, scheme, proxied=False)
        hops = self._standard_hops(headers) if self._standard else self._usual_hops(headers)
        for address, named in islice(hops, _MAX_HOPS):
            scheme = named or scheme
            if address is None:
                break
            seen = address
            if not self.trusts(address):
                break
        return Source(seen, scheme, proxied=True)

    def _meet(self, direct: str | None) -> tuple[str, bool]:
        """How the other end of a connection is written, and whether it is trusted."""
        met = "local" if direct is None else _unmapped(direct), self.trusts(direct)
        if len(self._met) >= _MAX_MET:
            self._met.clear()
        self._met[direct or ""] = met
        return met

    def _usual_hops(self, headers: Headers) -> Iterator[tuple[str | None, str]]:
        """The addresses from the nearest on; an unreadable one is ``None`` and ends the search."""
        schemes = _listed(headers("x-forwarded-proto"))
        # The proxy next to us speaks last, and of the whole way.
        scheme = schemes[-1].lower() if schemes else ""
        scheme = scheme if scheme in _SCHEMES else ""
        hops = _listed(headers("x-forwarded-for"))
        for hop in reversed(hops):
            yield _without_port(hop), scheme
        if not hops:
            yield None, scheme

    def _standard_hops(self, headers: Headers) -> Iterator[tuple[str | None, str]]:
        for element in reversed(_listed(headers("forwarded"))):
            pairs = [pair.partition("=") for pair in element.split(";")]
            named = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
            scheme = named.get("proto", "").lower()
            yield _without_port(named.get("for", "")), scheme if scheme in _SCHEMES else ""


def _network(name: str) -> IPv6Network:
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        raise ValueError(
            f"http.trusted_proxies: {name!r} is no address, no network and not {UNIX!r}"
        ) from None
    if isinstance(network, IPv6Network):
        return network
    return IPv6Network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")


def _parsed(address: str) -> IPv6Address | None:
    """Every address as IPv6, so that one that is mapped equals itself."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return IPv6Address(f"::ffff:{parsed}") if isinstance(parsed, IPv4Address) else parsed


def _unmapped(address: str) -> str:
    parsed = _parsed(address)
    if parsed is None:
        return address
    return str(parsed.ipv4_mapped or parsed)


def _without_port(hop: str) -> str | None:
    """The address of a hop without its port, in its canonical form; ``None``: it is none."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    return _unmapped(hop) if _parsed(hop) is not None else None


def _listed(values: Sequence[str]) -> list[str]:
    parts = (part.strip() for value in values for part in value.split(","))
    return [part for part in parts if part]
