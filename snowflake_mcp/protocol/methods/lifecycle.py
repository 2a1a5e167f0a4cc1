"""``initialize``, ``ping`` and ``server/discover``: how a client and the server meet."""

from collections.abc import Mapping
from typing import Any

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.answers import ServerIdentity, capabilities
from snowflake_mcp.protocol.context import Negotiated, RequestContext
from snowflake_mcp.protocol.meta import client_label
from snowflake_mcp.protocol.tooling import Offer

__all__ = ["Lifecycle"]


class Lifecycle:
    """The methods that need nothing but the server's identity; reactor thread only."""

    def __init__(self, identity: ServerIdentity, offer: Offer) -> None:
        self._identity = identity
        self._offer = offer

    async def initialize(
        self, params: Mapping[str, Any], context: RequestContext
    ) -> dict[str, Any]:
        """Agree on a revision; what was agreed is left on the context for the session."""
        version = eras.negotiate(params["protocolVersion"])
        context.negotiated = Negotiated(
            version, client_label(params.get("clientInfo")), params.get("capabilities") or {}
        )
        return {
            "protocolVersion": version,
            "capabilities": capabilities(self._offer, version, context.negotiated.capabilities),
            "serverInfo": self._identity.implementation(version),
            "instructions": self._identity.instructions(context.facts.principal),
        }

    async def ping(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """An empty answer."""
        return {}

    async def discover(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """What ``initialize`` would say, for the stateless era."""
        return {
            "supportedVersions": list(eras.STATELESS),
            "capabilities": capabilities(
                self._offer, context.facts.version, context.facts.capabilities
            ),
            "instructions": self._identity.instructions(context.facts.principal),
        }
