"""Nobody crowds out others: how much and how fast each principal, and all of them, may ask."""

import math
from collections import OrderedDict
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import replace

from snowflake_mcp.config.model import RateSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.pipeline.buckets import Bucket, Rate
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.eras import is_stateless
from snowflake_mcp.protocol.errors import BUSY, Family, McpError, ToolFailure
from snowflake_mcp.protocol.kernel import Perform
from snowflake_mcp.protocol.pieces import encoded_bytes
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.settlement import failed
from snowflake_mcp.protocol.tooling import ToolResult

__all__ = ["Rates"]

_MOST: Final = 10_000
"""Principals whose buckets are kept; of more, who was seen longest ago begins with full ones."""
_SPARED: Final = frozenset({"ping", "tasks/cancel"})
"""A refusal costs as much as the answer to a ping, and who may not go on may still stop."""
_SPARED_TOOLS: Final = frozenset({"cancel_query"})
_GIVES: Final = frozenset({"resources/read", "tools/call"})
"""Methods whose answers hold data."""

Limit = str
"""The name of a rate in metrics and answers: ``requests``, ``statements``, ``rows``, ``bytes``."""


class Clock(Protocol):
    """What tells the time."""

    def seconds(self) -> float:
        """Seconds of a monotonic clock."""


class _Meter(msgspec.Struct, eq=False):
    """The buckets of one principal, or of all together."""

    profile: str = ""
    generation: int = -1
    """That of the settings of which the rates were made."""
    counts: RateSettings = RateSettings()
    """Those settings."""
    rates: Mapping[Limit, Rate] = msgspec.field(default_factory=dict)
    """Those that are set."""
    limits: bool = False
    """Whether any is, of its own or of all together."""
    requests: Bucket = msgspec.field(default_factory=Bucket)
    statements: Bucket = msgspec.field(default_factory=Bucket)
    rows: Bucket = msgspec.field(default_factory=Bucket)
    bytes: Bucket = msgspec.field(default_factory=Bucket)

    def bucket(self, limit: Limit) -> Bucket:
        found: Bucket = getattr(self, limit)
        return found


def _own(its: RateSettings) -> Mapping[Limit, Rate]:
    """The rates of one principal that are set."""
    return _set(
        requests=Rate(its.requests_per_s, its.burst_requests),
        statements=Rate.per_min(its.statements_per_min),
        rows=Rate.per_min(its.rows_per_min),
        bytes=Rate.per_min(its.bytes_per_min),
    )


def _total(its: RateSettings) -> Mapping[Limit, Rate]:
    """Those of all together."""
    return _set(
        requests=Rate(its.total_requests_per_s, its.total_burst_requests),
        statements=Rate.per_min(its.total_statements_per_min),
        rows=Rate.per_min(its.total_rows_per_min),
        bytes=Rate.per_min(its.total_bytes_per_min),
    )


def _set(**rates: Rate) -> Mapping[Limit, Rate]:
    return {limit: rate for limit, rate in rates.items() if rate.per_s > 0}


