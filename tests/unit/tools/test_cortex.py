"""The tools for Snowflake's AI: who has them, what they send, and docs/cortex.md as it is."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from snowflake_mcp.config.cortex import CORTEX_FAMILIES, CortexSettings, Opened, SearchService
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PolicySettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import Family, McpError
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.tools.offering import offered, problems
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.cortex import Inquiry
from snowflake_mcp.warehouse.event_stream import EventStream
from snowflake_mcp.warehouse.rest import Response
from snowflake_mcp.warehouse.wishes import Wish
from tests.support.cortex import events
from tests.unit.tools.fakes import (
    FakeGate,
    FakeWarehouse,
    asynchronous,
    body,
    conforming,
    context,
    shown,
)
from tests.unit.tools.test_demo import REACTOR, Endpoint, demo, endpoint

__all__ = ["endpoint"]

T = TypeVar("T")

PAGE = (Path(__file__).parents[3] / "docs" / "cortex.md").read_text(encoding="utf-8")
EXAMPLE = PAGE.partition("```toml\n")[2].partition("```")[0]
NAMES = ["cortex_search", "cortex_analyst", "cortex_agent", "query_semantic_view"]
SEARCH = {"service": "tickets", "query": "order"}


def example(folder: Path) -> Config:
    """The example of the page as a server reads it."""
    file = folder / "c.toml"
    file.write_text(EXAMPLE)
    return load(Flags(config=str(file)), {})


class FakeServices:
    """Answers every question with the same response; keeps the questions."""

    def __init__(self, response: bytes, kind: str = "") -> None:
        self.response = response
        self.streams = kind == "stream"
        self.asked: list[Inquiry] = []

    async def ask(self, question: Inquiry, read: Callable[[Response], T]) -> T:
        """Tell its events, and have it read."""
        self.asked.append(question)
        if self.streams:
            assert question.on_event is not None
            for event in EventStream().feed(self.response):
                question.on_event(event)
        return read(Response(200, b"" if self.streams else self.response, self.streams))


def tools_over(
    services: FakeServices, config: Config, ledger: Ledger | None = None
) -> tuple[Registry, FakeServices]:
    """The tools of a configuration, as if an account answered it."""
    connection = ConnectionSettings("finance", Backend.SNOWFLAKE, {"role": "ANALYST"})
    whole = replace(config, connection=connection)
    made = build_registry(FakeWarehouse({}), FakeGate(), whole, ledger, cortex=services)
    return made, services


def names_of(config: Config, **policy: Any) -> list[str]:
    """The tools of Snowflake's AI that a caller with this policy has."""
    whole = replace(config, policy=PolicySettings(**policy))
    profiles = Profiles(whole)
    return [
        tool.name for tool in offered(profiles.of(""), opened=profiles.opened) if tool.name in NAMES
    ]


def test_without_a_service_there_is_no_tool() -> None:
    """Nothing of it costs a token where it is not configured."""
    assert names_of(Config(ConnectionSettings("demo", Backend.DEMO))) == []


def test_each_family_is_one_tool(tmp_path: Path) -> None:
    """However many services it has."""
    config = example(tmp_path)
    assert problems(config) == []
    assert sorted(names_of(config)) == sorted(NAMES)


def test_a_service_is_named_where_it_is_to_be_chosen(tmp_path: Path) -> None:
    """In the description with its own, and in the schema."""
    config = example(tmp_path)
    more = SearchService("faq", "answers", "A", "B", "C")
    config = replace(config, services={**config.services, "search.faq": more})
    tools, _ = tools_over(FakeServices(b""), config)
    listed = next(each for each in tools.describe(LOCAL) if each["name"] == "cortex_search")
    assert "tickets: tickets of the service desk" in listed["description"]
    assert "faq: answers" in listed["description"]
    assert listed["inputSchema"]["properties"]["service"] == {"enum": ["faq", "tickets"]}


@pytest.mark.parametrize(
    ("policy", "gone"),
    [
        ({"deny_objects": ("DEMO.SUPPORT",)}, {"cortex_search"}),
        ({"deny_objects": ("DEMO.SALES.SALES_AGENT",)}, {"cortex_agent"}),
        ({"allow_objects": ("DEMO.SALES.SALES_ANALYSIS",)}, {"cortex_search", "cortex_agent"}),
        ({"mask_columns": ("EMAIL",)}, {"cortex_agent"}),
    ],
)
def test_what_may_not_be_seen_is_not_offered(
    tmp_path: Path, policy: dict[str, Any], gone: set[str]
) -> None:
    """By object rules each service by its own name; an agent could show what is masked."""
    assert set(NAMES) - set(names_of(example(tmp_path), **policy)) == gone


