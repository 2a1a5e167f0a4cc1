"""One log event and one count for every request, whatever its end."""

from collections.abc import Coroutine
from typing import Any, Final

from twisted.logger import Logger

from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.pipeline.outcomes import followed
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import METHOD_NOT_FOUND
from snowflake_mcp.protocol.kernel import Layer, Perform

__all__ = ["observe"]

_log = Logger()

_QUIET: Final = frozenset({"ping"})
"""Methods whose success is not worth a line."""
_NO_METHOD: Final = f"error_{METHOD_NOT_FOUND}"


def observe(metrics: Metrics, *, every: bool = True) -> Layer:
    """A layer that reports every request; counts have fixed names, log lines printable ones.

    Without ``every`` there is no line for those that went well.
    """

    def layer(inner: Perform) -> Perform:
        def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> Coroutine[Any, Any, MethodResult]:
            began = context.clock.seconds()

            def over(outcome: str, _: MethodResult | None) -> None:
                seconds = context.clock.seconds() - began
                _count(metrics, context, method, params, outcome, seconds)
                if method not in _QUIET and (every or outcome != "ok"):
                    _report(context, method, params, outcome, seconds)

            return followed(inner, method, params, context, over)

        return perform

    return layer


def _count(
    metrics: Metrics,
    context: RequestContext,
    method: str,
    params: dict[str, Any],
    outcome: str,
    seconds: float,
) -> None:
    # What a client made up must not become a label: an unknown method or tool is "unknown".
    shown = "unknown" if outcome == _NO_METHOD else method
    called_off = outcome.startswith("cancelled_")
    refused = outcome.startswith("error_")
    end = "cancelled" if called_off else "ok" if outcome == "ok" else "failed"
    metrics.count("requests", shown, context.facts.transport, end)
    metrics.observe("request_seconds", seconds, shown)
    if called_off:
        metrics.count("cancellations", context.cancel_reason or "unknown")
    if shown == "tools/call":
        tool = "unknown" if refused else context.trail.tool or str(params.get("name"))
        metrics.count("tool_calls", tool, end if called_off else "error" if refused else outcome)
        metrics.observe("tool_call_seconds", seconds, tool)


def _report(
    context: RequestContext,
    method: str,
    params: dict[str, Any],
    outcome: str,
    seconds: float,
) -> None:
    tool = params.get("name") if method == "tools/call" else None
    _log.info(
        "{request_id} {transport} {principal} {method}{tool_part} {outcome} {elapsed_ms} ms"
        "{query_part}",
        request_id=context.request_id,
        transport=context.facts.transport,
        principal=context.facts.principal.name,
        session=context.facts.session_id,
        method=_printable(method),
        tool=tool,
        tool_part=f" {_printable(tool)}" if isinstance(tool, str) else "",
        outcome=outcome,
        elapsed_ms=round(seconds * 1000),
        query_id=context.query_id,
        query_part=f" query {context.query_id}" if context.query_id else "",
        trace=context.facts.traceparent,
    )


def _printable(text: str) -> str:
    """A name from the client as it may stand in a line of a log."""
    if len(text) <= 80 and text.isascii() and text.isprintable():
        return text
    return "".join(ch if ch.isascii() and ch.isprintable() else "?" for ch in text[:80])
