"""The settings of the sections ``auth`` and ``oauth``: how callers show who they are."""

from dataclasses import dataclass

from snowflake_mcp.config.ranges import number

__all__ = ["AuthSettings", "OAuthSettings"]


@dataclass(frozen=True, slots=True)
class AuthSettings:
    """How callers show who they are, beside OAuth; docs/callers.md leads through each way."""

    token_file: str = ""
    """Bearer tokens made by ``snowflake-mcp token``; read again at a reload."""
    proxy_user_header: str = ""
    """The header in which a trusted proxy names the user that it has authenticated."""
    proxy_groups_header: str = ""
    """The header in which it names the groups of that user, separated by commas."""
    allow_anonymous: bool = False
    """Serve callers without a credential as well, on every interface."""
    local_profile: str = "local"
    """The table ``[principals.NAME]`` of callers on stdio and of those without a credential. While
    there is no table ``local``, the server's own settings count for them; another must exist."""
    open_paths: tuple[str, ...] = ()
    """Paths that need no credential, of ``/status``, ``/metrics`` and ``/openapi.json``."""


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """The provider whose access tokens (JWT) are accepted."""

    issuer: str = ""
    """What tokens must name as ``iss``; its metadata is where keys are looked for."""
    resource: str = ""
    """The URL of the MCP endpoint as clients know it; what tokens are issued for."""
    audiences: tuple[str, ...] = ()
    """What ``aud`` must name one of, where that is not the resource."""
    jwks_url: str = ""
    """Where the provider's keys are, instead of what its metadata says."""
    jwks_file: str = ""
    """A file with the keys, instead of asking anybody."""
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    """How tokens may be signed; only asymmetric ones can be named."""
    required_scopes: tuple[str, ...] = ()
    """A token must have all of them."""
    implied_scopes: tuple[str, ...] = ()
    """``BROAD=NARROW`` each: whoever has the broad scope has the narrow one."""
    subject_claim: str = "sub"
    """The claim that names the caller; a dot leads into an object."""
    groups_claim: str = "groups"
    """The claim that lists groups or roles; a dot leads into an object."""
    leeway_s: float = number(30.0, 0, 300)
    """By how much the provider's clock may differ."""
    keys_cache_s: float = number(600.0, 10, 86_400)
    """Keys are fetched again after so long."""
    keys_stale_s: float = number(3_600.0, 0, 7 * 86_400)
    """How much longer they count while the provider cannot be reached."""
    refetch_s: float = number(30.0, 1, 3_600)
    """The least time between two attempts to fetch keys."""
    fetch_timeout_s: float = number(10.0, 1, 60)
    """How long an attempt may take."""
