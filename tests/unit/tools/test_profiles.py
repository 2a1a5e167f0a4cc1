"""What each caller has: the tools, terms and limits of their own table, as it counts now."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

import pytest
from msgspec import structs

from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    LimitSettings,
    PolicySettings,
    PrincipalSettings,
)
from snowflake_mcp.config.principals import PRESETS, Profiles
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Refusal
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.errors import McpError, ToolFailure
from snowflake_mcp.protocol.live import Live
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.tools.offering import EVERY_TOOL, problems
from snowflake_mcp.tools.registry import Registry, build_registry
from tests.unit.tools.fakes import (
    FakeGate,
    FakePainter,
    FakeWarehouse,
    Reply,
    asynchronous,
    body,
    columns,
    context,
    shown,
)

ANN: Final = Principal("ann", "ann")
BOB: Final = Principal("bob", "bob")
GONE: Final = Principal("eve", "eve")
ROWS: Final = {"": Reply(columns("name"), [["A"], ["B"], ["C"]])}
HOME: Final = ConnectionSettings("home", Backend.SNOWFLAKE)
AWAY: Final = ConnectionSettings("away", Backend.SNOWFLAKE)


def config(**tables: Mapping[str, Any]) -> Config:
    """A configuration with these tables."""
    made = {name: PrincipalSettings(name, **settings) for name, settings in tables.items()}
    return Config(HOME, principals=made, connections={"home": HOME, "away": AWAY})


class Stand:
    """Tools for several callers over one warehouse and one gate."""

    def __init__(self, **tables: Mapping[str, Any]) -> None:
        self.warehouse = FakeWarehouse(ROWS)
        self.gate = FakeGate()
        self.ledger = Ledger(lambda: 0.0)
        given = config(**tables)
        self.profiles = Profiles(given)
        self.tools: Registry = build_registry(
            self.warehouse,
            self.gate,
            given,
            self.ledger,
            self.profiles,
            painter=FakePainter(),
        )

    def names(self, principal: Principal) -> list[str]:
        return [tool["name"] for tool in self.tools.describe(principal)]

    async def ask(self, principal: Principal, name: str, **arguments: Any) -> Any:
        """The result of a call."""
        return await self.tools.call(name, arguments, asking(principal))


def asking(principal: Principal) -> RequestContext:
    """A request of this caller, whose client cannot be asked anything."""
    return context(facts=Facts("http", principal, "2025-11-25"))


def test_patterns_choose_tools_in_the_order_of_every_list() -> None:
    """However they are written; without patterns there is everything that the tier opens."""
    stand = Stand(ann={"tools": ("check_sql", "list_[ds]*", "query_vie?")})
    assert stand.names(ANN) == ["list_databases", "list_schemas", "query_view", "check_sql"]
    reading = [name for name, tool in EVERY_TOOL.items() if tool.effect != "writes"]
    assert stand.names(LOCAL) == reading


def test_only_a_tier_opens_tools_that_write() -> None:
    """A pattern does not, and a tier does not open what no pattern names."""
    dml = PolicySettings(tier="dml")
    stand = Stand(
        ann={"tools": ("*",)}, bob={"policy": dml}, eve={"policy": dml, "tools": ("list_*",)}
    )
    assert "execute_statement" not in stand.names(ANN)
    assert stand.names(BOB) == list(EVERY_TOOL)
    assert "execute_statement" not in stand.names(GONE)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_tools_that_there_are(name: str) -> None:
    """Each can be served as it stands."""
    assert problems(config(ann={"tools": PRESETS[name].get("tools", ())})) == []


def test_a_list_is_made_once_for_all_callers_of_a_table() -> None:
    """Until a reload; then it is made anew, and callers without a table have none."""
    stand = Stand(ann={"tools": ("list_*",)}, bob={})
    first = stand.tools.describe(ANN)
    assert stand.tools.describe(Principal("ann/one", "ann")) is first
    assert stand.tools.describe(BOB) is not first
    stand.profiles.take(config(ann={"tools": ("query_view",)}))
    assert stand.names(ANN) == ["query_view"]
    for principal in (BOB, GONE):
        with pytest.raises(McpError, match="configured no longer") as refused:
            stand.tools.describe(principal)
        assert refused.value.status == 403


def test_schemas_hold_the_callers_own_limits() -> None:
    """What a schema promises is what a call takes."""
    stand = Stand(ann={"limits": LimitSettings(max_rows=2, default_rows=1)})
    own, other = (
        next(t for t in stand.tools.describe(who) if t["name"] == "execute_query")
        for who in (ANN, LOCAL)
    )
    limit = own["inputSchema"]["properties"]["limit"]
    assert (limit["default"], limit["maximum"]) == (1, 2)
    assert other["inputSchema"]["properties"]["limit"]["maximum"] == 10_000


@asynchronous
async def test_what_is_not_in_the_list_cannot_be_called() -> None:
    """It says so honestly, since every tool's name is public; nothing reaches gate or warehouse."""
    stand = Stand(ann={"tools": ("list_databases",)})
    for name, why in (
        ("execute_query", "The tool execute_query is not open to this caller"),
        ("execute_statement", "The tool execute_statement is not open to this caller"),
        ("execute_qerry", "Unknown tool: execute_qerry"),
    ):
        with pytest.raises(McpError) as refused:
            await stand.ask(ANN, name, query="SELECT 1")
        assert (refused.value.code, refused.value.message) == (-32602, why)
        assert refused.value.data == {"didYouMean": []}
    assert (stand.gate.seen, stand.warehouse.jobs) == ([], [])


