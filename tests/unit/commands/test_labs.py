"""Snowflake Labs' configuration in ours: what it becomes, and what is told of the rest."""

import io
import tomllib
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.cli import main
from snowflake_mcp.commands.labs import imported, run
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.tools.offering import problems

WHOLE = """
agent_services:
  - service_name: HELPER
    description: >
      Answers questions
      about orders
    database_name: DEMO
    schema_name: SALES
search_services:
  - service_name: tickets-search
    description: Finds "tickets"
    database_name: DEMO
    schema_name: SUPPORT
    columns: [SUBJECT]
    limit: 25
analyst_services:
  - service_name: revenue
    semantic_model: "@DEMO.SALES.MODELS/revenue.yaml"
    description: Revenue
  - service_name: churn
    semantic_model: DEMO.PRODUCT.CHURN
    description: Churn
other_services:
  object_manager: True
  query_manager: True
  semantic_manager: True
sql_statement_permissions:
  - Select: True
  - Describe: True
"""


def warned(text: str) -> list[str]:
    return imported(text).told


def read(text: str) -> dict[str, Any]:
    return tomllib.loads(imported(text).text)


def test_services_become_tables() -> None:
    """By their names, where they are and what a model reads of them; nothing is left to tell."""
    assert warned(WHOLE) == []
    assert read(WHOLE) == {
        "migration": {"aliases": ["labs"]},
        "policy": {"tier": "read"},
        "cortex": {
            "semantic_views": True,
            "search": {
                "tickets-search": {
                    "description": 'Finds "tickets"',
                    "database": "DEMO",
                    "schema": "SUPPORT",
                    "service": "tickets-search",
                    "columns": ["SUBJECT"],
                    "limit": 25,
                }
            },
            "analyst": {
                "revenue": {
                    "description": "Revenue",
                    "semantic_model_file": "@DEMO.SALES.MODELS/revenue.yaml",
                },
                "churn": {"description": "Churn", "semantic_view": "DEMO.PRODUCT.CHURN"},
            },
            "agents": {
                "HELPER": {
                    "description": "Answers questions about orders",
                    "database": "DEMO",
                    "schema": "SALES",
                    "agent": "HELPER",
                }
            },
        },
    }


SEARCH = "search_services: [{service_name: a, description: b, database_name: D, schema_name: S%s}]"
AGENT = SEARCH.replace("search_", "agent_")
ON = "other_services: {object_manager: true, query_manager: true, semantic_manager: true}\n"
READS = "sql_statement_permissions: [{Select: true, Describe: true%s}]\n"
DML = ", Insert: true, Update: true, Delete: true, Merge: true"
DDL = ", Create: true, Alter: true, Drop: true, TruncateTable: true, Comment: true"


@pytest.mark.parametrize(
    ("more", "tier", "told"),
    [
        ("", "read", []),
        (", Insert: true", "read", ["insert allowed, but policy.tier"]),
        (DML, "dml", ["confirm_writes"]),
        (DML + ", Create: true", "dml", ["create allowed, but", "confirm_writes"]),
        (DML + DDL, "ddl", ["confirm_writes", "policy.tier: ddl is about"]),
        (DML.replace("Merge: true", "Merge: false"), "read", ["delete, insert, update allowed"]),
        (DDL, "read", ["alter, comment, create, drop, truncatetable allowed, but"]),
        (", All: true", "admin", ["All was allowed", "confirm_writes"]),
        (", Command: true", "read", ["CALL, EXECUTE IMMEDIATE, PUT"]),
        (", Use: true", "read", ["arguments of the tools"]),
        (", Transaction: true", "read", ["each statement stands by itself"]),
        (", Kill: true", "read", ["kill: has no counterpart"]),
        (", Kill: 'perhaps'", "read", ["Kill: is not true or false"]),
        (", Unknown: false, Copy: false", "read", []),
    ],
)
def test_permissions_become_a_tier(more: str, tier: str, told: list[str]) -> None:
    """The highest that opens nothing which was not allowed; what it leaves out is told."""
    text = ON + READS % more
    assert read(text)["policy"]["tier"] == tier
    found = warned(text)
    assert len(found) == len(told)
    for line, words in zip(found, told, strict=True):
        assert words in line


@pytest.mark.parametrize(
    ("permissions", "words"),
    [
        ("", "missing; reads are open here"),
        ("sql_statement_permissions: 5\n", "is no list of types"),
        ("sql_statement_permissions: [{Select: false, Describe: true}]\n", "select not allowed"),
        ("sql_statement_permissions: [{Insert: false}]\n", "describe, select not allowed"),
    ],
)
def test_reads_cannot_be_closed(permissions: str, words: str) -> None:
    """Which is told to whoever had them closed."""
    (line,) = warned(ON + permissions)
    assert words in line