class Rates:
    """The buckets of every principal; reactor thread only.

    As a layer of the pipeline it refuses requests and charges answers; the warehouse asks it
    before it starts a statement, and how much of the lane a principal may have.
    """

    def __init__(self, clock: Clock, profiles: Profiles, metrics: Metrics) -> None:
        self._clock = clock
        self._profiles = profiles
        self._metrics = metrics
        self._meters: OrderedDict[str, _Meter] = OrderedDict()
        self._all = _Meter()

    def layer(self, inner: Perform) -> Perform:
        """Refuse what comes too fast; charge what an answer holds."""

        async def limited(
            meter: _Meter, method: str, params: dict[str, Any], context: RequestContext
        ) -> MethodResult:
            # What is taken up again was admitted when it began.
            spared = (
                method in _SPARED or context.tool in _SPARED_TOOLS or context.resumes is not None
            )
            if not spared and (refusal := self._asked(meter, gives=method in _GIVES)) is not None:
                if method == "tools/call":
                    meta = {"snowflake-mcp/request-id": context.request_id}
                    return replace(failed(refusal), meta=meta)
                raise _as_error(refusal, context)
            result = await inner(method, params, context)
            self._charge(meter, result)
            return result

        def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> Coroutine[Any, Any, MethodResult]:
            meter = self._meter(context.facts.principal)
            if meter.limits:
                return limited(meter, method, params, context)
            return inner(method, params, context)

        return perform

    def start(self, principal: str) -> None:
        """A statement of this principal is about to begin.

        Names that no request has brought are the server's own work, which is not limited.

        Raises:
            ToolFailure: LIMIT, it has begun too many in the last minute.
        """
        meter = self._meters.get(principal)
        if meter is not None and self._current(meter).limits:
            refusal = self._take(meter, "statements")
            if refusal is not None:
                raise refusal

    def lane_share(self, principal: str) -> tuple[int, int]:
        """Statements it may have running, and calls waiting; 0: as many as there is room for."""
        meter = self._meters.get(principal)
        if meter is None:
            return 0, 0
        settings = self._current(meter).counts
        return settings.max_statements, settings.max_waiting

    def _meter(self, principal: Principal) -> _Meter:
        """The meter of a principal, who has been seen just now."""
        name, profile = principal.name, principal.profile
        meter = self._meters.get(name)
        if meter is None:
            meter = self._meters[name] = _Meter(profile)
            if len(self._meters) > _MOST:
                self._meters.popitem(last=False)
        else:
            self._meters.move_to_end(name)
        if meter.profile != profile:
            meter.profile, meter.generation = profile, -1
        return self._current(meter)

    def _current(self, meter: _Meter) -> _Meter:
        """A meter with the rates as they count now: made once for what ``Profiles`` has taken."""
        generation = self._profiles.generation
        if meter.generation == generation:
            return meter
        servers = self._profiles.of("").rates
        everybody = self._all
        if everybody.generation != generation:
            everybody.generation, everybody.rates = generation, _total(servers)
        try:
            meter.counts = self._profiles.of(meter.profile).rates
        except KeyError:
            # A reload took the table away while a request of its caller was under way.
            meter.counts = servers
        meter.rates = _own(meter.counts)
        meter.limits = bool(meter.rates or everybody.rates)
        meter.generation = generation
        return meter

    def _asked(self, meter: _Meter, *, gives: bool) -> ToolFailure | None:
        """Take the request from the buckets, or say why not."""
        for limit in ("rows", "bytes") if gives else ():
            refusal = self._refusal(meter, limit, 0.0)
            if refusal is not None:
                return refusal
        return self._take(meter, "requests")

    def _take(self, meter: _Meter, limit: Limit) -> ToolFailure | None:
        refusal = self._refusal(meter, limit, 1.0)
        if refusal is None:
            self._charge_for(meter, limit, 1.0)
        return refusal

    def _refusal(self, meter: _Meter, limit: Limit, amount: float) -> ToolFailure | None:
        for bucket, rate, whose in self._limiting(meter, limit):
            wait_s = bucket.wait_s(self._clock.seconds(), rate, amount)
            if wait_s > 0:
                self._metrics.count("limits_hit", f"rate_{limit}")
                return _too_fast(limit, rate, whose, wait_s)
        return None

    def _charge(self, meter: _Meter, result: MethodResult) -> None:
        rows, size = _content(result)
        self._charge_for(meter, "rows", rows)
        self._charge_for(meter, "bytes", size)

    def _charge_for(self, meter: _Meter, limit: Limit, amount: float) -> None:
        for bucket, rate, _ in self._limiting(meter, limit):
            bucket.take(self._clock.seconds(), rate, amount)

    def _limiting(self, meter: _Meter, limit: Limit) -> Iterator[tuple[Bucket, Rate, str]]:
        """The buckets that count for this limit, with their rates, and whose they are."""
        own, total = self._current(meter).rates, self._all.rates
        if limit in own:
            yield meter.bucket(limit), own[limit], "you"
        if limit in total:
            yield self._all.bucket(limit), total[limit], "all callers together"


_UNIT: Final[Mapping[Limit, str]] = {
    "requests": "requests a second",
    "statements": "statements a minute",
    "rows": "rows of answers a minute",
    "bytes": "bytes of answers a minute",
}
_HINT: Final[Mapping[Limit, str]] = {
    "requests": "send fewer calls at once.",
    "statements": "answer more with one statement.",
    "rows": "ask for fewer rows: aggregate or filter in SQL.",
    "bytes": "ask for fewer rows and columns.",
}


def _too_fast(limit: Limit, rate: Rate, whose: str, wait_s: float) -> ToolFailure:
    amount = rate.per_s if limit == "requests" else rate.burst
    # Whole seconds, upwards: Retry-After knows no others, and earlier would be too early.
    retry_after_s = math.ceil(wait_s)
    return ToolFailure(
        Family.LIMIT,
        f"Too fast: {whose} may have {amount:g} {_UNIT[limit]}.",
        f"Wait {retry_after_s} s and call again; {_HINT[limit]}",
        retryable=True,
        details={"limit": limit, "retry_after_s": retry_after_s},
    )


def _as_error(refusal: ToolFailure, context: RequestContext) -> McpError:
    """For methods whose caller is a program; handshake revisions answer errors with HTTP 200."""
    retry_after_s = refusal.details["retry_after_s"]
    return McpError(
        BUSY,
        f"{refusal.message} Wait {retry_after_s} s.",
        {"limit": refusal.details["limit"], "retryAfterSeconds": retry_after_s},
        status=429 if is_stateless(context.facts.version) else None,
        retry_after_s=retry_after_s,
    )


def _content(result: MethodResult) -> tuple[int, int]:
    """Rows and bytes of an answer: of its texts, and of the parts that a worker has encoded."""
    if not isinstance(result, ToolResult):
        contents = result.get("contents", ())
        return 0, sum(len(each.get("text", "")) for each in contents)
    size = result.spooled_bytes + (len(result.text) if result.text is not None else 0)
    size += sum(len(each.get("data", "")) for each in result.blocks)
    structured = result.structured
    if isinstance(structured, msgspec.Raw):
        return 0, size + len(structured)
    if structured is None:
        return 0, size
    size += encoded_bytes(structured.values())
    rows = structured.get("row_count")
    return rows if isinstance(rows, int) else 0, size
