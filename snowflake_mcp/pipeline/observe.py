"""One log event and one count for every request, whatever its end."""

from typing import Any, Final

from snowflake_mcp.ops.access import AccessLogger
from snowflake_mcp.ops.metrics import Counter, Distribution, Metrics
from snowflake_mcp.pipeline.outcomes import followed, tool_known
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import METHOD_NOT_FOUND
from snowflake_mcp.protocol.kernel import Layer, Perform

__all__ = ["observe"]

_log = AccessLogger()

_QUIET: Final = frozenset({"ping"})
"""Methods whose success is not worth a line."""
_NO_METHOD: Final = f"error_{METHOD_NOT_FOUND}"


def observe(metrics: Metrics, *, every: bool = True) -> Layer:
    """A layer that reports every request; counts have fixed names, log lines printable ones.

    Without ``every`` there is no line for those that went well.
    """
    ends = _Ends(metrics)

    def over(
        method: str,
        params: dict[str, Any],
        context: RequestContext,
        outcome: str,
        _: MethodResult | None,
    ) -> None:
        seconds = context.clock.seconds() - context.began
        ends.count(method, context, outcome, seconds)
        if method not in _QUIET and (every or outcome != "ok"):
            _report(context, method, params, outcome, seconds)

    def layer(inner: Perform) -> Perform:
        return lambda method, params, context: followed(inner, method, params, context, over)

    return layer


class _Ends:
    """The numbers of each way in which requests end, looked up once for each."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._kept: dict[tuple[str, str, str, str], tuple[list[Counter], list[Distribution]]] = {}

    def count(self, method: str, context: RequestContext, outcome: str, seconds: float) -> None:
        """One more, that took so long."""
        # What a client made up must not become a label: an unknown method or tool is "unknown".
        shown = "unknown" if outcome == _NO_METHOD else method
        key = shown, context.facts.transport, outcome, _tool(context, outcome)
        counters, times = self._kept.get(key) or self._made(*key)
        for counter in counters:
            counter.value += 1
        for each in times:
            each.add(seconds)

    def _made(
        self, method: str, transport: str, outcome: str, tool: str
    ) -> tuple[list[Counter], list[Distribution]]:
        metrics = self._metrics
        called_off = outcome.startswith("cancelled_")
        end = "cancelled" if called_off else "ok" if outcome == "ok" else "failed"
        counters = [metrics.counter("requests", method, transport, end)]
        times = [metrics.distribution("request_seconds", method)]
        if called_off:
            counters.append(metrics.counter("cancellations", outcome.removeprefix("cancelled_")))
        if method == "tools/call":
            refused = outcome.startswith("error_")
            said = end if called_off else "error" if refused else outcome
            counters.append(metrics.counter("tool_calls", tool, said))
            times.append(metrics.distribution("tool_call_seconds", tool))
        self._kept[method, transport, outcome, tool] = counters, times
        return counters, times


def _tool(context: RequestContext, outcome: str) -> str:
    if context.method != "tools/call":
        return ""
    return (context.trail.tool or context.tool) if tool_known(context, outcome) else "unknown"


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
