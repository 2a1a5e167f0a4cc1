"""One log event and one count for every request, whatever its end."""

from typing import Any, Final

import msgspec

from snowflake_mcp.ops.access import REQUEST, AccessLogger
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
    kept: dict[tuple[str, str, str, str], _Numbers] = {}

    def over(
        method: str,
        params: dict[str, Any],
        context: RequestContext,
        outcome: str,
        _: MethodResult | None,
    ) -> None:
        seconds = context.clock.seconds() - context.began
        # What a client made up must not become a label: an unknown method or tool is "unknown".
        shown = "unknown" if outcome == _NO_METHOD else method
        tool = ""
        if shown == "tools/call":
            known = tool_known(context, outcome)
            tool = (context.trail.tool or context.tool) if known else "unknown"
        end = shown, context.facts.transport, outcome, tool
        numbers = kept.get(end)
        if numbers is None:
            numbers = kept[end] = _numbers(metrics, *end)
        for counter in numbers.counters:
            counter.value += 1
        for each in numbers.times:
            each.add(seconds)
        if (every or outcome != "ok") and method not in _QUIET:
            _report(context, method, params, outcome, seconds)

    def layer(inner: Perform) -> Perform:
        return lambda method, params, context: followed(inner, method, params, context, over)

    return layer


class _Numbers(msgspec.Struct):
    """What requests that end alike add to, looked up once."""

    counters: list[Counter]
    times: list[Distribution]


def _numbers(metrics: Metrics, method: str, transport: str, outcome: str, tool: str) -> _Numbers:
    called_off = outcome.startswith("cancelled_")
    end = "cancelled" if called_off else "ok" if outcome == "ok" else "failed"
    made = _Numbers(
        [metrics.counter("requests", method, transport, end)],
        [metrics.distribution("request_seconds", method)],
    )
    if called_off:
        reason = outcome.removeprefix("cancelled_")
        made.counters.append(metrics.counter("cancellations", reason))
    if method == "tools/call":
        refused = outcome.startswith("error_")
        said = end if called_off else "error" if refused else outcome
        made.counters.append(metrics.counter("tool_calls", tool, said))
        made.times.append(metrics.distribution("tool_call_seconds", tool))
    return made


def _report(
    context: RequestContext,
    method: str,
    params: dict[str, Any],
    outcome: str,
    seconds: float,
) -> None:
    tool = params.get("name") if method == "tools/call" else None
    facts, query_id = context.facts, context.query_id
    said = {
        "request_id": context.request_id,
        "transport": facts.transport,
        "principal": facts.principal.name,
        "session": facts.session_id,
        "method": _printable(method),
        "tool": tool,
        "tool_part": f" {_printable(tool)}" if isinstance(tool, str) else "",
        "outcome": outcome,
        "elapsed_ms": round(seconds * 1000),
        "query_id": query_id,
        "query_part": f" query {query_id}" if query_id else "",
        "trace": facts.traceparent,
    }
    if not context.tell(said):
        _log.info(REQUEST, **said)


def _printable(text: str) -> str:
    """A name from the client as it may stand in a line of a log."""
    if len(text) <= 80 and text.isascii() and text.isprintable():
        return text
    return "".join(ch if ch.isascii() and ch.isprintable() else "?" for ch in text[:80])
