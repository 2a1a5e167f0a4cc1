"""What analysts and agents stream, put together: the documented events, and all others."""

from contextlib import suppress
from typing import Any

import pytest

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.cortex_streams import AgentStream, AnalystStream
from snowflake_mcp.warehouse.event_stream import Event, EventStream
from snowflake_mcp.warehouse.rest import Response
from tests.support.cortex import events

STREAMED = Response(200, b"", streamed=True, request_id="header-1")
DELTA = "message.content.delta"


def fed(stream: Any, *told: tuple[str, Any]) -> Any:
    """The stream after these events."""
    for event in EventStream().feed(events(*told)):
        stream.event(event)
    return stream


def test_an_analyst_is_put_together_by_place() -> None:
    """Text and SQL come in pieces, suggestions each by its own place."""
    said: list[str] = []
    stream = fed(
        AnalystStream(said.append),
        ("status", {"status": "s", "status_message": "Generating SQL", "request_id": "r-1"}),
        (DELTA, {"index": 0, "type": "text", "text_delta": "This is "}),
        (DELTA, {"index": 1, "type": "sql", "statement_delta": "SELECT"}),
        (DELTA, {"index": 0, "type": "text", "text_delta": "it."}),
        (
            DELTA,
            {
                "index": 1,
                "type": "sql",
                "statement_delta": " 1",
                "confidence": {"verified_query_used": {"name": "known"}},
            },
        ),
        (
            DELTA,
            {
                "index": 2,
                "type": "suggestions",
                "suggestions_delta": {"index": 1, "suggestion_delta": "b?"},
            },
        ),
        (
            DELTA,
            {
                "index": 2,
                "type": "suggestions",
                "suggestions_delta": {"index": 0, "suggestion_delta": "a"},
            },
        ),
        (
            DELTA,
            {
                "index": 2,
                "type": "suggestions",
                "suggestions_delta": {"index": 0, "suggestion_delta": "?"},
            },
        ),
        (DELTA, {"index": 3, "type": "think", "think_delta": "hm"}),
        ("warnings", {"warnings": [{"message": "old model"}]}),
        ("response_metadata", {"x": 1}),
        ("done", "[DONE]"),
    )
    stream.read(STREAMED)
    assert (stream.text, stream.sql) == ("This is it.", "SELECT 1")
    assert stream.suggestions == ["a?", "b?"]
    assert (stream.verified_query, stream.warnings) == ("known", ["old model"])
    assert (stream.request_id, said) == ("r-1", ["Generating SQL"])


def test_an_analyst_may_answer_at_once() -> None:
    """Where a proxy has taken the stream apart, or the service has none."""
    body = (
        b'{"message":{"role":"analyst","content":[{"type":"text","text":"t"},'
        b'{"type":"sql","statement":"SELECT 2"},{"type":"suggestions","suggestions":["q?"]}]},'
        b'"request_id":"r-2","warnings":[{"message":"w"}]}'
    )
    stream = AnalystStream(print)
    stream.read(Response(200, body))
    assert (stream.text, stream.sql, stream.suggestions) == ("t", "SELECT 2", ["q?"])
    assert (stream.request_id, stream.warnings) == ("r-2", ["w"])


RESULT = {
    "resultSetMetaData": {"rowType": [{"name": "YEAR"}, {"name": "N"}]},
    "data": [["2025", "1"]],
}
WHOLE = {
    "role": "assistant",
    "content": [
        {"type": "thinking", "thinking": {"text": "hm"}},
        {"type": "tool_use", "tool_use": {"name": "Analyst1"}},
        {
            "type": "tool_result",
            "tool_result": {"content": [{"type": "json", "json": {"sql": "SELECT 1"}}]},
        },
        {"type": "table", "table": {"title": "T", "result_set": RESULT}},
        {"type": "text", "text": "The answer."},
        {"type": "suggested_queries", "suggested_queries": [{"query": "And then?"}]},
    ],
    "metadata": {"run_id": "run-1"},
}