def test_patterns_may_name_the_tools_before_there_is_a_service(tmp_path: Path) -> None:
    """A table for analysts need not change when the operator opens one."""
    file = tmp_path / "c.toml"
    file.write_text('[principals.a]\ntools = ["cortex_*", "list_databases"]')
    config = load(Flags(config=str(file)), {})
    assert problems(config) == []
    profiles = Profiles(config)
    tools = offered(profiles.of("a"), opened=profiles.opened)
    assert [tool.name for tool in tools] == ["list_databases"]


@asynchronous
async def test_a_tool_that_is_not_there_is_told_as_such() -> None:
    """And not as an unknown one: its name is no secret."""
    config = Config(ConnectionSettings("demo", Backend.DEMO))
    tools, _ = tools_over(FakeServices(b""), config)
    with pytest.raises(McpError, match="not open to this caller"):
        await tools.call("cortex_search", SEARCH, context())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('search.x]\ndatabase = "\\"a"\nschema = "b"\nservice = "c"', "cannot be a name"),
        ('analyst.x]\nsemantic_view = "a.b"', "DATABASE.SCHEMA.VIEW"),
        ('analyst.x]\nsemantic_view = "a b.c.d"', "DATABASE.SCHEMA.VIEW"),
        ('analyst.x]\nsemantic_model_file = "@s/f.yaml"', "@DATABASE.SCHEMA.STAGE"),
    ],
)
def test_names_that_cannot_be_are_told_at_the_start(tmp_path: Path, table: str, said: str) -> None:
    """Before an agent meets them."""
    file = tmp_path / "c.toml"
    file.write_text(f'[cortex.{table}\ndescription = "d"\n')
    (problem,) = problems(load(Flags(config=str(file)), {}))
    assert problem.startswith("cortex.")
    assert said in problem


def test_a_name_that_is_taken_is_told(tmp_path: Path) -> None:
    """Also while the tool of that name is not offered."""
    file = tmp_path / "c.toml"
    file.write_text('[tools.cortex_search]\ndescription = "d"\nsql = "SELECT 1"')
    (problem,) = problems(load(Flags(config=str(file)), {}))
    assert "there is a tool of this name already" in problem


@asynchronous
async def test_a_search_is_sent_as_documented(tmp_path: Path) -> None:
    """Path, body and limits; what is configured counts where the caller says nothing."""
    found = b'{"results":[{"SUBJECT":"a","PRIORITY":"low","@score":0.5}],"request_id":"r-1"}'
    tools, services = tools_over(FakeServices(found), example(tmp_path))
    request = context()
    result = await tools.call("cortex_search", SEARCH, request)
    answer = conforming(tools, "cortex_search", result)
    (asked,) = services.asked
    place = "/api/v2/databases/DEMO/schemas/SUPPORT/cortex-search-services/TICKET_SEARCH:query"
    assert (asked.path, asked.principal, asked.again) == (place, LOCAL, True)
    assert asked.body == {
        "query": "order",
        "limit": 5,
        "columns": ["TICKET_ID", "SUBJECT", "PRIORITY"],
    }
    assert answer["columns"] == ["SUBJECT", "PRIORITY", "@score"]
    assert answer["rows"] == [["a", "low", 0.5]]
    assert (answer["request_id"], answer["row_count"]) == ("r-1", 1)
    trail = request.trail
    assert list(trail.objects) == ["DEMO.SUPPORT.TICKET_SEARCH"]
    assert (trail.connection, trail.role) == ("finance", "ANALYST")
    assert trail.service_request == "r-1"
    given = {**SEARCH, "columns": ["X"], "filter": {"@eq": {"A": 1}}, "limit": 7}
    await tools.call("cortex_search", given, context())
    assert services.asked[1].body == {
        "query": "order",
        "limit": 7,
        "columns": ["X"],
        "filter": {"@eq": {"A": 1}},
    }


@asynchronous
async def test_names_are_quoted_in_the_path(tmp_path: Path) -> None:
    """What is no plain name stands in quotes, percent-encoded."""
    odd = SearchService("odd", "d", '"my db"', "b", "a/b")
    config = replace(example(tmp_path), services={"search.odd": odd})
    tools, services = tools_over(FakeServices(b'{"results":[]}'), config)
    result = await tools.call("cortex_search", {**SEARCH, "service": "odd"}, context())
    assert services.asked[0].path == (
        "/api/v2/databases/%22my%20db%22/schemas/B/cortex-search-services/%22a%2Fb%22:query"
    )
    assert "other words" in body(result)["next_step"]


