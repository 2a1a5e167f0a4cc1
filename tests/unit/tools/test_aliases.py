"""Names of other servers: off unless wanted, and never with more rights."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import mcp_types
import pytest

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.tools.alias_tables import SERVERS
from snowflake_mcp.tools.cortex import CORTEX_TOOLS
from snowflake_mcp.tools.offering import EVERY_TOOL, problems
from snowflake_mcp.tools.registry import build_registry, wire_form
from snowflake_mcp.tools.renaming import RenamedTools
from tests.unit.tools.fakes import (
    FakeGate,
    FakeWarehouse,
    Reply,
    asynchronous,
    check_schema,
    columns,
    context,
    shown,
)

EVERY = '[migration]\naliases = ["labs", "isaac", "dynamike"]\n'
SERVICES = """
[cortex]
semantic_views = true
[cortex.search.n]
description = "x"
database = "D"
schema = "S"
service = "N"
"""
ONE_ROW = Reply(columns("N"), [["1"]])


def configured(folder: Path, text: str) -> Config:
    file = folder / "c.toml"
    file.write_text(text)
    return load(Flags(config=str(file), demo=True), {})


def renamed(config: Config) -> tuple[RenamedTools, FakeWarehouse, Profiles]:
    warehouse, profiles = FakeWarehouse({"": ONE_ROW}), Profiles(config)
    tools = build_registry(warehouse, FakeGate(), config, profiles=profiles)
    return RenamedTools(tools, profiles), warehouse, profiles


def names(tools: RenamedTools, principal: Principal = LOCAL) -> set[str]:
    return {tool["name"] for tool in tools.describe(principal)}


TOOLS: Mapping[str, Any] = {**EVERY_TOOL, **CORTEX_TOOLS}


def arguments_of(tool: str, config: Config) -> list[str]:
    return list(wire_form(TOOLS[tool], config.limits)["inputSchema"]["properties"])


SAID = [
    ("labs", "run_snowflake_query", {"statement": "SELECT 1"}, {"query": "SELECT 1"}),
    (
        "labs",
        "list_objects",
        {"object_type": "compute_pool", "like": "a%b", "database_name": None},
        {"kind": "compute pool", "like": "%ab%"},
    ),
    (
        "labs",
        "list_objects",
        {"object_type": "table", "database_name": "d", "schema_name": "s", "starts_with": "OR"},
        {"kind": "table", "database": "d", "schema": "s", "like": "OR%"},
    ),
    (
        "labs",
        "list_objects",
        {"object_type": "table", "database": "d", "limit": 5},
        {"kind": "table", "database": "d", "limit": 5},
    ),
    (
        "labs",
        "describe_object",
        {
            "object_type": "view",
            "target_object": {"name": "v", "database_name": "d", "schema_name": "s", "kind": "x"},
        },
        {"kind": "view", "name": "v", "database": "d", "schema": "s"},
    ),
    (
        "labs",
        "describe_object",
        {"object_type": "warehouse", "target_object": '{"name": "w"}'},
        {"kind": "warehouse", "name": "w"},
    ),
    (
        "labs",
        "list_semantic_views",
        {"database_name": "d", "like": "x"},
        {"kind": "semantic view", "database": "d", "like": "%x%"},
    ),
    (
        "labs",
        "describe_semantic_view",
        {"view_name": "v", "database_name": "d", "schema_name": "s"},
        {"kind": "semantic view", "name": "v", "database": "d", "schema": "s"},
    ),
    (
        "labs",
        "get_semantic_view_ddl",
        {"view_name": "v", "database_name": "d", "schema_name": "s"},
        {"kind": "semantic view", "name": "v", "database": "d", "schema": "s"},
    ),
    (
        "labs",
        "query_semantic_view",
        {
            "database_name": "d",
            "schema_name": "s",
            "view_name": "v",
            "dimensions": [{"table": "t", "name": "a"}],
            "metrics": [],
            "facts": None,
            "where_clause": "t.a > 1",
            "order_by": "a DESC, b",
            "limit": "10",
        },
        {
            "database": "d",
            "schema": "s",
            "view": "v",
            "dimensions": ["t.a"],
            "where": "t.a > 1",
            "order_by": ["a DESC", "b"],
            "limit": 10,
        },
    ),
    (
        "labs",
        "cortex_search",
        {
            "service_name": "n",
            "database_name": "d",
            "schema_name": "s",
            "query": "q",
            "columns": ["A"],
            "filter_query": {},
            "limit": 5,
        },
        {"service": "n", "query": "q", "columns": ["A"], "limit": 5},
    ),
    (
        "labs",
        "cortex_analyst",
        {"service_name": "n", "semantic_model": "d.s.v", "query": "q"},
        {"service": "n", "question": "q"},
    ),
    (
        "labs",
        "cortex_agent",
        {"service_name": "n", "database_name": "d", "schema_name": "s", "query": "q"},
        {"service": "n", "question": "q"},
    ),
    ("isaac", "read_query", {"query": "SELECT 1"}, {"query": "SELECT 1"}),
    ("isaac", "write_query", {"query": "DELETE FROM t"}, {"query": "DELETE FROM t"}),
    ("isaac", "create_table", {"query": "CREATE TABLE t"}, {"query": "CREATE TABLE t"}),
    (
        "isaac",
        "describe_table",
        {"table_name": 'd."Odd.Schema".t'},
        {"database": "D", "schema": '"Odd.Schema"', "table_name": "T"},
    ),
    (
        "dynamike",
        "execute_query",
        {"query": "SELECT 1", "use_transaction": False, "auto_commit": True, "limit": 3},
        {"query": "SELECT 1", "limit": 3},
    ),
]


@pytest.mark.parametrize(("server", "name", "theirs", "ours"), SAID)
def test_their_words_become_ours(
    tmp_path: Path, server: str, name: str, theirs: dict[str, Any], ours: dict[str, Any]
) -> None:
    """What they mean by each argument; the listed schema takes what they send."""
    config = configured(tmp_path, EVERY)
    alias = SERVERS[server].aliases[name]
    known = arguments_of(alias.tool, config)
    assert alias.means(theirs, known)
    assert alias.translated(theirs, known) == ours
    listed = alias.described(wire_form(TOOLS[alias.tool], config.limits))
    given = {key: value for key, value in theirs.items() if value is not None}
    if not isinstance(given.get("target_object"), str) and given.get("limit") != "10":
        jsonschema.validate(given, listed["inputSchema"])


def test_every_alias_is_tried_here() -> None:
    """And serves with a tool that there is."""
    every = {(key, name) for key, server in SERVERS.items() for name in server.aliases}
    assert every == {(server, name) for server, name, _, _ in SAID}
    for server in SERVERS.values():
        assert {alias.tool for alias in server.aliases.values()} <= set(TOOLS)
        assert not server.missing.keys() & server.aliases.keys()
        for instead in server.missing.values():
            assert set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", instead)) <= set(TOOLS)


@pytest.mark.parametrize(
    ("server", "name", "theirs", "message"),
    [
        ("labs", "run_snowflake_query", {}, "statement: this argument is required."),
        ("labs", "run_snowflake_query", {"statement": None}, "statement: this argument is requ"),
        (
            "labs",
            "run_snowflake_query",
            {"statment": "x"},
            "statment: run_snowflake_query has no such argument. Did you mean statement?",
        ),
        ("labs", "run_snowflake_query", {"query": "x"}, "query: run_snowflake_query has no such"),
        (
            "labs",
            "list_objects",
            {"object_type": "table", "like": "a", "starts_with": "b"},
            "starts_with: it means like, which is given already.",
        ),
        (
            "labs",
            "list_objects",
            {"object_type": "table", "kind": "view"},
            "kind: it means kind, which is given already.",
        ),
        (
            "labs",
            "describe_object",
            {"object_type": "view", "target_object": "v"},
            "target_object: expected an object, got a text that is no JSON.",
        ),
        (
            "labs",
            "describe_object",
            {"object_type": "view", "target_object": [1]},
            "target_object: expected an object, got an array.",
        ),
        (
            "labs",
            "describe_object",
            {"object_type": "view", "target_object": {}},
            "target_object: expected an object with a name.",
        ),
        (
            "labs",
            "query_semantic_view",
            {"view_name": "v", "dimensions": ["t.a"]},
            "dimensions: expected an object, got a text that is no JSON.",
        ),
        (
            "labs",
            "query_semantic_view",
            {"view_name": "v", "metrics": [{"name": "a"}]},
            "metrics: expected objects with a table and a name.",
        ),
        (
            "labs",
            "query_semantic_view",
            {"view_name": "v", "order_by": 5},
            "order_by: expected a string, got 5.",
        ),
        (
            "labs",
            "cortex_search",
            {"service_name": "n", "database_name": 5, "query": "q"},
            "database_name: expected a string, got 5.",
        ),
        (
            "isaac",
            "describe_table",
            {"table_name": "t"},
            "table_name: expected database.schema.table, got the string 't'.",
        ),
        (
            "dynamike",
            "execute_query",
            {"query": "x", "use_transaction": True},
            "use_transaction: expected false, got the boolean true. Each statement stands by",
        ),
    ],
)
@asynchronous
async def test_what_cannot_be_said_in_ours_is_explained(
    tmp_path: Path, server: str, name: str, theirs: dict[str, Any], message: str
) -> None:
    """In their words; nothing is left out in silence, and nothing is sent."""
    tools, warehouse, _ = renamed(configured(tmp_path, EVERY + SERVICES))
    result = await tools.call(name, theirs, context())
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert shown(result).startswith(message)
    assert f"Arguments of {name}" in shown(result)
    assert warehouse.jobs == []


def test_without_the_setting_there_is_nothing_of_it(tmp_path: Path) -> None:
    """The list is the very one of the tools."""
    config = configured(tmp_path, "")
    profiles = Profiles(config)
    own = build_registry(FakeWarehouse({}), FakeGate(), config, profiles=profiles)
    tools = RenamedTools(own, profiles)
    assert tools.describe(LOCAL) is own.describe(LOCAL)


def test_the_list_has_the_names_that_were_wanted(tmp_path: Path) -> None:
    """Behind our own, each in the wire's form; the same object each time."""
    tools, _, _ = renamed(configured(tmp_path, '[migration]\naliases = ["isaac"]\n'))
    listed = tools.describe(LOCAL)
    assert listed[-1]["name"] == "read_query"
    assert "run_snowflake_query" not in names(tools)
    assert "write_query" not in names(tools), "its tool writes, and this server reads"
    assert tools.describe(LOCAL) is listed
    for tool in listed:
        check_schema(tool["inputSchema"])
        parsed = mcp_types.Tool.model_validate(tool)
        assert parsed.model_dump(by_alias=True, exclude_none=True) == tool


