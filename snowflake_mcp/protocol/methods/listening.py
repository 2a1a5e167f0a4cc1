"""What a client hears beside answers: ``subscriptions/listen`` and ``logging/setLevel``."""

from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.changes import Change, Changes, Kind
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, INVALID_REQUEST, McpError
from snowflake_mcp.protocol.live import LEVELS, MAX_WATCHED
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.tooling import Offer

__all__ = ["SUBSCRIPTION_KEY", "ListeningMethods"]

SUBSCRIPTION_KEY: Final = "io.modelcontextprotocol/subscriptionId"


class ListeningMethods:
    """Subscriptions of the stateless era, log levels of the other; reactor thread only."""

    def __init__(self, changes: Changes, offer: Offer) -> None:
        self._changes = changes
        self._offer = offer

    async def listen(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """Tell the changes that the client asked for until it leaves or the server stops.

        The acknowledgement goes first and names what will be told (2026-07-28,
        basic/patterns/subscriptions).
        """
        principal = context.facts.principal
        kinds, uris, agreed = self._agree(params["notifications"], principal)
        tag = {SUBSCRIPTION_KEY: context.message_id}
        ended: Deferred[None] = Deferred()

        def heard(change: Change) -> None:
            if change.kind in kinds or (change.kind == "resource" and change.uri in uris):
                context.notify(change.method, {**change.params, "_meta": dict(tag)})

        context.notify(
            "notifications/subscriptions/acknowledged",
            {"_meta": dict(tag), "notifications": agreed},
        )
        stop = self._changes.listen(heard, lambda: ended.callback(None), principal.profile)
        try:
            await ended
        finally:
            stop()
        return {"_meta": dict(tag)}

    async def set_level(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """The least level of log messages that this session wants."""
        if context.live is None:
            raise McpError(INVALID_REQUEST, "There is no session that could keep a level")
        if params["level"] not in LEVELS:
            raise McpError(INVALID_PARAMS, f"level must be one of: {', '.join(LEVELS)}")
        context.live.level = params["level"]
        return {}

    def _agree(
        self, wanted: Mapping[str, Any], principal: Principal
    ) -> tuple[set[Kind], set[str], dict[str, Any]]:
        """What will be told: the kinds, the resources, and the filter to acknowledge."""
        offer = self._offer
        lists: list[tuple[str, Kind, object]] = [
            ("toolsListChanged", "tools", offer.toolbox),
            ("promptsListChanged", "prompts", offer.prompts),
            ("resourcesListChanged", "resources", offer.library),
        ]
        kinds: set[Kind] = set()
        agreed: dict[str, Any] = {}
        for member, kind, provider in lists:
            if wanted.get(member) is True and provider is not None:
                kinds.add(kind)
                agreed[member] = True
        asked = wanted.get("resourceSubscriptions") or []
        if len(asked) > MAX_WATCHED:
            raise McpError(INVALID_PARAMS, f"More than {MAX_WATCHED} resourceSubscriptions")
        library = offer.library
        watched = [
            uri for uri in asked if library is not None and library.can_watch(uri, principal)
        ]
        if watched:
            agreed["resourceSubscriptions"] = watched
        return kinds, set(watched), agreed
