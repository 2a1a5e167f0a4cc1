"""The arguments connection, role and warehouse: who has them, and what a call then stands on."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest

from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    PolicySettings,
    PrincipalSettings,
    ToolSettings,
)
from snowflake_mcp.config.places import ConnectionPolicy
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.protocol.errors import Family, McpError, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.tools.backing import Backing
from snowflake_mcp.tools.base import Call, Tool
from snowflake_mcp.tools.offering import EVERY_TOOL, problems
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.standing import Standing
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish
from tests.unit.tools.fakes import (
    FakeGate,
    FakeWarehouse,
    Reply,
    asynchronous,
    body,
    columns,
    context,
    shown,
)

ROWS = Reply(columns("ID", "EMAIL"), [["1", "ann@example.com"]])
ANN = Principal("ann", "ann")
MAIN = ConnectionSettings(
    "main", Backend.SNOWFLAKE, MappingProxyType({"role": "reader", "database": "D", "schema": "S"})
)
LAKE = ConnectionSettings(
    "lake",
    Backend.SNOWFLAKE,
    MappingProxyType({"role": "HIVE", "database": "L"}),
    description="What the sensors say.",
    policy=ConnectionPolicy(
        tier="read",
        capabilities=(),
        allow_objects=("L.*",),
        deny_objects=("L.RAW",),
        mask_columns=("email",),
        max_scan_bytes=100,
    ),
)
CHOOSES = PolicySettings(
    tier="dml",
    capabilities=("udf",),
    confirm_writes=False,
    allow_connections=("lake",),
    allow_roles=("ANALYST",),
    allow_warehouses=("big one",),
    allow_objects=("L", "D"),
)
SEATS = ("connection", "role", "warehouse")


class Stand:
    """All tools for callers of the server's own settings, over a warehouse in memory."""

    def __init__(self, policy: PolicySettings = CHOOSES, **more: Any) -> None:
        self.warehouse = FakeWarehouse({"EXPLAIN": ROWS, "": ROWS})
        self.gate = FakeGate()
        self.config = Config(MAIN, policy=policy, connections={"main": MAIN, "lake": LAKE}, **more)
        self.profiles = Profiles(self.config)
        self.tools: Registry = build_registry(
            self.warehouse, self.gate, self.config, profiles=self.profiles
        )

    def arguments(self, principal: Principal = LOCAL) -> dict[str, dict[str, Any]]:
        """By tool: the schemas of its arguments about the seat."""
        return {
            tool["name"]: {
                name: schema
                for name, schema in tool["inputSchema"]["properties"].items()
                if name in SEATS
                and name not in EVERY_TOOL[tool["name"]].arguments.__struct_fields__
            }
            for tool in self.tools.describe(principal)
        }


def test_without_a_choice_no_list_is_longer() -> None:
    """By default no tool has any of these arguments, so no client pays for them."""
    assert not any(Stand(PolicySettings()).arguments().values())
    own = PolicySettings(allow_roles=("READER",), allow_connections=("main",))
    assert not any(Stand(own).arguments().values())


def test_the_names_are_in_the_schema() -> None:
    """As an enum that an agent can act on; what connections hold is said once."""
    seen = Stand().arguments()
    assert seen["execute_query"] == {
        "connection": {"type": "string", "enum": ["main", "lake"]},
        "role": {"type": "string", "enum": ["READER", "ANALYST", "HIVE"]},
        "warehouse": {"type": "string", "enum": ['"big one"']},
    }
    assert seen["list_databases"]["connection"]["description"] == "lake: What the sensors say."
    described = [name for name, seats in seen.items() if "description" in str(seats)]
    assert described == ["list_databases"]


def test_each_tool_has_those_that_matter_to_it() -> None:
    """The catalog wakes no warehouse; what is about a query id knows where that ran."""
    seen = {name: tuple(seats) for name, seats in Stand().arguments().items()}
    for name in ("execute_query", "submit_query", "explain_query", "profile_table", "sample_rows"):
        assert seen[name] == SEATS
    for name in ("query_view", "execute_statement"):
        assert seen[name] == SEATS
    for name in ("list_tables", "describe_view", "list_objects", "get_ddl"):
        assert seen[name] == ("connection", "role")
    for name in ("check_sql", "my_queries"):
        assert seen[name] == ("connection",)
    for name in ("get_query_status", "fetch_results", "cancel_query"):
        assert seen[name] == ()


