"""One question to a service of Snowflake's AI: the request as documented, and the answer.

https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-search/query-cortex-search-service
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from snowflake_mcp.config.cortex import AgentService, AnalystService, SearchService
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.base import Call
from snowflake_mcp.tools.cells import block, message
from snowflake_mcp.tools.cortex_streams import AgentStream, AnalystStream, members_of, odd
from snowflake_mcp.tools.cortex_types import AskAgent, AskAnalyst, SearchTexts
from snowflake_mcp.tools.masks import Masks
from snowflake_mcp.tools.render import Rendered, RowsCollector
from snowflake_mcp.tools.taming import tamed
from snowflake_mcp.tools.wording import answer, counted, long_values, told
from snowflake_mcp.warehouse.identifiers import folded, shown
from snowflake_mcp.warehouse.rest import Response
from snowflake_mcp.warehouse.results import Column, JsonValue, Outcome
from snowflake_mcp.warehouse.visible import plain, visible_json

__all__ = ["agent", "analyst", "search"]

_ANALYST: Final = "/api/v2/cortex/analyst/message"
_SHOWN_CHARS: Final = 20_000
"""Of a text in the readable form."""
_SHOWN_ITEMS: Final = 10
_ITEM_CHARS: Final = 400
_PROGRESS_CHARS: Final = 200
_STEP_S: Final = 0.001
_SLICE: Final = 200


async def search(
    service: SearchService, arguments: SearchTexts, call: Call, max_bytes: int
) -> ToolResult:
    """Texts by meaning and words, best first.

    Raises:
        ToolFailure: the service or the way to it failed, or the filter uses a masked column.
    """
    _unmasked(arguments.filter, call.backing.masks)
    most = min(arguments.limit or service.limit, call.backing.limits.max_rows)
    body: dict[str, Any] = {"query": arguments.query, "limit": most}
    if columns := arguments.columns or list(service.columns):
        body["columns"] = columns
    if arguments.filter:
        body["filter"] = arguments.filter
    collector = call.collector("records")
    began = call.context.clock.seconds()
    names, rendered, request_id = await call.ask(
        "search",
        f"{_schema(service)}/cortex-search-services/{_part(service.service)}:query",
        body,
        lambda response: _found(response, collector),
        max_bytes=max_bytes,
    )
    _requested(call, request_id)
    count = rendered.row_count
    next_step = None
    if rendered.full:
        next_step = "Ask for fewer results (limit) or columns."
    elif not count:
        next_step = "Ask with other words, or with a wider filter."
    if rendered.cells_cut:
        note = long_values(rendered.cells_cut).split(";")[0] + "."
        next_step = f"{next_step} {note}" if next_step else note
    elapsed_s = call.context.clock.seconds() - began
    return answer(
        call,
        Outcome("", (), count, None, None, elapsed_s, rendered),
        f"{counted(count, 'result')} of {service.name}, best first.",
        truncated_by="bytes" if rendered.full else None,
        next_step=next_step,
        extra={
            "service": service.name,
            "request_id": request_id,
            "columns": names,
            "rows": rendered.rows,
            "cells_cut": rendered.cells_cut,
            "masked": list(rendered.masked),
        },
    )


async def analyst(
    service: AnalystService, arguments: AskAnalyst, call: Call, max_bytes: int
) -> ToolResult:
    """SQL for a question; it is not run.

    Raises:
        ToolFailure: the service or the way to it failed.
    """
    model = (
        {"semantic_view": service.semantic_view}
        if service.semantic_view
        else {"semantic_model_file": service.semantic_model_file}
    )
    stream = AnalystStream(_progress(call))
    began = call.context.clock.seconds()
    await call.ask(
        "analyst",
        _ANALYST,
        {"messages": _messages(arguments.question), **model, "stream": True},
        stream.read,
        max_bytes=max_bytes,
        on_event=stream.event,
    )
    _requested(call, stream.request_id)
    lines = [message(stream.text, _SHOWN_CHARS)] if stream.text else []
    next_step = None
    if stream.sql:
        lines += ["SQL, which has not been run:", block(stream.sql[:_SHOWN_CHARS])]
        if "execute_query" in call.backing.names:
            next_step = "Check that the SQL answers the question, then run it with execute_query."
    elif stream.suggestions:
        next_step = "Ask one of the suggested questions, or ask more precisely."
    else:
        next_step = "Ask more precisely, or query the tables yourself."
    lines += _listed("It can answer", stream.suggestions)
    extra: dict[str, Any] = {
        "text": stream.text,
        "sql": stream.sql or None,
        "verified_query": stream.verified_query or None,
    }
    return _talked(call, service.name, stream, lines, next_step, extra, began)


async def agent(
    service: AgentService, arguments: AskAgent, call: Call, max_bytes: int
) -> ToolResult:
    """The answer of an agent, which works with tools of its own.

    Raises:
        ToolFailure: the service or the way to it failed.
    """
    if call.backing.masks.patterns.active:
        raise ToolFailure(
            Family.REFUSED,
            "Columns are masked for this caller, and of an agent's answer nobody can tell where "
            "it comes from.",
            "Query the tables yourself, or use cortex_analyst.",
            details={"rule": "masked-column"},
        )
    stream = AgentStream(_progress(call))
    began = call.context.clock.seconds()
    await call.ask(
        "agents",
        f"{_schema(service)}/agents/{_part(service.agent)}:run",
        {"messages": _messages(arguments.question), "stream": True},
        stream.read,
        max_bytes=max_bytes,
        again=False,
        on_event=stream.event,
    )
    _requested(call, stream.request_id)
    if stream.cancelled:
        raise ToolFailure(
            Family.CANCELLED,
            "The run of the agent was cancelled in Snowflake.",
            "Ask again if the answer is needed.",
        )
    lines = [message(stream.text, _SHOWN_CHARS) if stream.text else "The agent gave no text."]
    if stream.tables:
        names = [each["title"] or "a result" for each in stream.tables]
        lines += _listed("Tables, in the structured content", names)
    lines += _listed("Statements that it ran", stream.sql)
    lines += _listed("It suggests to ask", stream.suggestions)
    extra: dict[str, Any] = {
        "text": stream.text,
        "tools": stream.tools,
        "sql": stream.sql,
        "tables": stream.tables,
    }
    next_step = None if stream.text else "Ask more precisely, or query the tables yourself."
    return _talked(call, service.name, stream, lines, next_step, extra, began)


def _talked(
    call: Call,
    name: str,
    stream: AnalystStream | AgentStream,
    lines: list[str],
    next_step: str | None,
    extra: Mapping[str, Any],
    began: float,
) -> ToolResult:
    lines += _listed("Warnings", stream.warnings)
    told_of = {**extra, "suggestions": stream.suggestions, "warnings": stream.warnings}
    members, cut = _tame(told_of, call)
    if cut:
        note = "The answer is longer than limits.max_cell_chars lets a value be, and is cut."
        next_step = f"{note} {next_step}" if next_step else note
    if next_step:
        lines.append(f"Next: {next_step}")
    lines.append(f"Answer of {name}, request {plain(stream.request_id or 'unknown', 100)}.")
    return told(
        call,
        "\n".join(lines),
        {
            "service": name,
            "request_id": stream.request_id,
            **members,
            "row_count": 0,
            "truncated": bool(cut),
            "truncated_by": "bytes" if cut else None,
            "next_step": next_step,
            "query_id": "",
            "elapsed_ms": round((call.context.clock.seconds() - began) * 1_000),
        },
    )


def _found(response: Response, collector: RowsCollector) -> tuple[list[str], Rendered, str]:
    """Blocks; worker threads only.

    Raises:
        ToolFailure: the answer is not of the documented form.
    """
    members = members_of(response.body)
    results = members.get("results")
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise odd()
    names = list(dict.fromkeys(name for each in results for name in each))
    collector.begin([Column(name, "", nullable=True) for name in names])
    for at in range(0, len(results), _SLICE):
        rows: Sequence[Sequence[JsonValue]] = [
            [each.get(name) for name in names] for each in results[at : at + _SLICE]
        ]
        if not collector.add(rows):
            break
    request_id = members.get("request_id")
    return (
        names,
        collector.finish(),
        request_id if isinstance(request_id, str) else response.request_id,
    )


def _unmasked(condition: object, masks: Masks) -> None:
    """Check that a filter asks for nothing of which the caller is shown no values."""
    if isinstance(condition, dict):
        for name, value in condition.items():
            if masks.patterns.active and masks.patterns.mask(name):
                raise ToolFailure(
                    Family.REFUSED,
                    f"filter: {plain(name, 80)} is masked for this caller.",
                    "Leave it out of the filter.",
                    details={"rule": "masked-column"},
                )
            _unmasked(value, masks)
    elif isinstance(condition, list):
        for each in condition:
            _unmasked(each, masks)


def _messages(question: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": question}]}]


def _schema(service: SearchService | AgentService) -> str:
    return f"/api/v2/databases/{_part(service.database)}/schemas/{_part(service.schema)}"


def _part(name: str) -> str:
    """A name in a path: as SQL takes it, percent-encoded."""
    return quote(shown(folded(name)), safe="")


def _requested(call: Call, request_id: str) -> None:
    call.context.trail.service_request = request_id[:100]


def _progress(call: Call) -> Callable[[str], None]:
    began = call.context.clock.seconds()
    told_s = 0.0

    def tell(said: str) -> None:
        nonlocal told_s
        # The protocol wants it to rise each time, however fast the service goes on.
        told_s = max(call.context.clock.seconds() - began, told_s + _STEP_S)
        call.context.report_progress(round(told_s, 3), plain(said, _PROGRESS_CHARS))

    return tell


def _listed(heading: str, items: Sequence[str]) -> list[str]:
    if not items:
        return []
    more = len(items) - _SHOWN_ITEMS
    return [
        f"{heading}:",
        *(f"- {plain(each, _ITEM_CHARS)}" for each in items[:_SHOWN_ITEMS]),
        *([f"- and {more} more"] if more > 0 else []),
    ]


def _tame(members: Mapping[str, Any], call: Call) -> tuple[dict[str, Any], int]:
    """Foreign values, each within the bounds of a cell and with nothing hidden; how many are cut.

    What lies in a list is bounded on its own: a long statement does not make a text of the list.
    """
    made, cut = {}, 0
    for name, value in members.items():
        tame = tamed(
            value if isinstance(value, list) else [value], call.backing.limits.max_cell_chars
        )
        encoded = visible_json(tame.encoded)
        made[name] = msgspec.Raw(encoded if isinstance(value, list) else encoded[1:-1])
        cut += tame.cut
    return made, cut
