"""The endpoints of Snowflake's AI over the sample data: strict about requests, simple in answers.

A search counts words, the analyst knows some questions, and so does the agent: enough to try a
client, and no model anywhere.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from snowflake_mcp.simulator.calls import Call
from snowflake_mcp.simulator.cortex_filters import condition
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.frontdesk import FrontDesk, Refused
from snowflake_mcp.simulator.ids import new_token
from snowflake_mcp.simulator.semantics import QUESTIONS, SEMANTIC_VIEWS, Known

__all__ = ["agent", "analyst", "search"]

Answer = tuple[bytes, Mapping[str, str]]

_JSON: Final = {"Content-Type": "application/json"}
_EVENTS: Final = {"Content-Type": "text/event-stream"}
_STREAM: Final = "text/event-stream"
_WORD: Final = re.compile(r"\w+")
_MOST_RESULTS: Final = 1_000
_ENOUGH: Final = 0.5
"""Of a known question's words have to be in the one that is asked."""


@dataclass(frozen=True, slots=True)
class _Index:
    """What a search service is made of."""

    table: str
    text: str
    """The column that is searched."""
    attributes: tuple[str, ...]
    """The columns that filters may name."""
    columns: tuple[str, ...]


_INDEXES: Final[Mapping[tuple[str, ...], _Index]] = {
    ("DEMO", "SUPPORT", "TICKET_SEARCH"): _Index(
        "DEMO.SUPPORT.TICKETS",
        "SUBJECT",
        ("PRIORITY", "SATISFACTION"),
        ("TICKET_ID", "SUBJECT", "PRIORITY", "SATISFACTION", "OPENED_AT"),
    ),
    ("DEMO", "PRODUCT", "PRODUCT_SEARCH"): _Index(
        "DEMO.PRODUCT.PRODUCTS",
        "NAME",
        ("CATEGORY", "LIST_PRICE"),
        ("PRODUCT_ID", "SKU", "NAME", "CATEGORY", "LIST_PRICE"),
    ),
}
_AGENTS: Final = frozenset({("DEMO", "SALES", "SALES_AGENT")})


async def search(desk: FrontDesk, call: Call) -> Answer:
    """POST .../cortex-search-services/NAME:query.

    :raises Refused: whatever is wrong with the request.
    """
    _admitted(desk, call)
    body = _body(call, {"query": str}, {"columns": list, "filter": dict, "limit": int})
    index = _INDEXES.get(_named(call))
    if index is None:
        raise _missing("Cortex Search service", call)
    columns = body.get("columns", [index.text])
    unknown = [name for name in columns if name not in index.columns]
    if unknown or not columns:
        raise _bad(f"columns: the service has no column {str(unknown)[:100]}")
    limit = body.get("limit", 10)
    if not 1 <= limit <= _MOST_RESULTS:
        raise _bad(f"limit must be between 1 and {_MOST_RESULTS}")
    if not body["query"].strip():
        raise _bad("query must not be empty")
    where = condition(body["filter"], index.attributes) if body.get("filter") else "TRUE"
    words = sorted({word.lower() for word in _WORD.findall(body["query"])})
    score = " + ".join(f"IFF(CONTAINS(LOWER({index.text}), '{word}'), 1, 0)" for word in words)
    rows = await desk.look(
        f"SELECT {', '.join(columns)} FROM (SELECT *, {score or 0} AS FOUND FROM {index.table} "  # noqa: S608 names of our own
        f"WHERE {where}) WHERE FOUND > 0 ORDER BY FOUND DESC, {index.columns[0]} LIMIT {limit}"
    )
    return _json({"results": rows, "request_id": new_token()})


async def analyst(desk: FrontDesk, call: Call) -> Answer:
    """POST /api/v2/cortex/analyst/message.

    :raises Refused: whatever is wrong with the request.
    """
    _admitted(desk, call)
    body = _body(
        call,
        {"messages": list},
        {"semantic_view": str, "semantic_model_file": str, "stream": bool},
    )
    models = [body[name] for name in ("semantic_view", "semantic_model_file") if name in body]
    if len(models) != 1:
        raise _bad("exactly one semantic model has to be given")
    known = SEMANTIC_VIEWS.get(tuple(models[0].upper().replace('"', "").split(".")))
    if known is None:
        raise Refused(404, "392702", f"the semantic model {models[0][:100]} does not exist")
    found = _known(_question(body))
    request_id = new_token()
    if not body.get("stream", False):
        return _json(
            {
                "message": {"role": "analyst", "content": _contents(found)},
                "request_id": request_id,
                "warnings": [],
            }
        )
    _streams(call)
    events: list[tuple[str, Any]] = [
        ("status", {"status": word, "status_message": said, "request_id": request_id})
        for word, said in (
            ("interpreting_question", "Interpreting question"),
            ("generating_sql", "Generating SQL"),
        )
    ]
    events += [("message.content.delta", delta) for delta in _deltas(found)]
    return _stream([*events, ("done", "[DONE]")])