def test_callers_of_one_server_see_what_they_may_choose() -> None:
    """Each table its own; the bytes of a list are made once for each."""
    table = PrincipalSettings("ann", role="OWNER", policy=PolicySettings(allow_roles=("READER",)))
    stand = Stand(PolicySettings(), principals={"ann": table})
    assert stand.arguments()["execute_query"] == {}
    seen = stand.arguments(ANN)["execute_query"]
    assert seen == {"role": {"type": "string", "enum": ["OWNER", "READER"]}}
    assert stand.tools.describe(ANN) is stand.tools.describe(ANN)


def test_clients_are_told_of_the_connections() -> None:
    """Only where there is more than one."""
    told = Stand().tools.instructions(LOCAL)
    assert "lake (What the sensors say.); without it main, where the resources are from." in told
    assert "connection" not in Stand(PolicySettings()).tools.instructions(LOCAL)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("execute_query", {"query": "q"}),
        ("submit_query", {"query": "q"}),
        ("explain_query", {"query": "q"}),
        ("query_view", {"database": "l", "schema": "s", "view_name": "v"}),
        ("sample_rows", {"database": "l", "schema": "s", "table": "t"}),
        ("profile_table", {"database": "l", "schema": "s", "table": "t"}),
    ],
)
@asynchronous
async def test_every_statement_of_a_call_runs_on_the_seat(
    tool: str, arguments: dict[str, Any]
) -> None:
    """The plan for the budget as well; tag and trail name what was chosen."""
    stand, request = Stand(replace(CHOOSES, max_scan_bytes=1 << 40)), context()
    seat = {"role": "analyst", "warehouse": "big one"}
    await stand.tools.call(tool, {**arguments, **seat, "database": "D"}, request)
    jobs = stand.warehouse.jobs
    assert jobs
    assert {job.wish for job in jobs} == {Wish(role="ANALYST", warehouse="big one")}
    tags = [{name: job.tag.get(name) for name in SEATS} for job in jobs]
    assert tags[0] == {"connection": None, "role": "ANALYST", "warehouse": '"big one"'}
    trail = request.trail
    assert (trail.connection, trail.role, trail.warehouse) == ("main", "ANALYST", '"big one"')


@asynchronous
async def test_a_call_without_a_choice_is_as_before() -> None:
    """Nothing of it is in the job or its tag, and null counts as left out."""
    stand = Stand()
    await stand.tools.call("execute_query", {"query": "q", "role": None}, context())
    await stand.tools.call("execute_query", {"query": "q", "role": "READER"}, context())
    assert [job.wish for job in stand.warehouse.jobs] == [NO_WISH, NO_WISH]
    assert not stand.warehouse.jobs[0].tag.keys() & set(SEATS)


@asynchronous
async def test_a_connections_policy_narrows_the_callers() -> None:
    """Terms for the gate, tier, masks and budget; the caller's own connection keeps its own."""
    stand = Stand()
    result = await stand.tools.call(
        "execute_query", {"query": "q", "connection": "lake"}, context()
    )
    # Its budget asks for a plan first, which this warehouse has none of.
    assert result.failure is not None
    assert "gave no estimate" in result.failure.message
    (terms,) = stand.gate.terms
    assert terms.granted == frozenset()
    assert terms.rules.permits(("L", "S", "T"))
    assert not terms.rules.permits(("L", "RAW", "T"))
    assert not terms.rules.permits(("D", "S", "T"))
    assert stand.gate.situations[0].database == "L"
    await stand.tools.call("execute_query", {"query": "q"}, context())
    assert stand.gate.terms[1].granted == frozenset({"udf"})
    assert stand.gate.terms[1].rules.permits(("D", "S", "T"))


@asynchronous
async def test_a_write_is_held_against_the_connections_tier() -> None:
    """Though the caller may write elsewhere."""
    stand = Stand()
    stand.gate.tier = Tier.DML
    await stand.tools.call("execute_statement", {"query": "q", "connection": "lake"}, context())
    await stand.tools.call("execute_statement", {"query": "q"}, context())
    assert [each.tier for each in stand.gate.situations] == [Tier.READ, Tier.DML]


