"""The OAuth provider: where its keys are, and a bounded look at them over HTTPS."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import msgspec
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.auth.keys import FetchedKeys, FixedKeys, KeySource, KeysUnusableError
from snowflake_mcp.config.model import OAuthSettings

__all__ = ["Fetch", "check_url", "fetching", "key_source", "metadata_urls"]

Fetch = Callable[[str, float], Awaitable[bytes]]
"""Reads a document: its URL, and a bound of seconds. Raises ``KeysUnusableError``."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_ODD: Final = frozenset(' "<>\\')
"""Characters that no URL has and that would end a quoted value in a header."""
_MAX_FILE_BYTES: Final = 1 << 20


def fetching(reactor: Any) -> Fetch:
    """Documents as they are read over the network; nothing is connected before it is used."""

    async def fetch(url: str, within_s: float) -> bytes:
        # The client side of twisted.web takes 80 ms to load, and only OAuth needs it.
        from snowflake_mcp.auth.agent import read_document  # noqa: PLC0415 - see above

        return await read_document(reactor, check_url("a document", url), within_s)

    return fetch


def check_url(name: str, url: str) -> str:
    """The URL, if it may be asked or named: https, or http on loopback.

    Raises:
        ValueError: with the setting's name.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        host = None
        parts = urlsplit("")
    plain = url.isascii() and url.isprintable() and not _ODD.intersection(url)
    if host is None or parts.username is not None or parts.fragment or not plain:
        raise ValueError(f"{name}: {url[:200]!r} is not a plain URL")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise ValueError(f"{name}: {url[:200]!r} has to begin with https:// (http on loopback)")
    return url


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata is: as OpenID Connect has it, and as RFC 8414 has it."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        urlunsplit(
            (parts.scheme, parts.netloc, f"{path}/.well-known/openid-configuration", "", "")
        ),
        urlunsplit(
            (parts.scheme, parts.netloc, f"/.well-known/oauth-authorization-server{path}", "", "")
        ),
    )


def key_source(settings: OAuthSettings, fetch: Fetch, clock: IReactorTime) -> KeySource:
    """The keys as the settings say: a file, a URL, or what the issuer's metadata names.

    Raises:
        ValueError: a URL that may not be asked, a file that holds no keys.
    """
    check_url("oauth.issuer", settings.issuer)
    if settings.jwks_file:
        path = Path(settings.jwks_file)
        try:
            with path.open("rb") as file:
                return FixedKeys(file.read(_MAX_FILE_BYTES))
        except OSError as error:
            raise ValueError(f"oauth.jwks_file: {path} cannot be read: {error.strerror}") from None
        except KeysUnusableError as error:
            raise ValueError(f"oauth.jwks_file: {path} {error}") from None
    if settings.jwks_url:
        check_url("oauth.jwks_url", settings.jwks_url)

    async def keys() -> bytes:
        url = settings.jwks_url or await _discovered(settings, fetch)
        return await fetch(url, settings.fetch_timeout_s)

    return FetchedKeys(keys, clock, settings)


async def _discovered(settings: OAuthSettings, fetch: Fetch) -> str:
    problem = ""
    for url in metadata_urls(settings.issuer):
        try:
            document = await fetch(url, settings.fetch_timeout_s)
            return _keys_url(document, settings.issuer)
        except KeysUnusableError as error:
            problem = problem or str(error)
    raise KeysUnusableError(f"the issuer's metadata: {problem}")


def _keys_url(document: bytes, issuer: str) -> str:
    try:
        metadata = msgspec.json.decode(document, type=dict[str, Any])
    except msgspec.DecodeError:
        raise KeysUnusableError("is not JSON") from None
    if metadata.get("issuer") != issuer:
        # RFC 8414, section 3.3: otherwise another issuer's keys could be put in their place.
        raise KeysUnusableError("names another issuer than oauth.issuer")
    url = metadata.get("jwks_uri")
    if not isinstance(url, str):
        raise KeysUnusableError("names no jwks_uri")
    try:
        return check_url("its jwks_uri", url)
    except ValueError as error:
        raise KeysUnusableError(str(error)) from None