@asynchronous
async def test_the_gate_judges_on_the_callers_terms() -> None:
    """Capabilities, rules about objects, length and tier are the table's, from call to call."""
    own = {
        "policy": PolicySettings(
            capabilities=("udf",), allow_objects=("SALES",), deny_objects=("HR",), tier="dml"
        ),
        "limits": LimitSettings(max_sql_bytes=300),
    }
    stand = Stand(ann=own)
    for who in (ANN, LOCAL):
        await stand.ask(who, "check_sql", query="SELECT 1")
    ann, local = stand.gate.terms
    assert (ann.granted, ann.allow_objects, ann.deny_objects) == (
        frozenset({"udf"}),
        ("SALES",),
        ("HR",),
    )
    assert (ann.max_sql_bytes, ann.section) == (300, "principals.ann.policy")
    assert (local.granted, local.rules.active, local.section) == (frozenset(), False, "policy")
    assert [each.tier for each in stand.gate.situations] == [Tier.DML, Tier.READ]
    stand.profiles.take(config(ann={}))
    await stand.ask(ANN, "check_sql", query="SELECT 1")
    assert stand.gate.terms[-1] == structs.replace(local, section="principals.ann.policy")


@asynchronous
async def test_rules_about_objects_are_the_callers() -> None:
    """Lists leave out what these hide, and what is named is refused with the right setting."""
    rules = PolicySettings(allow_objects=("A",))
    stand = Stand(ann={"policy": rules}, **{"x@y.z": {"policy": rules}})
    listed = await stand.ask(ANN, "list_databases")
    assert [item["name"] for item in body(listed)["databases"]] == ["A"]
    listed = await stand.ask(LOCAL, "list_databases")
    assert [item["name"] for item in body(listed)["databases"]] == ["A", "B", "C"]
    refused = await stand.ask(ANN, "list_schemas", database="B")
    assert "principals.ann.policy.allow_objects" in shown(refused)
    refused = await stand.ask(Principal("k", "x@y.z"), "list_schemas", database="B")
    assert 'principals."x@y.z".policy.allow_objects' in shown(refused)
    assert (await stand.ask(LOCAL, "list_schemas", database="B")).failure is None


