"""Objects of every kind: what is asked of Snowflake, what of it is told, and what is refused."""

from typing import Any

import pytest

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.policy.kinds import DESCRIBE_KINDS, SHOW_KINDS
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.tools.kinds import KINDS
from tests.unit.tools.fakes import (
    Reply,
    asynchronous,
    body,
    columns,
    conforming,
    context,
    registry,
    shown,
)

STREAMS = Reply(
    columns("created_on", "name", "database_name", "schema_name", "table_name", "stale", "comment"),
    [
        ["2026-01-01", "S1", "D", "A", "D.A.T", "false", "the | first"],
        ["2026-01-01", "s2", "D", "B", "", None, ""],
    ],
)
NOTHING = {"SHOW": Reply(columns("name")), "DESCRIBE": Reply(columns("property", "value"))}
SIGNED = {"signature": "NUMBER, VARCHAR(10)"}
PLACED = {"database": "d", "schema": "s", "name": "x"}


@pytest.mark.parametrize(
    ("arguments", "sql"),
    [
        ({"kind": "warehouse"}, "SHOW WAREHOUSES"),
        ({"kind": "Roles", "like": "A%"}, "SHOW ROLES LIKE 'A%' LIMIT 501"),
        ({"kind": "stream"}, "SHOW STREAMS"),
        ({"kind": "dynamic_tables", "database": "d"}, 'SHOW DYNAMIC TABLES IN DATABASE "D"'),
        (
            {"kind": "task", "database": "d", "schema": "s", "after": "T", "limit": 2},
            'SHOW TASKS IN SCHEMA "D"."S" LIMIT 3 FROM \'T\'',
        ),
        ({"kind": "procedures", "database": '"d"'}, 'SHOW USER PROCEDURES IN DATABASE "d"'),
        ({"kind": "schema", "database": "d"}, 'SHOW SCHEMAS IN DATABASE "D" LIMIT 501'),
    ],
)
@asynchronous
async def test_a_list_is_one_show(arguments: dict[str, Any], sql: str) -> None:
    """In its place; it is paged where names are unique there and Snowflake can go on behind one."""
    tools, warehouse = registry(NOTHING)
    result = await tools.call("list_objects", arguments, context())
    assert result.failure is None
    assert warehouse.sql == [sql]


@asynchronous
async def test_objects_are_told_with_their_place_and_what_matters() -> None:
    """Empty facts are left out; the place, where it was not asked for."""
    tools, _ = registry({"SHOW": STREAMS})
    result = await tools.call("list_objects", {"kind": "stream", "database": "d"}, context())
    assert conforming(tools, "list_objects", result)["objects"] == [
        {
            "name": "S1",
            "place": "D.A",
            "about": {"table_name": "D.A.T", "stale": "false"},
            "comment": "the | first",
        },
        {"name": '"s2"', "place": "D.B"},
    ]
    assert shown(result).startswith("2 streams in D.\nname | place | about | comment\n")
    within = {"kind": "stream", "database": "d", "schema": "a"}
    there = body(await tools.call("list_objects", within, context()))
    assert "place" not in there["objects"][0]


@asynchronous
async def test_what_the_rules_hide_is_not_listed() -> None:
    """Wherever it is found."""
    policy = PolicySettings(allow_objects=("D.A",))
    tools, _ = registry({"SHOW": STREAMS}, policy=policy)
    answer = body(await tools.call("list_objects", {"kind": "stream"}, context()))
    assert [item["name"] for item in answer["objects"]] == ["S1"]
    for arguments in ({"kind": "stream", "database": "d", "schema": "b"},):
        refused = await tools.call("list_objects", arguments, context())
        assert refused.failure is not None
        assert refused.failure.family is Family.REFUSED


@pytest.mark.parametrize("name", ["describe_object", "get_ddl"])
@asynchronous
async def test_what_the_rules_hide_is_not_described(name: str) -> None:
    """Nor is its DDL given."""
    policy = PolicySettings(deny_objects=("D.S.X",), capabilities=("get_ddl",))
    tools, warehouse = registry(NOTHING, policy=policy)
    result = await tools.call(name, {"kind": "task", **PLACED}, context())
    assert result.failure is not None
    assert result.failure.family is Family.REFUSED
    assert warehouse.sql == []