@asynchronous
async def test_a_result_is_masked_as_where_it_ran() -> None:
    """fetch_results has no argument for it: the statement knows."""
    stand = Stand()
    stand.warehouse.handles.stands = Standing("01b0-1", "success", 1.0, wish=Wish("lake"))
    request = context()
    result = await stand.tools.call("fetch_results", {"query_id": "01b0-1"}, request)
    answer = body(result)
    assert (answer["rows"], answer["masked"]) == ([["1", "***"]], ["EMAIL"])
    assert (answer["connection"], request.trail.connection) == ("lake", "lake")
    assert "connection lake." in shown(result)
    stand.warehouse.handles.stands = Standing("01b0-1", "success", 1.0)
    answer = body(await stand.tools.call("fetch_results", {"query_id": "01b0-1"}, context()))
    assert answer["rows"] == [["1", "ann@example.com"]]


@pytest.mark.parametrize(
    "tool",
    [t for t in EVERY_TOOL.values() if "query_id" in t.arguments.__struct_fields__],
    ids=lambda tool: tool.name,
)
@asynchronous
async def test_every_tool_about_a_query_id_goes_where_it_ran(tool: Tool[Any]) -> None:
    """Before it reads or says anything: masks and the name of the connection are from there."""
    moved: list[str] = []

    def elsewhere(wish: Wish) -> Backing:
        moved.append(wish.connection)
        raise LookupError

    stand = Stand()
    stand.warehouse.handles.stands = Standing("01b0-1", "success", 1.0, wish=Wish("lake"))
    backing = stand.tools._offer(LOCAL).backing
    there: Any = object()
    backing = replace(backing, parts=replace(backing.parts, painter=there, spool=there))
    call = Call(backing, context(), tool.name, elsewhere=elsewhere)
    given = {"query_id": "01b0-1"} | ({"kind": "bar"} if tool.name == "chart_query" else {})
    with pytest.raises(LookupError):
        await tool.run(tool.arguments(**given), call)
    assert moved == ["lake"]
    assert stand.warehouse.jobs == []


@asynchronous
async def test_a_result_is_not_read_from_another_seat() -> None:
    """A tool that forgets to go there is refused, rather than showing what is masked there."""
    stand = Stand()
    stand.warehouse.handles.stands = Standing("01b0-1", "success", 1.0, wish=Wish("lake"))
    call = Call(stand.tools._offer(LOCAL).backing, context(), "some_tool")
    with pytest.raises(ToolFailure, match="ran elsewhere"):
        await call.read("01b0-1", call.rows_collector, offset=0, max_rows=1)
    assert stand.warehouse.jobs == []


@pytest.mark.parametrize("tool", ["get_query_status", "cancel_query"])
@asynchronous
async def test_what_is_said_of_a_statement_names_its_connection(tool: str) -> None:
    """Not the caller's own."""
    stand = Stand()
    stand.warehouse.handles.stands = Standing("01b0-1", "success", 1.0, wish=Wish("lake"))
    answer = body(await stand.tools.call(tool, {"query_id": "01b0-1"}, context()))
    assert answer["connection"] == "lake"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"role": "OWNER"}, "role: expected one of READER, ANALYST on connection main, got OWNER."),
        ({"role": '"open'}, "role: "),
        ({"role": 7}, "role: expected one of READER, ANALYST, HIVE."),
        ({"role": "ANALYST", "connection": "lake"}, None),
        ({"role": "READER", "connection": "lake"}, "role: expected one of HIVE, ANALYST on"),
        ({"connection": "pond"}, "connection: expected one of main, lake, got pond."),
        ({"warehouse": "XL"}, 'warehouse: expected one of "big one" on connection main, got XL.'),
    ],
)
@asynchronous
async def test_a_refused_value_names_what_is_allowed(
    given: Mapping[str, Any], message: str | None
) -> None:
    """Nothing is sent."""
    stand = Stand(replace(CHOOSES, allow_objects=()))
    result = await stand.tools.call("list_databases", given, context())
    if "warehouse" in given:
        result = await stand.tools.call("execute_query", {"query": "q", **given}, context())
    if message is None:
        assert result.failure is None
        return
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert result.failure.message.startswith(message)
    assert stand.warehouse.jobs == []


