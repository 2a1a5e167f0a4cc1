"""Test fixtures on top of what the server offers: only by an explicit setting, only on loopback."""

import importlib
import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.tooling import Offer

__all__ = ["is_local", "with_fixtures"]

_SETTING: Final = "testing.fixtures"
_PART = re.compile(r"((?:[^\\:]|\\.)*)(?::|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def is_local(endpoint: str) -> bool:
    """Whether a Twisted endpoint string can be reached from this host only.

    True for TCP on a loopback address that is written out, and for Unix sockets; what cannot be
    told from the string, such as a socket that systemd passes, counts as public.
    """
    kind, *rest = _parts(endpoint)
    if kind == "unix":
        return True
    if kind not in ("tcp", "tcp6"):
        return False
    interface = rest[1] if len(rest) > 1 else ""
    for part in rest:
        name, named, value = part.partition("=")
        if named and _unescaped(name) == "interface":
            interface = value
    try:
        return ipaddress.ip_address(_unescaped(interface)).is_loopback
    except ValueError:
        return False


def with_fixtures(module: str, endpoints: Iterable[str], offer: Offer, changes: Changes) -> Offer:
    """The offer as the module's ``extend(offer, changes)`` extends it; unchanged without a module.

    Raises:
        ValueError: an endpoint is not on loopback, or the module cannot be used.
    """
    if not module:
        return offer
    public = [endpoint for endpoint in endpoints if not is_local(endpoint)]
    if public:
        raise ValueError(
            f"{_SETTING} is for tests on loopback only, and {public[0]} is not on loopback"
        )
    try:
        extend = importlib.import_module(module).extend
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{_SETTING}: {module} cannot be used: {error}") from error
    extended: Offer = extend(offer, changes)
    return extended


def _parts(endpoint: str) -> list[str]:
    """The parts between colons; a backslash takes a colon's meaning away."""
    return [found[1] for found in _PART.finditer(endpoint)]


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