def test_a_tool_with_both_names_takes_either_words(tmp_path: Path) -> None:
    """Neither's arguments are demanded of those who use the other's."""
    tools, _, _ = renamed(configured(tmp_path, EVERY))
    (listed,) = (tool for tool in tools.describe(LOCAL) if tool["name"] == "list_objects")
    for given in ({"kind": "table"}, {"object_type": "table", "schema_name": "s"}):
        jsonschema.validate(given, listed["inputSchema"])
    assert "required" not in listed["inputSchema"]


@asynchronous
async def test_our_own_words_mean_what_they_meant(tmp_path: Path) -> None:
    """A call without any argument of theirs is untouched."""
    tools, warehouse, _ = renamed(configured(tmp_path, EVERY))
    where = {"database": "d", "schema": "s", "table_name": "a.b"}
    await tools.call("describe_table", where, context())
    assert warehouse.sql == ['DESCRIBE TABLE "D"."S"."a.b"']
    result = await tools.call("list_objects", {"kind": "table", "like": "x"}, context())
    assert result.failure is None
    assert "LIKE 'x'" in warehouse.sql[-1]


TABLES = """
[principals.look]
preset = "reader"
[principals.ask]
tools = ["execute_query"]
[principals.old]
tools = ["read_query", "execute_query"]
[principals.change.policy]
tier = "dml"
confirm_writes = false
[toolsets.few]
tools = ["describe_table"]
"""


