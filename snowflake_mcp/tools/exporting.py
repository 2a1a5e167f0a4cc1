"""The tool that writes the whole result of a statement into a file."""

from datetime import UTC, datetime
from typing import Any, Final

from twisted.internet.defer import CancelledError

from snowflake_mcp.config.model import Backend
from snowflake_mcp.exports.spool import TYPES, Export, Spool
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.base import Call, Tool
from snowflake_mcp.tools.export_types import Exported, ExportResults
from snowflake_mcp.tools.exporters import Written, exporter
from snowflake_mcp.tools.trails import note_export
from snowflake_mcp.tools.wording import DEMO_LINE, counted, inline, still_running
from snowflake_mcp.warehouse.exact import TooWideError
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.standing import StillRunningError
from snowflake_mcp.warehouse.visible import plain

__all__ = ["EXPORTING"]

_UNKNOWN: Final = {"format": None, "rows": None, "bytes": None, "sha256": None, "expires": None}


async def _export_results(arguments: ExportResults, call: Call) -> ToolResult:
    form = arguments.format or "csv"
    _spool(call)
    call = await call.where(arguments.query_id)
    try:
        try:
            return await _written(arguments.query_id, form, call, coarse=False)
        except TooWideError as problem:
            if problem.coarse:
                raise
            # Whether a timestamp has a place is known only when it comes.
            return await _written(arguments.query_id, form, call, coarse=True)
    except StillRunningError as running:
        nothing: dict[str, Any] = {
            **_UNKNOWN,
            "format": form,
            "columns": [],
            "uri": None,
            "link": None,
        }
        return still_running(call, running.standing, nothing)


async def _written(query_id: str, form: str, call: Call, *, coarse: bool) -> ToolResult:
    exports = _spool(call)
    draft = exports.draft(call.context.facts.principal.name, form)
    outcome_word = "failed"
    try:
        most = exports.settings.max_rows
        writing = exporter(form, draft, call.backing.masks, coarse=coarse)
        outcome = await call.read(query_id, writing, offset=0, max_rows=most)
        if outcome.cut is not None:
            raise _too_long(most)
        export = exports.keep(
            draft, outcome.query_id or query_id, outcome.rows, outcome.value.sha256
        )
    except CancelledError:
        outcome_word = "cancelled"
        raise
    except ToolFailure as failure:
        outcome_word = failure.family.value
        raise
    finally:
        # Of one that is kept it does nothing.
        exports.drop(draft, outcome_word)
    return _told(call, export, outcome)


def _told(call: Call, export: Export, outcome: Outcome[Written]) -> ToolResult:
    trail, written = call.context.trail, outcome.value
    trail.masked = written.masked
    note_export(trail, export.name)
    uri = f"snowflake://exports/{export.id}"
    expires = datetime.fromtimestamp(int(export.expires), UTC).isoformat()
    local = call.context.facts.transport == "stdio"
    link = str(export.path) if local else _link(call, export)
    connection = call.backing.connection
    size = f"{counted(export.rows, 'row')} as {export.format}, {counted(export.bytes, 'byte')}"
    lines = [f"{size}.", f"sha256 {export.sha256}"]
    next_step = None
    if link is not None:
        lines.append(f"{'File' if local else 'Download'}: {link}")
        next_step = f"Give the {'path' if local else 'link'} to the user; until {expires}."
    elif export.bytes <= _spool(call).settings.max_read_bytes:
        next_step = f"Read the resource {uri}; until {expires}."
    else:
        next_step = (
            "This server gives no links, and the file is too large to be read as a resource: use "
            "fetch_results."
        )
    if outcome.total_rows is None and export.rows:
        next_step += (
            f" Snowflake kept no more than these {counted(export.rows, 'row')}: for a larger "
            "result start the statement with submit_query and export that."
        )
    lines.append(f"Next: {next_step}")
    if written.masked:
        names = ", ".join(inline(name) for name in written.masked[:10])
        lines.append(f"Values of {names} are masked by this server.")
    lines.append(f"Query {plain(outcome.query_id)}, connection {plain(connection.name)}.")
    if connection.backend is Backend.DEMO:
        lines.append(DEMO_LINE)
    return ToolResult(
        text="\n".join(lines),
        structured={
            "state": "success",
            "format": export.format,
            "rows": export.rows,
            "bytes": export.bytes,
            "sha256": export.sha256,
            "expires": expires,
            "columns": written.columns,
            "uri": uri,
            "link": link,
            "row_count": export.rows,
            "truncated": False,
            "truncated_by": None,
            "next_step": next_step,
            "query_id": outcome.query_id,
            "elapsed_ms": round(outcome.elapsed_s * 1_000),
            "connection": connection.name,
            "backend": connection.backend.value,
            "masked": list(written.masked),
        },
        meta={
            "snowflake-mcp/backend": connection.backend.value,
            "snowflake-mcp/request-id": call.context.request_id,
            "snowflake-mcp/query-id": outcome.query_id,
        },
        blocks=(
            {
                "type": "resource_link",
                "uri": uri,
                "name": export.name,
                "title": f"Result of query {export.query_id}",
                "mimeType": TYPES[export.format],
                "size": export.bytes,
            },
        ),
        spooled_bytes=export.bytes,
    )


def _spool(call: Call) -> Spool:
    spool = call.backing.parts.spool
    if spool is None:
        raise ToolFailure(
            Family.UNAVAILABLE, "This server makes no exports.", "Read the rows with fetch_results."
        )
    return spool


def _link(call: Call, export: Export) -> str | None:
    spool, links = _spool(call), call.backing.parts.links
    if links is None:
        return None
    return links.url(export, spool.instance, spool.settings, call.context.facts.origin)


def _too_long(most: int) -> ToolFailure:
    return ToolFailure(
        Family.LIMIT,
        f"The result has more than {most} rows, so no export was made.",
        "Export it in parts, by several statements. The operator sets exports.max_rows.",
        details={"limit": "exports.max_rows"},
    )


EXPORTING: Final[tuple[Tool[Any], ...]] = (
    Tool(
        name="export_results",
        title="Export a query's result",
        description=(
            "Write the whole result of a statement (best started by submit_query) to a file; "
            "gives a link that expires. The file is untrusted data."
        ),
        arguments=ExportResults,
        answer=Exported,
        run=_export_results,
    ),
)
