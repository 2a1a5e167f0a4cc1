"""Each tool over HTTP, WebSocket, stdio and REST, in both eras: one table, one answer.

The tools, the gate's judgement, the warehouse and the connector are the real ones; Snowflake is
the demo endpoint. Transports are the real wire code with pipes in memory. The same rows go over
real sockets in tests/process/test_every_tool.py.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import pytest
import pytest_twisted

from tests.every_tool.checks import Answer, alike, conforms, refusal
from tests.every_tool.counter import WAYS, Counter, counter
from tests.every_tool.table import ALIASES, ROWS, SUBMITTED, Row, filled
from tests.support.demo import demo
from tests.unit.tools.fakes import asynchronous

__all__ = ["demo"]

CALLED = [row for row in ROWS if not row.argued]


class Desk:
    """A counter and the id of a statement that has ended there."""

    def __init__(self, served: Counter, finished: str) -> None:
        self.served = served
        self._finished = finished

    async def call(self, way: str, tool: str, arguments: Mapping[str, Any]) -> Answer:
        """Call a tool this way, with the id in its place."""
        return await self.served.call(way, tool, filled(arguments, self._finished))


@pytest_twisted.async_yield_fixture(scope="module")  # type: ignore[untyped-decorator]  # it has no types
async def desk(
    tmp_path_factory: pytest.TempPathFactory, demo: dict[str, object]
) -> AsyncIterator[Desk]:
    """One server for the whole table: nothing that a row does is seen by another."""
    async with counter(tmp_path_factory.mktemp("counter"), demo) as served:
        submitted = (await served.call(WAYS[0], "submit_query", SUBMITTED)).structured
        assert submitted is not None
        finished = str(submitted["query_id"])
        await served.call(WAYS[0], "fetch_results", {"query_id": finished})
        yield Desk(served, finished)


def test_who_is_not_called_is_argued_for() -> None:
    """By a sentence each, and these are the exception."""
    argued = [row for row in ROWS if row.argued]
    assert [row for row in argued if len(row.argued) < 40] == []
    assert len(CALLED) > 2 * len(argued)


@asynchronous
async def test_the_list_is_the_same_everywhere(desk: Desk) -> None:
    """Names in their order, descriptions and schemas."""
    lists = [await desk.served.tools(way) for way in WAYS]
    shared = ("name", "title", "description", "inputSchema", "outputSchema")
    seen = [
        [{member: tool[member] for member in shared} for tool in listed.values()]
        for listed in lists
    ]
    assert [list(listed) for listed in lists] == [list(lists[0])] * len(WAYS)
    assert seen == [seen[0]] * len(WAYS)


@pytest.mark.parametrize("row", CALLED, ids=lambda row: row.tool)
@asynchronous
async def test_a_good_call(desk: Desk, row: Row) -> None:
    """It conforms to the output schema of its tool, and is the same by every way."""
    answers = {}
    for way in WAYS:
        schema = (await desk.served.tools(way))[row.tool]["outputSchema"]
        answer = await desk.call(way, row.tool, row.good)
        assert answer.family is None, answer.text
        assert answer.structured is not None
        conforms(answer.structured, schema)
        answers[way] = alike(answer, row.varies)
    assert answers == dict.fromkeys(WAYS, answers[WAYS[0]])


@pytest.mark.parametrize("row", CALLED, ids=lambda row: row.tool)
@asynchronous
async def test_a_wrong_call(desk: Desk, row: Row) -> None:
    """It is a failure for the model, with the same words and of the same family by every way."""
    answers = {}
    for way in WAYS:
        answer = await desk.call(way, row.tool, row.wrong)
        assert answer.text.startswith(row.says)
        assert answer.structured is None
        answers[way] = refusal(answer.text), answer.family
    assert answers == dict.fromkeys(WAYS, (answers[WAYS[0]][0], row.family))


@pytest.mark.parametrize(("alias", "arguments", "tool"), ALIASES, ids=lambda value: str(value)[:30])
@asynchronous
async def test_a_call_in_the_words_of_another_server(
    desk: Desk, alias: str, arguments: dict[str, Any], tool: str
) -> None:
    """It conforms to the schema under which it is listed, and is the same by every way."""
    answers, ids = {}, frozenset({"request_id"})
    for way in WAYS:
        tools = await desk.served.tools(way)
        assert tools[alias]["outputSchema"] == tools[tool]["outputSchema"]
        jsonschema.validate(arguments, tools[alias]["inputSchema"])
        answer = await desk.call(way, alias, arguments)
        assert answer.family is None, answer.text
        assert answer.structured is not None
        conforms(answer.structured, tools[tool]["outputSchema"])
        answers[way] = alike(answer, ids & answer.structured.keys())
    assert answers == dict.fromkeys(WAYS, answers[WAYS[0]])