@asynchronous
async def test_an_argument_that_one_does_not_have_is_unknown() -> None:
    """As any other."""
    stand = Stand(PolicySettings())
    result = await stand.tools.call("execute_query", {"query": "q", "role": "READER"}, context())
    assert result.failure is not None
    assert "no such argument" in result.failure.message


@asynchronous
async def test_a_yes_is_good_for_the_seat_that_was_named() -> None:
    """The user who confirmed a statement has not confirmed it elsewhere."""
    asked: list[bytes] = []
    stand = Stand(replace(CHOOSES, confirm_writes=True))
    stand.gate.tier = Tier.DML
    confirmations = stand.tools._parts.confirmations
    confirmations.asked = asked.append  # type: ignore[method-assign,assignment]
    for seat in ({}, {"role": "ANALYST"}, {"warehouse": "big one"}):
        with suppress(McpError):
            await stand.tools.call("execute_statement", {"query": "q", **seat}, context())
    assert len(set(asked)) == len(asked) == 3


@asynchronous
async def test_a_yes_to_a_cost_is_good_for_the_seat_that_was_named() -> None:
    """Likewise of a query over the budget, which on another warehouse costs something else."""
    asked: list[bytes] = []
    stand = Stand(replace(CHOOSES, max_scan_bytes=1, over_budget="ask"))
    plan = '{"GlobalStats": {"partitionsTotal": 9, "partitionsAssigned": 9, "bytesAssigned": 99}}'
    stand.warehouse.replies = {"EXPLAIN": Reply(columns("content"), [[plan]]), "": ROWS}
    confirmations = stand.tools._parts.confirmations
    confirmations.asked = asked.append  # type: ignore[method-assign,assignment]
    for seat in ({}, {"role": "ANALYST"}, {"warehouse": "big one"}):
        with suppress(McpError):
            await stand.tools.call("execute_query", {"query": "q", **seat}, context())
    assert len(set(asked)) == len(asked) == 3


def test_the_shared_catalog_is_asked_at_the_seat() -> None:
    """What one role sees is not told to another of the same caller."""
    backing = replace(Stand().tools._offer(LOCAL).backing, wish=Wish("lake", "R"))
    assert Call(backing, context(), "search_objects").asker(1.0).wish == Wish("lake", "R")


@asynchronous
async def test_a_task_is_taken_up_where_it_runs() -> None:
    """Its arguments carry the choice; another process finds its statement by it."""
    stand, request = Stand(), context()
    detached: list[Any] = []
    request.detach = detached.append
    request.query_id = "01b0-1"

    def during(job: Any) -> None:
        job.waits()

    stand.warehouse.during = during
    await stand.tools.call("execute_query", {"query": "q", "role": "ANALYST"}, request)
    (handle,) = detached
    assert handle.arguments["role"] == "ANALYST"
    resumed = context(resumes="01b0-1")
    await stand.tools.call("execute_query", handle.arguments, resumed)
    assert stand.warehouse.jobs[-1].wish == Wish(role="ANALYST")


@asynchronous
async def test_an_operators_tool_runs_where_its_table_says() -> None:
    """Whatever the caller may choose; and it takes no such argument."""
    tool = ToolSettings(
        "sensors",
        description="Readings.",
        sql="SELECT 1",
        connection="lake",
        role="hive 2",
        warehouse="XS",
    )
    stand = Stand(PolicySettings(), tools={"sensors": tool})
    # The budget of that connection counts for it as well.
    stand.gate.kind = "show"
    request = context()
    await stand.tools.call("sensors", {}, request)
    (job,) = stand.warehouse.jobs
    assert job.wish == Wish("lake", "hive 2", "XS")
    assert (request.trail.connection, request.trail.role) == ("lake", '"hive 2"')
    refused = await stand.tools.call("sensors", {"role": "READER"}, context())
    assert refused.failure is not None


def test_a_name_that_is_none_is_told_at_the_start() -> None:
    """By the section that has it."""
    (problem,) = problems(
        Stand().config.__class__(MAIN, policy=PolicySettings(allow_roles=('"x',)))
    )
    assert problem.startswith("policy: what may be chosen: a name begins")
