"""From a method's name to its work: is it served, do its params fit, what was answered so far."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import METHOD_NOT_FOUND, McpError
from snowflake_mcp.protocol.inputs import ASKING_METHODS, InputRequired, RequestStates
from snowflake_mcp.protocol.methods.table import EXTENSION_METHODS, Method
from snowflake_mcp.protocol.settlement import STOPPING, failed
from snowflake_mcp.protocol.validity import check_params, load_types

__all__ = ["LoadTypes", "Serving", "load_here"]

LoadTypes = Callable[[], Awaitable[None]]
"""Does ``validity.load_types``, best in another thread."""


async def load_here() -> None:
    """Load them in this thread, which does nothing else meanwhile."""
    load_types()


class Serving:
    """The innermost ``Perform``; reactor thread only."""

    def __init__(
        self, methods: Mapping[str, Method], states: RequestStates, load_types: LoadTypes
    ) -> None:
        self._methods = methods
        self._states = states
        self._load_types = load_types
        self.closing = False
        """The server stops: no new tool calls."""

    def perform(
        self, method: str, params: dict[str, Any], context: RequestContext
    ) -> Coroutine[Any, Any, MethodResult]:
        """The work of a request.

        Raises:
            McpError: there is no such method (-32601), or its params do not fit (-32602).
        """
        run = self._methods.get(method)
        version = context.facts.version
        stateless = version in eras.STATELESS
        # REST is not MCP: its body is checked by its resource, and the tool checks arguments.
        # The methods of an extension check their own params, and what is resumed was checked.
        extension = stateless and method in EXTENSION_METHODS
        if context.facts.transport != "rest" and not extension and context.resumes is None:
            try:
                if not check_params(method, version, params, context.meta):
                    return self._when_loaded(method, params, context)
            except KeyError:
                run = None
        if run is None:
            raise McpError(METHOD_NOT_FOUND, f"Method not found: {method[:80]}")
        if self.closing and method == "tools/call":
            return _stopping()
        answering = "requestState" in params or "inputResponses" in params
        if answering and stateless and method in ASKING_METHODS:
            self._restore(method, params, context)
        return self._asking(run, method, params, context)

    async def _when_loaded(
        self, method: str, params: dict[str, Any], context: RequestContext
    ) -> MethodResult:
        await self._load_types()
        return await self.perform(method, params, context)

    async def _asking(
        self, run: Method, method: str, params: dict[str, Any], context: RequestContext
    ) -> MethodResult:
        try:
            return await run(params, context)
        except InputRequired as required:
            return self._input_required(method, params, context, required)

    def _restore(self, method: str, params: dict[str, Any], context: RequestContext) -> None:
        """Bring back what the client has answered in earlier rounds of a stateless request."""
        if (state := params.get("requestState")) is not None:
            opened = self._states.open(state, context.facts.principal, method, params)
            context.answers.update(opened)
        if (responses := params.get("inputResponses")) is not None:
            context.answers.update(responses)

    def _input_required(
        self,
        method: str,
        params: dict[str, Any],
        context: RequestContext,
        required: InputRequired,
    ) -> dict[str, Any]:
        principal = context.facts.principal
        return {
            "resultType": "input_required",
            "inputRequests": {
                key: {"method": question.method, "params": dict(question.params)}
                for key, question in required.questions.items()
            },
            "requestState": self._states.seal(principal, method, params, required.answers),
        }


async def _stopping() -> MethodResult:
    return failed(STOPPING)