@pytest.mark.parametrize(
    ("arguments", "sql"),
    [
        ({"kind": "warehouse", "name": "xs"}, 'DESCRIBE WAREHOUSE "XS"'),
        ({"kind": "stream", **PLACED}, 'DESCRIBE STREAM "D"."S"."X"'),
        (
            {"kind": "function", **PLACED, **SIGNED},
            'DESCRIBE FUNCTION "D"."S"."X"(NUMBER, VARCHAR(10))',
        ),
        ({"kind": "schema", "database": "d", "name": "s"}, 'DESCRIBE SCHEMA "D"."S"'),
        (
            {"kind": "stage", **PLACED, "name": '"a""b"'},
            'DESCRIBE STAGE "D"."S"."a""b"',
        ),
    ],
)
@asynchronous
async def test_a_description_is_one_describe(arguments: dict[str, Any], sql: str) -> None:
    """Of a name quoted by parts, with its signature where it has one."""
    tools, warehouse = registry(
        {"DESCRIBE": Reply(columns("property", "value"), [["size", "XSMALL"]])}
    )
    result = await tools.call("describe_object", arguments, context())
    assert warehouse.sql == [sql]
    assert conforming(tools, "describe_object", result)["rows"] == [["size", "XSMALL"]]


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("list_objects", {"kind": "wharehouse"}, "Did you mean warehouse?"),
        ("list_objects", {"kind": "user"}, "no such kind"),
        ("list_objects", {"kind": "warehouse", "database": "d"}, "is in no database"),
        ("list_objects", {"kind": "task", "schema": "s"}, "its database is missing"),
        ("list_objects", {"kind": "task", "after": "T"}, "cannot go on behind a name"),
        ("describe_object", {"kind": "role", "name": "r"}, "does not describe a role"),
        ("describe_object", {"kind": "task", "name": "t"}, "a task is in a database"),
        ("describe_object", {"kind": "function", **PLACED}, "types of its arguments"),
        (
            "describe_object",
            {"kind": "function", **PLACED, "signature": ") ->> DROP TABLE t --"},
            "types of its arguments",
        ),
        ("get_ddl", {"kind": "stage", **PLACED}, "no DDL of a stage"),
    ],
)
@asynchronous
async def test_what_cannot_be_asked_is_explained(
    name: str, arguments: dict[str, Any], message: str
) -> None:
    """Before anything is sent."""
    tools, warehouse = registry(NOTHING)
    result = await tools.call(name, arguments, context())
    assert message in shown(result)
    assert result.failure is not None
    assert result.failure.family is Family.INVALID_ARGUMENT
    assert warehouse.sql == []


DDL = Reply(columns("ddl"), [["create or replace table T (\n\tA NUMBER\n);"]])


@asynchronous
async def test_ddl_of_tables_and_views_is_open() -> None:
    """It says no more than their description."""
    tools, warehouse = registry({"SELECT GET_DDL": DDL})
    result = await tools.call("get_ddl", {"kind": "table", **PLACED}, context())
    answer = conforming(tools, "get_ddl", result)
    assert answer["ddl"].startswith("create or replace table")
    assert (answer["kind"], answer["name"], answer["ddl_truncated"]) == ("table", "D.S.X", False)
    assert warehouse.sql == ['SELECT GET_DDL(\'TABLE\', \'"D"."S"."X"\', TRUE)']


@asynchronous
async def test_ddl_of_other_kinds_needs_the_capability() -> None:
    """As the function does in a statement of the caller's own."""
    arguments = {"kind": "procedure", **PLACED, **SIGNED}
    tools, warehouse = registry({"SELECT GET_DDL": DDL})
    refused = await tools.call("get_ddl", arguments, context())
    assert refused.failure is not None
    assert refused.failure.family is Family.REFUSED
    assert "policy.capabilities" in shown(refused)
    assert warehouse.sql == []
    granted = PolicySettings(capabilities=("get_ddl",))
    tools, warehouse = registry({"SELECT GET_DDL": DDL}, policy=granted)
    assert (await tools.call("get_ddl", arguments, context())).failure is None
    assert warehouse.sql == [
        'SELECT GET_DDL(\'PROCEDURE\', \'"D"."S"."X"(NUMBER, VARCHAR(10))\', TRUE)'
    ]


@pytest.mark.parametrize("word", KINDS)
def test_every_kind_is_one_that_the_gate_lets_callers_name_themselves(word: str) -> None:
    """A tool opens nothing that a statement of the caller's own would be refused."""
    kind = KINDS[word]
    assert kind.show in SHOW_KINDS
    assert not kind.describe or kind.describe in DESCRIBE_KINDS
