"""One log event and one count for every request, whatever its end."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import msgspec

from snowflake_mcp.ops.access import REQUEST, AccessLogger
from snowflake_mcp.ops.metrics import FAMILIES, Distribution, Labels, Metrics, Value
from snowflake_mcp.pipeline.outcomes import followed, tool_known
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import METHOD_NOT_FOUND
from snowflake_mcp.protocol.kernel import Layer, Perform

__all__ = ["observe"]

_log = AccessLogger()

_QUIET: Final = frozenset({"ping"})
"""Methods whose success is not worth a line."""
_COUNTS: Final = ("requests", "cancellations", "tool_calls")
_TIMES: Final = ("request_seconds", "tool_call_seconds")
_NO_METHOD: Final = f"error_{METHOD_NOT_FOUND}"


def observe(metrics: Metrics, *, every: bool = True) -> Layer:
    """A layer that reports every request; counts have fixed names, log lines printable ones.

    Without ``every`` there is no line for those that went well.
    """
    ends: dict[tuple[str, str, str, str], _End] = {}
    for name in _COUNTS:
        metrics.watch(name, partial(_counts, name, ends.values()))
    for name in _TIMES:
        metrics.watch(name, partial(_times, name, ends.values()))

    def over(
        method: str,
        _params: dict[str, Any],
        context: RequestContext,
        outcome: str,
        _: MethodResult | None,
    ) -> None:
        facts, named = context.facts, context.tool
        seconds = context.clock.seconds() - context.began
        # What a client made up must not become a label: an unknown method or tool is "unknown".
        shown = "unknown" if outcome == _NO_METHOD else method
        tool = ""
        if shown == "tools/call":
            tool = (context.trail.tool or named) if tool_known(context, outcome) else "unknown"
        key = shown, facts.transport, outcome, tool
        end = ends.get(key)
        if end is None:
            end = ends[key] = _end(*key, every=every)
        end.times.add(seconds)
        if not end.is_told:
            return
        query_id = context.query_id
        said: dict[str, object] = {
            "request_id": context.request_id,
            "transport": facts.transport,
            "principal": facts.principal.name,
            "session": facts.session_id,
            "method": end.method if shown is method else _printable(method),
            "tool": named or None,
            "tool_part": end.tool_part if named == tool else f" {_printable(named)}",
            "outcome": outcome,
            "elapsed_ms": round(seconds * 1000),
            "query_id": query_id,
            "query_part": f" query {query_id}" if query_id else "",
            "trace": facts.traceparent,
        }
        if not context.tell(said):
            _log.tell(REQUEST, said)

    def layer(inner: Perform) -> Perform:
        return lambda method, params, context: followed(inner, method, params, context, over)

    return layer


class _End(msgspec.Struct):
    """What is known of all requests that end alike, and how long they took.

    The numbers that are shown are sums of these: to count a request is one step.
    """

    labels: dict[str, Labels]
    """Of each family to which they belong."""
    times: Distribution
    is_told: bool
    """Whether each of them has a line."""
    method: str
    """Both as they may stand in a line."""
    tool_part: str


def _end(method: str, transport: str, outcome: str, tool: str, *, every: bool) -> _End:
    called_off = outcome.startswith("cancelled_")
    end = "cancelled" if called_off else "ok" if outcome == "ok" else "failed"
    labels: dict[str, Labels] = {
        "requests": (method, transport, end),
        "request_seconds": (method,),
    }
    if called_off:
        labels["cancellations"] = (outcome.removeprefix("cancelled_"),)
    if method == "tools/call":
        refused = outcome.startswith("error_")
        labels["tool_calls"] = (tool, end if called_off else "error" if refused else outcome)
        labels["tool_call_seconds"] = (tool,)
    return _End(
        labels,
        _no_times(),
        outcome != "ok" or (every and method not in _QUIET),
        _printable(method),
        f" {_printable(tool)}" if tool else "",
    )


def _no_times() -> Distribution:
    # The families of times have the same bounds, so that one distribution can be part of each.
    bounds = FAMILIES["request_seconds"].bounds
    return Distribution(bounds, [0] * (len(bounds) + 1))


def _counts(name: str, ends: Iterable[_End]) -> dict[Labels, Value]:
    """The numbers of a family of counters."""
    found: Counter[Labels] = Counter()
    for end in ends:
        if name in end.labels:
            found[end.labels[name]] += sum(end.times.counts)
    return dict(found)


def _times(name: str, ends: Iterable[_End]) -> dict[Labels, Value]:
    """The distributions of a family of times."""
    found: defaultdict[Labels, Distribution] = defaultdict(_no_times)
    for end in ends:
        if name in end.labels:
            found[end.labels[name]].take(end.times)
    return dict(found)


def _printable(text: str) -> str:
    """A name from the client as it may stand in a line of a log."""
    if len(text) <= 80 and text.isascii() and text.isprintable():
        return text
    return "".join(ch if ch.isascii() and ch.isprintable() else "?" for ch in text[:80])
