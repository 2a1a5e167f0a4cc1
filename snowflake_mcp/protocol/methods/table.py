"""Every method that the server serves, by name, from what it offers."""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from snowflake_mcp.protocol.answers import MethodResult, ServerIdentity
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.cursors import Cursors
from snowflake_mcp.protocol.methods.lifecycle import Lifecycle
from snowflake_mcp.protocol.methods.listening import ListeningMethods
from snowflake_mcp.protocol.methods.prompts import CompletionMethods, PromptMethods
from snowflake_mcp.protocol.methods.resources import ResourceMethods
from snowflake_mcp.protocol.methods.tasks import TaskMethods
from snowflake_mcp.protocol.methods.tools import ToolMethods
from snowflake_mcp.protocol.tooling import Offer

__all__ = ["EXTENSION_METHODS", "Method", "method_table"]

Method = Callable[..., Coroutine[Any, Any, MethodResult]]
"""Takes the request's params and its context."""

EXTENSION_METHODS: Final = frozenset({"tasks/get", "tasks/update", "tasks/cancel"})
"""Methods that the SDK's tables do not know; stateless era only."""


def method_table(
    offer: Offer,
    identity: ServerIdentity,
    changes: Changes,
    cursors: Cursors,
    tasks: TaskMethods,
) -> Mapping[str, Method]:
    """The methods by name; which revision has which is in ``shapes``."""
    lifecycle = Lifecycle(identity, offer)
    tools = ToolMethods(offer.toolbox, cursors, offer.views)
    listening = ListeningMethods(changes, offer)
    table: dict[str, Method] = {
        "initialize": lifecycle.initialize,
        "ping": lifecycle.ping,
        "server/discover": lifecycle.discover,
        "tools/call": tools.call,
        "tools/list": tools.list,
        "logging/setLevel": listening.set_level,
        "subscriptions/listen": listening.listen,
        "tasks/get": tasks.get,
        "tasks/update": tasks.update,
        "tasks/cancel": tasks.cancel,
    }
    if offer.library is not None:
        resources = ResourceMethods(offer.library, cursors, offer.views)
        table["resources/list"] = resources.list
        table["resources/templates/list"] = resources.templates
        table["resources/read"] = resources.read
        table["resources/subscribe"] = resources.subscribe
        table["resources/unsubscribe"] = resources.unsubscribe
    if offer.prompts is not None:
        prompts = PromptMethods(offer.prompts, cursors)
        table["prompts/list"] = prompts.list
        table["prompts/get"] = prompts.get
    if offer.completions is not None:
        table["completion/complete"] = CompletionMethods(offer.completions).complete
    return table
