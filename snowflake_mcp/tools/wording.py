"""The answer of a call in both forms: what programs read and what models read."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from snowflake_mcp.config.model import Backend
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.base import Call
from snowflake_mcp.tools.cells import message
from snowflake_mcp.tools.render import Rendered, json_text
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.visible import plain

__all__ = ["DEMO_LINE", "answer", "counted", "failed", "inline", "told"]

DEMO_LINE: Final = "Demo data from the built-in sample warehouse, not a Snowflake account."

_META: Final = "snowflake-mcp/"


def counted(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def inline(name: str) -> str:
    """A name inside a sentence."""
    return plain(name, 800)


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
    rendered = outcome.value
    connection = call.backing.connection
    elapsed_ms = round(outcome.elapsed_s * 1_000)
    notes = [f"Next: {next_step}"] if next_step else []
    if rendered.shown_rows < rendered.row_count:
        notes.append(
            f"This text shows the first {rendered.shown_rows}; "
            f"the structured content has all {rendered.row_count}."
        )
    if rendered.shown_cut:
        notes.append(
            f"{counted(rendered.shown_cut, 'value')} shortened here (…), "
            "longer in the structured content."
        )
    notes.append(
        f"Query {plain(outcome.query_id)}, {elapsed_ms} ms, connection {plain(connection.name)}."
    )
    if connection.backend is Backend.DEMO:
        notes.append(DEMO_LINE)
    head = heading + ("\n" if rendered.body else "")
    text = b"".join(
        (b'"', json_text(head), rendered.body, trailer, json_text("\n" + "\n".join(notes)), b'"')
    )
    structured = {
        **extra,
        "row_count": rendered.row_count,
        "truncated": truncated_by is not None,
        "truncated_by": truncated_by,
        "next_step": next_step,
        "query_id": outcome.query_id,
        "elapsed_ms": elapsed_ms,
        "connection": connection.name,
        "backend": connection.backend.value,
    }
    return ToolResult(
        text=msgspec.Raw(text), structured=structured, meta=_meta(call, outcome.query_id)
    )


def told(call: Call, text: str, extra: Mapping[str, Any]) -> ToolResult:
    """The result of a call that ran no statement: a text, and the members of the answer."""
    connection = call.backing.connection
    if connection.backend is Backend.DEMO:
        text = f"{text}\n{DEMO_LINE}"
    structured = {
        **extra,
        "connection": connection.name,
        "backend": connection.backend.value,
    }
    return ToolResult(text=text, structured=structured, meta=_meta(call, None))


def failed(call: Call, failure: ToolFailure) -> ToolResult:
    """The result of a call that failed: what happened, what to do, and the query's id."""
    query_id = failure.details.get("query_id")
    lines = [message(failure.message)]
    if failure.hint:
        lines.append(message(failure.hint))
    if isinstance(query_id, str) and query_id:
        lines.append(f"Query {plain(query_id)}.")
    if call.backing.connection.backend is Backend.DEMO:
        lines.append(DEMO_LINE)
    return ToolResult(
        text="\n".join(lines),
        meta=_meta(call, query_id if isinstance(query_id, str) else None),
        failure=failure,
    )


def _meta(call: Call, query_id: str | None) -> dict[str, str]:
    meta = {
        _META + "backend": call.backing.connection.backend.value,
        _META + "request-id": call.context.request_id,
    }
    if query_id:
        meta[_META + "query-id"] = query_id
    return meta