@asynchronous
async def test_masks_hold_in_results_and_in_filters(tmp_path: Path) -> None:
    """A masked value is not shown, and may not be guessed at."""
    config = replace(example(tmp_path), policy=PolicySettings(mask_columns=("EMAIL",)))
    found = b'{"results":[{"EMAIL":"a@b.c","X":1}],"request_id":"r"}'
    tools, services = tools_over(FakeServices(found), config)
    answer = body(await tools.call("cortex_search", SEARCH, context()))
    assert (answer["rows"], answer["masked"]) == ([["***", 1]], ["EMAIL"])
    guess = {"@and": [{"@not": {"@eq": {"email": "a@b.c"}}}]}
    result = await tools.call("cortex_search", {**SEARCH, "filter": guess}, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert len(services.asked) == 1


@asynchronous
async def test_what_is_not_documented_is_no_result(tmp_path: Path) -> None:
    """It becomes a failure that says so."""
    for odd in (b"", b"[]", b'{"results":1}', b'{"results":[1]}'):
        tools, _ = tools_over(FakeServices(odd), example(tmp_path))
        result = await tools.call("cortex_search", SEARCH, context())
        assert result.failure is not None
        assert result.failure.family is Family.UNAVAILABLE


DONE = (
    ("status", {"status_message": "Reading"}),
    ("status", {"status_message": "Generating SQL", "request_id": "r-2"}),
    ("message.content.delta", {"index": 0, "type": "text", "text_delta": "So."}),
    ("message.content.delta", {"index": 1, "type": "sql", "statement_delta": "SELECT 1"}),
    ("done", "[DONE]"),
)


@asynchronous
async def test_an_analyst_is_asked_as_documented(tmp_path: Path) -> None:
    """Its SQL is given, and nothing is run; its states are progress."""
    tools, services = tools_over(FakeServices(events(*DONE), "stream"), example(tmp_path))
    sent: list[Any] = []
    request = context(progress_token=7, send=lambda data: sent.append(json.loads(data)))
    result = await tools.call("cortex_analyst", {"service": "sales", "question": "q?"}, request)
    answer = conforming(tools, "cortex_analyst", result)
    (asked,) = services.asked
    assert asked.path == "/api/v2/cortex/analyst/message"
    assert asked.body == {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "q?"}]}],
        "semantic_view": "DEMO.SALES.SALES_ANALYSIS",
        "stream": True,
    }
    assert (answer["text"], answer["sql"], answer["request_id"]) == ("So.", "SELECT 1", "r-2")
    assert "execute_query" in answer["next_step"]
    assert [each["params"]["message"] for each in sent] == ["Reading", "Generating SQL"]
    first, second = (each["params"]["progress"] for each in sent)
    assert first < second
    assert list(request.trail.objects) == ["DEMO.SALES.SALES_ANALYSIS"]
    assert not request.trail.query_ids


@asynchronous
async def test_an_agent_is_asked_once(tmp_path: Path) -> None:
    """And its answer is told whole, long or strange as it may be."""
    text = "x" * 50_000 + "\u200b"
    whole = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    streamed = events(("response", whole))
    tools, services = tools_over(FakeServices(streamed, "stream"), example(tmp_path))
    asking = {"service": "sales_agent", "question": "q?"}
    result = await tools.call("cortex_agent", asking, context())
    answer = conforming(tools, "cortex_agent", result)
    (asked,) = services.asked
    assert asked.path == "/api/v2/databases/DEMO/schemas/SALES/agents/SALES_AGENT:run"
    assert asked.body["stream"] is True
    assert not asked.again
    assert (answer["truncated"], answer["truncated_by"]) == (True, "bytes")
    assert answer["text"].endswith("…")
    assert len(shown(result)) < 25_000


@asynchronous
async def test_a_hidden_character_is_shown(tmp_path: Path) -> None:
    """Nobody writes to the model what a person would not see."""
    whole = {"role": "assistant", "content": [{"type": "text", "text": "a\u200bb"}]}
    tools, _ = tools_over(FakeServices(events(("response", whole)), "stream"), example(tmp_path))
    result = await tools.call(
        "cortex_agent", {"service": "sales_agent", "question": "q?"}, context()
    )
    assert "\u200b" not in shown(result)
    assert result.structured is not None


@asynchronous
async def test_a_request_counts_as_a_statement(tmp_path: Path) -> None:
    """And none is sent when the allowance is used up."""
    config = replace(example(tmp_path), policy=PolicySettings(daily_statements=1))
    found = b'{"results":[],"request_id":"r"}'
    tools, services = tools_over(FakeServices(found), config, Ledger(lambda: 0.0))
    assert (await tools.call("cortex_search", SEARCH, context())).failure is None
    result = await tools.call("cortex_search", SEARCH, context())
    assert result.failure is not None
    assert result.failure.family is Family.LIMIT
    assert len(services.asked) == 1


