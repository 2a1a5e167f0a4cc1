"""The ways in which callers can show who they are, as one configuration has them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock

from snowflake_mcp.auth.access_tokens import AccessTokens
from snowflake_mcp.auth.keys import KeysUnusableError
from snowflake_mcp.auth.provider import Fetch, check_url, key_source
from snowflake_mcp.auth.token_file import read_tokens
from snowflake_mcp.auth.tokens import TokenTable
from snowflake_mcp.config.model import Config, OAuthSettings, PrincipalSettings
from snowflake_mcp.protocol.principal import LOCAL, Principal

__all__ = [
    "OPENABLE",
    "WELL_KNOWN",
    "Ways",
    "local_principal",
    "metadata_path",
    "metadata_url",
    "named_ways",
    "ways_of",
]

OPENABLE = frozenset({"/status", "/metrics", "/openapi.json"})
"""What ``auth.open_paths`` may name."""
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
"""RFC 6749, appendix A.4."""
WELL_KNOWN = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class Ways:
    """What counts now; replaced whole by a reload."""

    tokens: TokenTable | None
    access_tokens: AccessTokens | None
    oauth: OAuthSettings
    certificates: bool
    user_header: str
    groups_header: str
    anonymous: bool
    """Whether a caller without a credential is served."""
    local_profile: str
    open_paths: frozenset[str]
    principals: Mapping[str, PrincipalSettings]

    @property
    def names(self) -> list[str]:
        """For the log and /status."""
        found = {
            "tokens": self.tokens is not None,
            "oauth": self.access_tokens is not None,
            "certificates": self.certificates,
            "proxy": bool(self.user_header),
        }
        return [name for name, on in found.items() if on]

    @property
    def bearer(self) -> bool:
        """Whether an ``Authorization`` header means anything."""
        return self.tokens is not None or self.access_tokens is not None


def metadata_path(resource: str) -> str:
    """Where the metadata of a resource is (RFC 9728, section 3.1): its path goes to the end."""
    return WELL_KNOWN + urlsplit(resource).path.rstrip("/")


def metadata_url(resource: str) -> str:
    """The whole URL of that."""
    parts = urlsplit(resource)
    return urlunsplit((parts.scheme, parts.netloc, metadata_path(resource), "", ""))


def ways_of(config: Config, fetch: Fetch, clock: IReactorTime, before: Ways | None = None) -> Ways:
    """The ways of a configuration; reads the token file. Keys that ``before`` has stay in use.

    Raises:
        ValueError: a setting that means nothing, a file that cannot be read; it says which.
    """
    auth, oauth, tables = config.auth, config.oauth, config.principals
    for path in auth.open_paths:
        if path not in OPENABLE:
            raise ValueError(f"auth.open_paths: {path!r} is none of {', '.join(sorted(OPENABLE))}")
    local = local_principal(config)
    if auth.proxy_groups_header and not auth.proxy_user_header:
        raise ValueError("auth.proxy_groups_header: needs auth.proxy_user_header")
    if auth.proxy_user_header and not config.http.trusted_proxies:
        raise ValueError(
            "auth.proxy_user_header: name the proxy in http.trusted_proxies; anybody else could "
            "send that header, too"
        )
    table = TokenTable(read_tokens(Path(auth.token_file))) if auth.token_file else None
    certificates = any(each.certificates for each in tables.values())
    if certificates and not config.tls.client_ca_file:
        raise ValueError(
            "principals: certificates are named, but none is asked for: set tls.client_ca_file"
        )
    ways = Ways(
        tokens=table,
        access_tokens=_access_tokens(config, fetch, clock, before),
        oauth=oauth,
        certificates=certificates,
        user_header=auth.proxy_user_header.lower(),
        groups_header=auth.proxy_groups_header.lower(),
        anonymous=auth.allow_anonymous,
        local_profile=local.profile,
        open_paths=frozenset(auth.open_paths),
        principals=tables,
    )
    if tables and not ways.names and not local.profile:
        raise ValueError(
            "principals: there are tables, but no caller can ever belong to one: set "
            "auth.token_file, [oauth], certificates or auth.proxy_user_header, or for a server "
            "of your own a table named local (or auth.local_profile)"
        )
    return ways


def named_ways(config: Config) -> list[str]:
    """The ways that a configuration has, for a look at it without a server; asks nobody.

    Raises:
        ValueError: a setting that means nothing, a file that cannot be read.
    """

    async def nobody(_url: str, _within_s: float) -> bytes:
        raise KeysUnusableError("nobody is asked")

    return ways_of(config, nobody, Clock()).names


def local_principal(config: Config) -> Principal:
    """The caller on stdio, and the one without a credential.

    Raises:
        ValueError: ``auth.local_profile`` names no table.
    """
    profile = config.auth.local_profile
    if profile in config.principals:
        return Principal(LOCAL.name, profile)
    if profile not in {"", LOCAL.name}:
        raise ValueError(f"auth.local_profile: there is no [principals.{profile}]")
    return LOCAL


def _access_tokens(
    config: Config, fetch: Fetch, clock: IReactorTime, before: Ways | None
) -> AccessTokens | None:
    oauth = config.oauth
    if not oauth.issuer:
        if oauth != OAuthSettings():
            raise ValueError("oauth.issuer: is not set, but other settings of [oauth] are")
        return None
    if not oauth.resource:
        raise ValueError(
            "oauth.resource: has to be the URL of this server's MCP endpoint, as clients know it"
        )
    check_url("oauth.resource", oauth.resource)
    for scope in oauth.required_scopes:
        if _SCOPE.fullmatch(scope) is None:
            raise ValueError(f"oauth.required_scopes: {scope!r} cannot be a scope")
    # A key file may have changed under the same name; what is fetched looks after itself.
    if before is not None and before.oauth == oauth and not oauth.jwks_file:
        return before.access_tokens
    return AccessTokens(oauth, key_source(oauth, fetch, clock))