async def agent(desk: FrontDesk, call: Call) -> Answer:
    """POST .../agents/NAME:run.

    :raises Refused: whatever is wrong with the request.
    """
    _admitted(desk, call)
    body = _body(call, {"messages": list}, {"stream": bool, "tool_choice": dict})
    if _named(call) not in _AGENTS:
        raise _missing("agent", call)
    if not body.get("stream", True):
        raise _bad("only streams are answered here")
    _streams(call)
    found = _known(_question(body))
    events: list[tuple[str, Any]] = [
        ("response.status", {"status": "planning", "message": "Planning the next steps"})
    ]
    content: list[dict[str, Any]] = []
    text = "I know nothing of that. I can answer: " + "; ".join(each.asked for each in QUESTIONS)
    if found is not None:
        rows = await desk.look(found.sql)
        use = {"tool_use_id": "toolu_1", "type": "cortex_analyst_text_to_sql", "name": "Sales"}
        result = {
            **use,
            "content": [{"type": "json", "json": {"sql": found.sql}}],
            "status": "success",
        }
        table = {"tool_use_id": "toolu_1", "title": found.name, "result_set": _result_set(rows)}
        text = f"{found.text} There are {len(rows)} rows."
        events += [
            ("response.tool_use", {"content_index": 0, **use, "input": {}}),
            (
                "response.tool_result.status",
                {
                    "tool_use_id": "toolu_1",
                    "tool_type": use["type"],
                    "status": "executing_sql",
                    "message": "Executing SQL",
                },
            ),
            ("response.tool_result", {"content_index": 1, **result}),
            ("response.table", {"content_index": 2, **table}),
        ]
        content += [
            {"type": "tool_use", "tool_use": {**use, "input": {}}},
            {"type": "tool_result", "tool_result": result},
            {"type": "table", "table": table},
        ]
    at = len(content)
    middle = len(text) // 2
    for part in (text[:middle], text[middle:]):
        events.append(("response.text.delta", {"content_index": at, "text": part}))
    events.append(("response.text", {"content_index": at, "text": text}))
    content.append({"type": "text", "text": text})
    whole = {"role": "assistant", "content": content, "metadata": {"run_id": new_token()}}
    return _stream([*events, ("response", whole)])


def _admitted(desk: FrontDesk, call: Call) -> None:
    """Check what every request has to have.

    :raises Refused: 401 without the token of a session, 400 for another content type.
    """
    try:
        desk.session(call.token)
    except StatementFailed as failed:
        raise Refused(401, failed.code, failed.message) from failed
    kind = call.request.getHeader("content-type") or ""
    if kind.partition(";")[0].strip() != "application/json":
        raise _bad("the content type has to be application/json")


def _body(call: Call, needed: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    if not isinstance(call.body, dict):
        raise _bad("the body has to be an object")
    for name, value in call.body.items():
        kind = needed.get(name) or optional.get(name)
        if kind is None:
            raise _bad(f"there is no field {name[:100]}")
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _bad(f"{name} has to be of another type")
    for name in needed:
        if name not in call.body:
            raise _bad(f"{name} is missing")
    return call.body


def _question(body: Mapping[str, Any]) -> str:
    """The text of the one message: {"role": "user", "content": [{"type": "text", ...}]}."""
    match body["messages"]:
        case [{"role": "user", "content": [{"type": "text", "text": str(text), **rest}], **more}]:
            if not rest and not more and text.strip():
                return text
    raise _bad("messages: one of the role user with one text is expected")


def _streams(call: Call) -> None:
    if _STREAM not in (call.request.getHeader("accept") or _STREAM):
        raise _bad(f"a stream is {_STREAM}, which the client does not accept")


def _named(call: Call) -> tuple[str, ...]:
    return tuple(
        name[1:-1].replace('""', '"') if name.startswith('"') else name.upper()
        for name in call.names
    )


def _known(question: str) -> Known | None:
    words = {word.lower() for word in _WORD.findall(question)}
    best = max(QUESTIONS, key=lambda each: _share(each, words))
    return best if _share(best, words) >= _ENOUGH else None


def _share(known: Known, words: set[str]) -> float:
    own = {word.lower() for word in _WORD.findall(known.asked)}
    return len(own & words) / len(own)


def _contents(found: Known | None) -> list[dict[str, Any]]:
    if found is None:
        return [
            {"type": "text", "text": "The model has nothing for this question."},
            {"type": "suggestions", "suggestions": [each.asked for each in QUESTIONS]},
        ]
    confidence = {"verified_query_used": {"name": found.name, "question": found.asked}}
    return [
        {"type": "text", "text": found.text},
        {"type": "sql", "statement": found.sql, "confidence": confidence},
    ]


def _deltas(found: Known | None) -> list[dict[str, Any]]:
    deltas: list[dict[str, Any]] = []
    for at, block in enumerate(_contents(found)):
        if block["type"] == "suggestions":
            deltas += [
                {
                    "index": at,
                    "type": "suggestions",
                    "suggestions_delta": {"index": place, "suggestion_delta": said},
                }
                for place, said in enumerate(block["suggestions"])
            ]
            continue
        name = "text" if block["type"] == "text" else "statement"
        whole = block[name]
        middle = len(whole) // 2
        for part in (whole[:middle], whole[middle:]):
            deltas.append({"index": at, "type": block["type"], f"{name}_delta": part})
        if "confidence" in block:
            deltas[-1]["confidence"] = block["confidence"]
    return deltas


def _result_set(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = list(rows[0]) if rows else []
    return {
        "resultSetMetaData": {
            "numRows": len(rows),
            "format": "jsonv2",
            "rowType": [{"name": name, "type": "TEXT"} for name in names],
        },
        "data": [[row[name] for name in names] for row in rows],
    }


def _json(body: Mapping[str, Any]) -> Answer:
    return msgspec.json.encode(body), _JSON


def _stream(events: Sequence[tuple[str, Any]]) -> Answer:
    lines = [
        b"event: %s\ndata: %s\n\n"
        % (name.encode(), data.encode() if isinstance(data, str) else msgspec.json.encode(data))
        for name, data in events
    ]
    return b"".join(lines), _EVENTS


def _bad(message: str) -> Refused:
    return Refused(400, "390400", message)


def _missing(what: str, call: Call) -> Refused:
    return Refused(404, "002003", f"{what} {'.'.join(call.names)[:200]} does not exist")