def test_the_tables_of_the_page_are_complete() -> None:
    """Every key of every family, and none that there is not."""
    titles = {"search": "search service", "analyst": "analyst", "agents": "agent"}
    for family, kind in CORTEX_FAMILIES.items():
        article = "an" if titles[family][0] == "a" else "a"
        text = PAGE.partition(f"### Keys of {article} {titles[family]}\n")[2].partition("\n#")[0]
        rows = re.findall(r"^\| (`.*?`(?:, `\w+`)*) \|", text, re.MULTILINE)
        keys = [key for row in rows for key in re.findall(r"`(\w+)`", row)]
        assert sorted(keys) == sorted(each.name for each in fields(kind) if each.name != "name")


@asynchronous
async def test_the_demo_answers(tmp_path: Path, endpoint: Endpoint) -> None:
    """Over the real connector, with its token: three families, and the SQL is the analyst's."""

    async def ask(name: str, **arguments: Any) -> Mapping[str, Any]:
        request: RequestContext = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        result = await tools.call(name, arguments, request)
        assert result.failure is None, shown(result)
        return conforming(tools, name, result)

    async with demo(endpoint, config=example(tmp_path)) as tools:
        urgent = {"@and": [{"@eq": {"PRIORITY": "urgent"}}, {"@gte": {"SATISFACTION": 3}}]}
        found = await ask(
            "cortex_search", service="tickets", query="cannot log in", filter=urgent, limit=20
        )
        assert found["row_count"] == 20
        assert {row[2] for row in found["rows"]} == {"urgent"}
        assert found["rows"][0][1] == "Cannot log in"
        answer = await ask("cortex_analyst", service="sales", question="revenue by region?")
        ran = await ask("execute_query", query=answer["sql"])
        told = await ask(
            "cortex_agent", service="sales_agent", question="What is the revenue by region?"
        )
        assert told["sql"] == [answer["sql"]]
        assert told["tables"][0]["rows"] == ran["rows"]
        lost = await ask("cortex_analyst", service="sales", question="who?")
        assert (lost["sql"], len(lost["suggestions"])) == (None, 3)


def test_a_policy_with_no_pattern_does_not_hide_a_problem(tmp_path: Path) -> None:
    """It is told once, in its own words."""
    config = replace(example(tmp_path), policy=PolicySettings(deny_objects=("a b",)))
    (problem,) = problems(config)
    assert problem.startswith("policy: ")


def test_the_settings_have_defaults() -> None:
    """Nothing is opened by itself."""
    assert Opened() == Opened(CortexSettings(semantic_views=False), {})


def two_connections(folder: Path, text: str) -> Config:
    """The server's own connection, and another one."""
    file = folder / "c.toml"
    login = 'account = "a"\nuser = "u"\npassword = "p"'
    named = "\n".join(f"[connections.{name}]\n{login}" for name in ("one", "two"))
    file.write_text(f'default_connection = "one"\n{named}\n{text}')
    return load(Flags(config=str(file)), {})


@asynchronous
async def test_a_service_may_be_on_a_connection_of_its_own(tmp_path: Path) -> None:
    """It is asked there, and that connection's rules count as well."""
    text = EXAMPLE.replace('service = "', 'connection = "two"\nservice = "')
    config = two_connections(tmp_path, text)
    assert set(config.connections) == {"one", "two"}
    found = FakeServices(b'{"results":[],"request_id":"r"}')
    tools = build_registry(FakeWarehouse({}), FakeGate(), config, cortex=found)
    request = context()
    answer = body(await tools.call("cortex_search", SEARCH, request))
    assert found.asked[0].wish == Wish("two")
    assert answer["connection"] == request.trail.connection == "two"
    accounts = Accounts.configured(config, Profiles(config), None)
    assert accounts.seat(LOCAL, Wish("two")).connection == "two"


@pytest.mark.parametrize("rule", ['mask_columns = ["EMAIL"]', 'deny_objects = ["DEMO.SALES"]'])
@asynchronous
async def test_rules_of_that_connection_hold(tmp_path: Path, rule: str) -> None:
    """Although the caller's own has none, and so the tool is listed."""
    text = EXAMPLE.replace('agent = "', 'connection = "two"\nagent = "')
    config = two_connections(tmp_path, f"[connections.two.policy]\n{rule}\n{text}")
    found = FakeServices(b"")
    tools = build_registry(FakeWarehouse({}), FakeGate(), config, cortex=found)
    asking = {"service": "sales_agent", "question": "q?"}
    result = await tools.call("cortex_agent", asking, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert not found.asked