def test_an_agent_is_put_together() -> None:
    """What is told twice, on the way and at the end, is there once."""
    said: list[str] = []
    stream = fed(
        AgentStream(said.append),
        ("response.status", {"status": "planning", "message": "Planning"}),
        ("response.thinking.delta", {"content_index": 0, "text": "hm"}),
        ("response.tool_use", {"content_index": 1, "name": "Analyst1", "type": "x"}),
        ("response.tool_result.status", {"status": "s", "message": "Executing SQL"}),
        ("response.tool_result.analyst.delta", {"delta": {"sql": "SELECT 1"}}),
        ("response.tool_result", {"content": [{"type": "json", "json": {"sql": "SELECT 1"}}]}),
        ("response.table", {"title": "T", "result_set": RESULT}),
        ("response.warning", {"message": "slow"}),
        ("response.text.delta", {"content_index": 4, "text": "The "}),
        ("response.text", {"content_index": 4, "text": "The answer."}),
        ("metadata", {"metadata": {"message_id": 1}}),
        ("response.of_tomorrow", {"anything": 1}),
        ("response", WHOLE),
    )
    stream.read(STREAMED)
    assert (stream.text, stream.tools, stream.sql) == ("The answer.", ["Analyst1"], ["SELECT 1"])
    assert stream.tables == [{"title": "T", "columns": ["YEAR", "N"], "rows": [["2025", "1"]]}]
    assert (stream.suggestions, stream.warnings) == (["And then?"], ["slow"])
    assert said == ["Planning", "using Analyst1", "Executing SQL"]
    assert stream.request_id == "run-1"
    assert not stream.cancelled


def test_a_run_that_was_cancelled_says_so() -> None:
    """By somebody else, in Snowflake."""
    stream = fed(AgentStream(print), ("response", {"content": [], "status": "cancelled"}))
    assert stream.cancelled


@pytest.mark.parametrize("kind", [AnalystStream, AgentStream])
def test_half_a_stream_is_no_answer(kind: Any) -> None:
    """However much of it came."""
    stream = fed(kind(print), ("response.text", {"text": "x"}), (DELTA, {"type": "text"}))
    with pytest.raises(ToolFailure, match="broke off") as told:
        stream.read(STREAMED)
    assert told.value.retryable


@pytest.mark.parametrize("kind", [AnalystStream, AgentStream])
def test_an_error_event_ends_it(kind: Any) -> None:
    """With Snowflake's message, code and request id."""
    error = {"code": "399504", "message": "warehouse WH is suspended", "request_id": "r-9"}
    with pytest.raises(ToolFailure, match="WH is suspended") as told:
        fed(kind(print), ("error", error))
    assert told.value.family is Family.UNAVAILABLE
    assert told.value.details == {"code": "399504", "request_id": "r-9"}


@pytest.mark.parametrize("kind", [AnalystStream, AgentStream])
@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"nonsense", b'{"message":1,"content":2}'])
def test_what_is_not_documented_is_no_answer(kind: Any, body: bytes) -> None:
    """Without an exception of another kind."""
    with pytest.raises(ToolFailure, match="does not understand"):
        kind(print).read(Response(200, body))


ODD: list[Any] = [
    None,
    1,
    "x",
    [],
    {},
    [1],
    [{}],
    {"x": 1},
    [{"type": 5}],
    [{"type": "text", "text": 5}],
]
NAMES = (
    *((AnalystStream, name) for name in ("status", DELTA, "warnings")),
    *(
        (AgentStream, f"response{name}")
        for name in ("", ".status", ".tool_use", ".tool_result", ".text", ".text.delta", ".table")
    ),
    *(
        (AgentStream, f"response.{name}")
        for name in ("tool_result.analyst.delta", "suggested_queries", "warning")
    ),
)
MEMBERS = (
    *("index", "type", "text_delta", "suggestions_delta", "confidence", "warnings", "message"),
    *("content_index", "content", "delta", "result_set", "suggested_queries", "text", "metadata"),
)


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_members_of_any_type_are_borne(kind: Any, name: str) -> None:
    """They are passed over, or the answer is not understood; nothing else happens."""
    for member in MEMBERS:
        for value in ODD:
            for also in ({}, {"type": "suggestions"}, {"type": "sql"}):
                with suppress(ToolFailure):
                    fed(kind(lambda _: None), (name, {**also, member: value}))
    with pytest.raises(ToolFailure, match="does not understand"):
        kind(print).event(Event(name, "[1]"))
