"""What an answer says of how to be let in: RFC 6750, section 3, and RFC 9728, sections 2 and 5."""

from typing import Any

from snowflake_mcp.auth.caller import Unidentified
from snowflake_mcp.auth.ways import Ways, metadata_url

__all__ = ["challenge_of", "resource_metadata"]

_REALM = 'realm="snowflake-mcp"'


def challenge_of(refused: Unidentified, ways: Ways) -> str | None:
    """The value of ``WWW-Authenticate``; ``None`` where a bearer token would change nothing."""
    if not ways.bearer or refused.status not in {400, 401, 403}:
        return None
    if refused.status == 403 and not refused.error:
        return None
    parts = [f"Bearer {_REALM}"]
    if ways.access_tokens is not None:
        parts.append(f'resource_metadata="{metadata_url(ways.oauth.resource)}"')
        if ways.oauth.required_scopes:
            parts.append(f'scope="{" ".join(ways.oauth.required_scopes)}"')
    if refused.error:
        parts.append(f'error="{refused.error}"')
        parts.append(f'error_description="{refused.message}"')
    return ", ".join(parts)


def resource_metadata(ways: Ways) -> dict[str, Any] | None:
    """The metadata document; ``None`` where there is no OAuth provider to name."""
    if ways.access_tokens is None:
        return None
    document: dict[str, Any] = {
        "resource": ways.oauth.resource,
        "authorization_servers": [ways.oauth.issuer],
        "bearer_methods_supported": ["header"],
        "resource_name": "Snowflake MCP server",
    }
    if ways.oauth.required_scopes:
        document["scopes_supported"] = list(ways.oauth.required_scopes)
    return document