def of(name: str, toolset: str = "") -> Principal:
    return Principal(name, name, toolset)


def test_rights_are_those_of_our_names(tmp_path: Path) -> None:
    """Who does not have a tool does not have its aliases; a pattern that names one is a fault."""
    config = configured(tmp_path, EVERY + TABLES.replace('"read_query", ', ""))
    tools, _, _ = renamed(config)
    assert "read_query" not in names(tools, of("look"))
    assert {"list_objects", "list_semantic_views"} <= names(tools, of("look"))
    assert names(tools, of("ask")) == {"execute_query", "read_query", "run_snowflake_query"}
    assert {"write_query", "create_table"} <= names(tools, of("change"))
    assert names(tools, of("change", "few")) == {"describe_table"}
    faulty = configured(tmp_path, EVERY + TABLES)
    assert problems(faulty) == ["principals.old.tools: 'read_query' names no tool"]


@asynchronous
async def test_an_alias_opens_nothing(tmp_path: Path) -> None:
    """A tool that the caller does not have is not there under another name either."""
    tools, warehouse, _ = renamed(
        configured(tmp_path, EVERY + TABLES.replace('"read_query", ', ""))
    )
    facts = Facts("http", of("look"), "2026-07-28")
    with pytest.raises(McpError, match="Unknown tool: read_query"):
        await tools.call("read_query", {"query": "SELECT 1"}, context(facts=facts))
    assert warehouse.jobs == []