def test_what_was_switched_off_is_a_set_of_tools() -> None:
    """And it is told that a set alone narrows nobody."""
    text = "other_services: {object_manager: true, mystery: true}\n" + READS % ""
    tools = read(text)["toolsets"]["labs"]["tools"]
    assert "list_*" in tools
    assert "execute_query" not in tools
    unknown, off = warned(text)
    assert "mystery: is not known" in unknown
    assert "query_manager, semantic_manager were off" in off
    assert "toolset = 'labs'" in off
    nothing = "other_services: []\n" + READS % ""
    assert "toolsets" not in read(nothing)
    assert "Nothing is left" in warned(nothing)[-1]


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ("search_services: 7", "is no list"),
        ("search_services: [7]", "has no service_name"),
        ("search_services: [{service_name: a, database_name: D}]", "schema_name missing"),
        (
            SEARCH % ", limit: 9999",
            "limit is not in 1..1000",
        ),
        (
            SEARCH % ", columns: x",
            "columns are no list",
        ),
        (
            "agent_services: [{service_name: a, database_name: D, schema_name: S}]",
            "has no description",
        ),
        (
            (AGENT % "").replace("name: a", "name: 9 a"),
            "callers name it s_9_a here",
        ),
        (
            AGENT % ", tool: x",
            "tool is not known",
        ),
        (
            "analyst_services: [{service_name: a, description: b, semantic_model: model.yaml}]",
            "is neither a file in a stage",
        ),
        ("extra: 5", "extra: is not known"),
    ],
)
def test_what_has_no_counterpart_is_told(services: str, words: str) -> None:
    """A line for each, and the rest of the file all the same."""
    text = ON + READS % "" + services
    (line,) = warned(text)
    assert words in line
    assert read(text)["policy"]["tier"] == "read"


def test_two_services_of_one_name_have_two_tables() -> None:
    """In different schemas they may be called alike."""
    one = "{service_name: a, description: b, database_name: D, schema_name: S}"
    text = ON + READS % "" + f"search_services: [{one}, {one.replace('S}', 'T}')}]"
    assert set(read(text)["cortex"]["search"]) == {"a", "a_2"}
    assert len(warned(text)) == 1


def test_no_text_of_the_file_becomes_a_line_of_its_own() -> None:
    """Neither a key nor a value can add a setting."""
    text = (
        ON + READS % "" + '"x\\n[limits]\\nmax_rows = 1\\n": 1\n'
        'agent_services: [{service_name: "a\\n[tls]", description: "b\\"\\n[http]\\u007f", '
        'database_name: "D\\n", schema_name: S}]\n'
    )
    found = read(text)
    assert set(found) == {"migration", "policy", "cortex"}
    assert found["cortex"]["agents"]["a__tls_"]["description"] == 'b"\n[http]\x7f'


@pytest.mark.parametrize("text", ["", "5", "[1]", "a: [", "a: !!python/object:os.x {}", "\t"])
def test_what_is_no_service_configuration_is_refused(tmp_path: Path, text: str) -> None:
    """With one line and status 1; nothing of the file is executed or shown."""
    file = tmp_path / "f.yaml"
    file.write_text(text)
    out, err = io.StringIO(), io.StringIO()
    assert run(file, out, err) == 1
    assert out.getvalue() == ""
    assert err.getvalue().count("\n") == 1


def test_the_command_prints_toml_and_warns_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings are on standard error, and comments at the top for whoever reads the file later."""
    file = tmp_path / "tools.yaml"
    file.write_text(WHOLE.replace("Select: True", "Select: False"))
    with pytest.raises(SystemExit) as end:
        main(["import-labs", str(file)])
    assert end.value.code == 0
    printed = capsys.readouterr()
    assert tomllib.loads(printed.out)["policy"] == {"tier": "read"}
    assert printed.out.startswith("# Made of tools.yaml by snowflake-mcp import-labs.")
    assert printed.err.startswith("warning: sql_statement_permissions: select not allowed")
    assert printed.err.removeprefix("warning: ").strip() in printed.out
    with pytest.raises(SystemExit, match="name one file"):
        main(["import-labs"])
    with pytest.raises(SystemExit) as end:
        main(["import-labs", str(tmp_path / "none.yaml")])
    assert end.value.code == 1


def test_a_server_takes_what_is_made(tmp_path: Path) -> None:
    """With demo data in the place of a connection, which the file has none of."""
    file = tmp_path / "c.toml"
    text = WHOLE.replace("semantic_manager: True", "semantic_manager: False")
    for part, sets in ((WHOLE, {"compact"}), (text, {"compact", "labs"})):
        file.write_text(imported(part).text)
        config = load(Flags(config=str(file), demo=True), {})
        assert problems(config) == []
        assert len(config.services) == 4
        assert config.toolsets.keys() == sets
