"""One record in the audit for every request that could have touched data, whatever its end."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from snowflake_mcp.ops.audit import Audit
from snowflake_mcp.ops.redaction import redacted
from snowflake_mcp.pipeline.outcomes import followed
from snowflake_mcp.protocol.answers import MethodResult
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INTERNAL_ERROR, Family, McpError, ToolFailure
from snowflake_mcp.protocol.kernel import Layer, Perform
from snowflake_mcp.protocol.pieces import encoded_bytes
from snowflake_mcp.protocol.settlement import failed
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.protocol.trail import Trail

__all__ = ["audited"]

_ALWAYS: Final = frozenset({"tools/call", "resources/read", "tasks/cancel"})
"""Recorded whatever they do; anything else when it has sent something to Snowflake."""
_MAX_OBJECTS: Final = 50
_STATEMENT_CHARS: Final = 65_536
_ENDED: Final = frozenset({"success", "failed", "cancelled", "unknown"})
"""States after which nothing more is told of a statement."""

_REFUSED: Final = ToolFailure(
    Family.UNAVAILABLE,
    "The audit cannot be written now, and this server does nothing that is not recorded. "
    "Nothing was run.",
    "Call again in a while; the operator has to look after it.",
    retryable=True,
)
_WITHHELD: Final = ToolFailure(
    Family.UNAVAILABLE,
    "The call was carried out, but its record could not be written, so its answer is withheld.",
    "Call again in a while; look at the data first if it was a write.",
)


def audited(audit: Audit, *, statement_text: bool) -> Layer:
    """A layer that records requests; ``statement_text`` puts the text of statements into them.

    Where nothing may be done without a record, a request is refused before it has run while
    records cannot be written, and its answer withheld when its own record was lost.
    """

    def layer(inner: Perform) -> Perform:
        if not audit.is_on:
            return inner

        async def perform(
            method: str, params: dict[str, Any], context: RequestContext
        ) -> MethodResult:
            if method in _ALWAYS and not audit.may_go_on():
                return _instead(_REFUSED, method)
            began = context.clock.seconds()
            recorded, written = False, True

            def over(
                method: str,
                params: dict[str, Any],
                context: RequestContext,
                outcome: str,
                result: MethodResult | None,
            ) -> None:
                nonlocal recorded, written
                recorded = method in _ALWAYS or bool(context.trail.query_ids)
                if recorded:
                    members = {
                        **_asked(method, params, context),
                        **_done(context.trail, statement_text=statement_text),
                        **_answered(result),
                        "outcome": outcome,
                        "duration_ms": _ms(context, began),
                    }
                    written = audit.record(method, members)
                    _follow(audit, context, began)

            result = await followed(inner, method, params, context, over)
            if recorded and written and (durable := audit.durable()) is not None:
                written = await durable
            return result if written else _instead(_WITHHELD, method)

        return perform

    return layer


def _who(context: RequestContext) -> dict[str, Any]:
    facts = context.facts
    return {
        "request_id": context.request_id,
        "principal": facts.principal.name,
        "profile": facts.principal.profile,
        "peer": facts.peer,
        "transport": facts.transport,
        "client": facts.client,
        "session": facts.session_id,
        "trace": facts.traceparent,
    }


def _asked(method: str, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
    task = params.get("taskId") if method == "tasks/cancel" else None
    tool, served = params.get("name") if method == "tools/call" else None, context.trail.tool
    if context.task is not None:
        task = context.task.id
    return {
        **_who(context),
        "tool": served or _text(tool),
        "alias": _text(tool) if served else None,
        "resource": _text(params.get("uri")) if method == "resources/read" else None,
        "task": _digest(task)[:16] if isinstance(task, str) else None,
    }


def _done(trail: Trail, *, statement_text: bool) -> dict[str, Any]:
    objects = list(trail.objects)
    return {
        "connection": trail.connection,
        "role": trail.role,
        "warehouse": trail.warehouse,
        "verdict": trail.verdict,
        "kind": trail.kind,
        "tier": trail.tier,
        "rules": trail.rules,
        "objects": objects[:_MAX_OBJECTS],
        "objects_more": max(0, len(objects) - _MAX_OBJECTS) or None,
        "statement_sha256": _digest(trail.statement) if trail.statement else None,
        "statement": redacted(trail.statement[:_STATEMENT_CHARS]) if statement_text else None,
        "confirmation": trail.confirmation,
        "queries": [
            {"id": query_id, "state": state or "running"}
            for query_id, state in trail.query_ids.items()
        ],
        "service_request": trail.service_request,
        "masked": trail.masked,
        "export": trail.export,
    }


def _answered(result: MethodResult | None) -> dict[str, Any]:
    """How much left for the client, and why nothing did."""
    if isinstance(result, ToolResult):
        if result.failure is not None:
            return {"errno": result.failure.details.get("errno")}
        structured = result.structured if isinstance(result.structured, Mapping) else {}
        return {
            "rows": structured.get("row_count"),
            "bytes": result.spooled_bytes or encoded_bytes(structured.values()) or None,
        }
    contents = (result or {}).get("contents")
    if isinstance(contents, list):
        return {"bytes": sum(len(each.get("text") or each.get("blob") or "") for each in contents)}
    return {}


def _follow(audit: Audit, context: RequestContext, began: float) -> None:
    """Record the ends of statements that go on when the request has ended."""

    def ended(query_id: str, state: str) -> None:
        members = {
            **_who(context),
            "queries": [{"id": query_id, "state": state}],
            "duration_ms": _ms(context, began),
        }
        audit.record("statement.end", members)

    if any(state not in _ENDED for state in context.trail.query_ids.values()):
        context.trail.on_late_end = ended


def _instead(failure: ToolFailure, method: str) -> ToolResult:
    if method != "tools/call":
        raise McpError(INTERNAL_ERROR, failure.message)
    return failed(failure)


def _ms(context: RequestContext, began: float) -> int:
    return round((context.clock.seconds() - began) * 1_000)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