@asynchronous
async def test_allowances_are_by_table_and_used_by_caller() -> None:
    """Two callers of one table do not use up each other's day."""
    few = {"policy": PolicySettings(daily_statements=1)}
    stand = Stand(ann=few)
    one, two = Principal("ann/one", "ann"), Principal("ann/two", "ann")
    assert (await stand.ask(one, "list_databases")).failure is None
    spent = await stand.ask(one, "list_databases")
    assert "principals.ann.policy.daily_statements" in shown(spent)
    assert (await stand.ask(two, "list_databases")).failure is None
    for _ in range(3):
        assert (await stand.ask(LOCAL, "list_databases")).failure is None


@asynchronous
async def test_writes_are_confirmed_as_the_table_says() -> None:
    """Who has to confirm and cannot be asked changes nothing."""
    free = PolicySettings(tier="dml", confirm_writes=False)
    stand = Stand(ann={"policy": free}, bob={"policy": PolicySettings(tier="dml")})
    stand.gate.kind, stand.gate.tier = "insert", Tier.DML
    assert (await stand.ask(ANN, "execute_statement", query="INSERT")).failure is None
    refused = await stand.ask(BOB, "execute_statement", query="INSERT")
    assert "principals.bob.policy.confirm_writes" in shown(refused)
    assert len(stand.warehouse.jobs) == 1


@asynchronous
async def test_a_reload_while_the_user_is_asked_ends_the_write() -> None:
    """What was judged on other terms is not sent on a late yes; a table that went least of all."""
    stand = Stand(ann={"policy": PolicySettings(tier="dml")})
    stand.gate.kind, stand.gate.tier = "insert", Tier.DML

    async def answered_after(reload: Mapping[str, Any]) -> Any:
        class Client:
            level = "error"

            async def ask(self, method: str, params: Any, send: Any) -> dict[str, Any]:
                stand.profiles.take(config(**reload))
                return {"action": "accept", "content": {"confirm": True}}

        request = asking(ANN)
        request.facts = structs.replace(request.facts, capabilities={"elicitation": {}})
        request.live = cast(Live, Client())
        arguments = {"query": "INSERT"}
        return await stand.tools.call("execute_statement", arguments, request)

    same = {"ann": {"policy": PolicySettings(tier="dml")}}
    assert (await answered_after(same)).failure is None
    for tables in ({"ann": {"policy": PolicySettings(tier="ddl")}}, {}):
        stand.profiles.take(config(**same))
        refused = await answered_after(tables)
        assert "has changed the server's settings" in shown(refused)
    assert len(stand.warehouse.jobs) == 1


@asynchronous
async def test_budgets_are_the_tables() -> None:
    """A query over it is not run, for whom it is set."""
    stand = Stand(ann={"policy": PolicySettings(max_scan_bytes=10)})
    plan = '{"GlobalStats": {"partitionsAssigned": 1, "bytesAssigned": 11}}'
    stand.warehouse.replies = {"EXPLAIN": Reply(columns("P"), [[plan]]), **ROWS}
    refused = await stand.ask(ANN, "execute_query", query="SELECT 1")
    assert "principals.ann.policy.max_scan_bytes" in shown(refused)
    assert (await stand.ask(LOCAL, "execute_query", query="SELECT 1")).failure is None
    assert [sql[:7] for sql in stand.warehouse.sql] == ["EXPLAIN", "/*judge"]


@asynchronous
async def test_answers_name_the_callers_connection() -> None:
    """And names without a database stand where that connection begins."""
    stand = Stand(ann={"connection": "away"})
    assert (await stand.ask(ANN, "list_databases")).structured["connection"] == "away"
    assert (await stand.ask(LOCAL, "list_databases")).structured["connection"] == "home"


@asynchronous
async def test_who_has_no_tool_for_a_handle_waits_for_the_end() -> None:
    """A query id would be of no use to them."""
    stand = Stand(ann={"tools": ("query_view",)})
    for who in (ANN, LOCAL):
        await stand.ask(who, "query_view", database="D", schema="S", view_name="V")
    assert [job.answer_within_s for job in stand.warehouse.jobs] == [None, 45.0]
    stand.gate.refusals = ()
    allowed = await Stand(ann={"tools": ("check_sql",)}).ask(ANN, "check_sql", query="SELECT 1")
    assert "execute_query would run it, but is not yours" in shown(allowed)


