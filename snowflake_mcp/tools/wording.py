"""The answer of a call in both forms: what programs read and what models read."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, cast

import msgspec

from snowflake_mcp.config.model import Backend
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.base import Call
from snowflake_mcp.tools.cells import message
from snowflake_mcp.tools.render import Rendered, json_text
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.standing import Standing, State
from snowflake_mcp.warehouse.visible import plain

__all__ = [
    "DEMO_LINE",
    "answer",
    "counted",
    "failed",
    "inline",
    "long_values",
    "stands",
    "still_running",
    "told",
]

DEMO_LINE: Final = "Demo data from the built-in sample warehouse, not a Snowflake account."

_WAIT: Final = (
    "Call get_query_status with this query_id and wait_s until it has ended, then fetch_results; "
    "cancel_query ends it."
)
_NEXT: Final[Mapping[State, str]] = {
    "queued": _WAIT,
    "resuming warehouse": _WAIT,
    "running": _WAIT,
    "success": "Call fetch_results with this query_id.",
    "failed": "",
    "cancelled": "",
    "unknown": "Call get_query_status again in a while.",
}

_DEMO: Final = Backend.DEMO.value
_META_BACKEND: Final = "snowflake-mcp/backend"
_META_REQUEST: Final = "snowflake-mcp/request-id"
_META_QUERY: Final = "snowflake-mcp/query-id"
_SHOWN_MASKED: Final = 10


def counted(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def inline(name: str) -> str:
    """A name inside a sentence."""
    return plain(name, 800)


def long_values(count: int) -> str:
    """That values were cut, and how to read them."""
    return f"{counted(count, 'long value')} cut; SUBSTR reads the rest in pieces."


def answer(
    call: Call,
    outcome: Outcome[Rendered],
    heading: str,
    *,
    truncated_by: str | None,
    next_step: str | None,
    extra: Mapping[str, Any],
    trailer: bytes = b"",
) -> ToolResult:
    """The result of a call from its finished rows; cheap, reactor thread only.

    ``heading`` is the line that counts; ``extra`` are the members of the answer that only this
    tool has; ``trailer`` is more text, encoded, after the table.
    """
    rendered, query_id = outcome.value, outcome.query_id
    call.context.trail.masked = rendered.masked
    backing = call.backing
    backend = backing.backend
    elapsed_ms = round(outcome.elapsed_s * 1_000)
    notes = f"\nNext: {next_step}" if next_step else ""
    if rendered.shown_rows < rendered.row_count:
        notes += (
            f"\nThis text shows the first {rendered.shown_rows}; "
            f"the structured content has all {rendered.row_count}."
        )
    if rendered.masked:
        names = ", ".join(plain(each, 64) for each in rendered.masked[:_SHOWN_MASKED])
        more = " and more" if len(rendered.masked) > _SHOWN_MASKED else ""
        notes += f"\nValues of {names}{more} are masked by this server."
    if rendered.shown_cut:
        notes += (
            f"\n{counted(rendered.shown_cut, 'value')} shortened here (…), "
            "longer in the structured content."
        )
    if query_id:
        notes += f"\nQuery {plain(query_id)}, {elapsed_ms} ms, connection {backing.source}."
    if backend == _DEMO:
        notes += f"\n{DEMO_LINE}"
    head = heading + ("\n" if rendered.body else "")
    text = b"".join((b'"', json_text(head), rendered.body, trailer, json_text(notes or "\n"), b'"'))
    structured = {
        **extra,
        "row_count": rendered.row_count,
        "truncated": truncated_by is not None,
        "truncated_by": truncated_by,
        "next_step": next_step,
        "query_id": query_id,
        "elapsed_ms": elapsed_ms,
        "connection": backing.connection.name,
        "backend": backend,
    }
    return ToolResult(text=msgspec.Raw(text), structured=structured, meta=_meta(call, query_id))


def told(call: Call, text: str, extra: Mapping[str, Any]) -> ToolResult:
    """The result of a call that ran no statement: a text, and the members of the answer."""
    backing = call.backing
    if backing.backend == _DEMO:
        text = f"{text}\n{DEMO_LINE}"
    structured = {
        **extra,
        "connection": backing.connection.name,
        "backend": backing.backend,
    }
    return ToolResult(text=text, structured=structured, meta=_meta(call, None))


def stands(call: Call, standing: Standing, heading: str = "") -> ToolResult:
    """The result of a call about a statement: how it stands."""
    failure = standing.failure
    error = None if failure is None else message(failure.message)
    lines = [f"{heading} State: {standing.state}.".strip()]
    if error is not None:
        lines.append(error)
    next_step = _NEXT[standing.state] or (failure.hint if failure is not None else "")
    if next_step:
        lines.append(f"Next: {message(next_step)}")
    return _about(call, standing, lines, {"error": error, "next_step": next_step or None})


def still_running(
    call: Call,
    standing: Standing,
    extra: Mapping[str, Any] = MappingProxyType({}),
    next_step: str = "",
) -> ToolResult:
    """The result of a call for rows that has waited long enough: the handle, and no rows.

    ``next_step`` is what to do, where that is not to fetch the rows; a member of ``extra`` that
    is ``...`` is one that this tool's answer lacks.
    """
    next_step = next_step or _NEXT[standing.state]
    waited = "" if standing.elapsed_s is None else f" after {standing.elapsed_s:.0f} s"
    lines = [
        f"No rows yet: the statement has not ended{waited} and goes on. State: {standing.state}.",
        f"Next: {next_step}",
    ]
    whole = {
        "columns": [],
        "rows": [],
        "total_rows": None,
        "cells_cut": 0,
        "masked": [],
        "row_count": 0,
        "truncated": True,
        "truncated_by": "time",
        "next_step": next_step,
        **extra,
    }
    return _about(
        call,
        # Where another process runs it, how long it has run is not known here.
        replace(standing, elapsed_s=standing.elapsed_s or 0.0),
        lines,
        {name: value for name, value in whole.items() if value is not ...},
    )


def _about(
    call: Call, standing: Standing, lines: Sequence[str], extra: Mapping[str, Any]
) -> ToolResult:
    elapsed_ms = None if standing.elapsed_s is None else round(standing.elapsed_s * 1_000)
    call.context.query_id = standing.query_id
    taken = "" if elapsed_ms is None else f", {elapsed_ms} ms"
    place = f"Query {plain(standing.query_id)}{taken}, connection {call.backing.source}."
    shown = told(call, "\n".join((*lines, place)), extra)
    structured = {
        **dict(cast("Mapping[str, Any]", shown.structured)),
        "query_id": standing.query_id,
        "state": standing.state,
        "elapsed_ms": elapsed_ms,
    }
    return msgspec.structs.replace(
        shown, structured=structured, meta=_meta(call, standing.query_id)
    )


def failed(call: Call, failure: ToolFailure) -> ToolResult:
    """The result of a call that failed: what happened, what to do, and the query's id."""
    query_id = failure.details.get("query_id")
    lines = [message(failure.message)]
    if failure.hint:
        lines.append(message(failure.hint))
    if isinstance(query_id, str) and query_id:
        lines.append(f"Query {plain(query_id)}.")
    if call.backing.backend == _DEMO:
        lines.append(DEMO_LINE)
    return ToolResult(
        text="\n".join(lines),
        meta=_meta(call, query_id if isinstance(query_id, str) else None),
        failure=failure,
    )


def _meta(call: Call, query_id: str | None) -> dict[str, str]:
    meta = {
        _META_BACKEND: call.backing.backend,
        _META_REQUEST: call.context.request_id,
    }
    if query_id:
        meta[_META_QUERY] = query_id
    return meta