@asynchronous
async def test_the_statement_and_the_trail_have_our_name(tmp_path: Path) -> None:
    """The query tag, and what the audit reads."""
    tools, warehouse, _ = renamed(configured(tmp_path, EVERY))
    request = context()
    result = await tools.call("read_query", {"query": "SELECT 1"}, request)
    assert result.failure is None
    assert (warehouse.jobs[0].tag["tool"], request.trail.tool) == ("execute_query",) * 2
    plain = context()
    await tools.call("execute_query", {"query": "SELECT 1"}, plain)
    assert plain.trail.tool == ""


@asynchronous
async def test_a_name_of_another_server_is_explained(tmp_path: Path) -> None:
    """Switched on or not: the caller reads what there is instead."""
    tools, _, _ = renamed(configured(tmp_path, ""))
    with pytest.raises(McpError) as error:
        await tools.call("run_snowflake_query", {"statement": "x"}, context())
    assert error.value.message == "Unknown tool: run_snowflake_query. Here it is execute_query."
    assert error.value.data == {"didYouMean": ["execute_query"]}
    with pytest.raises(McpError, match="append_insight of mcp-snowflake-server is not served"):
        await tools.call("append_insight", {"insight": "x"}, context())
    with pytest.raises(McpError, match="Unknown tool: nothing"):
        await tools.call("nothing", {}, context())


def test_a_reload_brings_them_and_takes_them_away(tmp_path: Path) -> None:
    """The list follows the settings."""
    tools, _, profiles = renamed(configured(tmp_path, ""))
    before = names(tools)
    profiles.take(configured(tmp_path, EVERY))
    assert names(tools) - before == {
        "read_query",
        "run_snowflake_query",
        "list_semantic_views",
        "describe_semantic_view",
        "get_semantic_view_ddl",
    }
    profiles.take(configured(tmp_path, ""))
    assert names(tools) == before


def test_what_is_wrong_with_the_setting_is_told(tmp_path: Path) -> None:
    """A server that nobody knows, and a tool of the operator's own that has an alias's name."""
    assert problems(configured(tmp_path, '[migration]\naliases = ["labs", "nobody"]\n')) == [
        "migration.aliases: 'nobody' is none of labs, isaac, dynamike"
    ]
    own = '[tools.read_query]\ndescription = "x"\nsql = "SELECT 1"\n'
    assert problems(configured(tmp_path, own)) == []
    assert problems(configured(tmp_path, EVERY + own)) == [
        "tools.read_query: it is an alias, see migration.aliases; take another name"
    ]


PAGE = (Path(__file__).parents[3] / "docs" / "migration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", SERVERS)
def test_the_page_has_every_name(key: str) -> None:
    """A row for each alias with the tool that serves it, and one for each that is not served."""
    server = SERVERS[key]
    section = PAGE.partition(f'`"{key}"`')[2].partition("\n## ")[0]
    assert server.package in PAGE
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    told: Mapping[str, str] = {row.split("`")[1].partition("{")[0]: row for row in rows}
    for alias in server.aliases.values():
        row = told[alias.name]
        assert f"`{alias.tool}`" in row
        for each in alias.arguments:
            assert each.name in row
    for name in server.missing:
        assert "not served" in told[name]


def test_failures_hold_no_secret_of_json() -> None:
    """What a caller sent comes back shortened and visible."""
    alias = SERVERS["labs"].aliases["describe_object"]
    with pytest.raises(ToolFailure) as failure:
        alias.translated({"object_type": "x", "target_object": "\x1b" * 900}, ["kind", "name"])
    assert len(json.dumps(failure.value.message)) < 200