def test_instructions_speak_of_the_callers_tools_only() -> None:
    """And of the tier, where they can write."""
    stand = Stand(
        ann={"tools": ("list_*", "query_view")},
        bob={"policy": PolicySettings(tier="ddl")},
        eve={"tools": ("check_sql",)},
    )
    ann, bob, eve = (stand.tools.instructions(who) for who in (ANN, BOB, GONE))
    assert ann.startswith(
        "Read-only access to Snowflake. See what there is with list_databases, list_schemas, "
        "list_tables and list_views; read rows with query_view. The catalog"
    )
    assert bob.startswith("Access to Snowflake; execute_statement writes (tier ddl). Find data")
    assert "get_query_status, fetch_results and cancel_query take that" in bob
    assert eve.startswith("Read-only access to Snowflake. The catalog is")


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"tools": ("list_*", "exec_query")}, "principals.ann.tools: 'exec_query' names no tool"),
        (
            {"tools": ("execute_statement",)},
            "principals.ann.tools: none of these tools is open in tier read",
        ),
        (
            {"policy": PolicySettings(tier="rw")},
            "principals.ann.policy.tier: 'rw' is none of read, dml, ddl, admin",
        ),
        (
            {"policy": PolicySettings(over_budget="stop")},
            "principals.ann.policy.over_budget: 'stop' is none of refuse, ask",
        ),
        ({"policy": PolicySettings(capabilities=("udfs",))}, "principals.ann.policy: unknown cap"),
        ({"policy": PolicySettings(allow_objects=("a b",))}, "principals.ann.policy: 'a b' is no"),
    ],
)
def test_what_means_nothing_is_a_problem_at_the_start(
    table: Mapping[str, Any], problem: str
) -> None:
    """With the setting that is wrong; the server does not start on it."""
    (found,) = problems(config(ann=table, bob={}))
    assert found.startswith(problem)
    with pytest.raises(ValueError, match=r"principals\.ann"):
        Stand(ann=table)


def test_the_servers_own_settings_are_checked_as_well() -> None:
    """They count for callers of no table."""
    own = replace(config(), policy=PolicySettings(tier="rw", over_budget="stop"))
    assert problems(own) == [
        "policy.over_budget: 'stop' is none of refuse, ask",
        "policy.tier: 'rw' is none of read, dml, ddl, admin",
    ]


@asynchronous
async def test_a_refusal_stays_a_refusal_for_every_caller() -> None:
    """The verdict is the gate's; a table opens nothing that the gate has closed."""
    stand = Stand(ann={"policy": PolicySettings(tier="admin", confirm_writes=False)})
    stand.gate.refusals = (Refusal("not-a-read", "No.", "Never."),)
    result = await stand.ask(ANN, "execute_statement", query="DROP")
    assert isinstance(result.failure, ToolFailure)
    assert stand.warehouse.jobs == []


@asynchronous
async def test_each_caller_has_masks_of_its_own() -> None:
    """The gate hears of them with the text, and answers hide what the caller's table says."""
    masked = PolicySettings(mask_columns=("N*",))
    stand = Stand(ann={"policy": masked}, bob={"policy": replace(masked, mask_style="null")})
    shows = {}
    for caller in (ANN, BOB, LOCAL):
        shows[caller.name] = body(await stand.ask(caller, "execute_query", query="q"))["rows"][0]
    assert shows == {"ann": ["***"], "bob": [None], "local": ["A"]}
    assert [terms.mask_columns for terms in stand.gate.terms] == [("N*",), ("N*",), ()]
    stand.profiles.take(config(ann={}, bob={}))
    assert body(await stand.ask(ANN, "execute_query", query="q"))["rows"][0] == ["A"]
