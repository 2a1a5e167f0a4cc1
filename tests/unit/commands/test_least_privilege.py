"""The SQL of the roles: no more than the configuration asks for, and nothing unquoted."""

import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from snowflake_mcp.cli import main
from snowflake_mcp.commands.least_privilege import Wanted, statements, wanted
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Config, PolicySettings
from tests.support import keys

CONNECTION = """
[connections.main]
account = "a"
user = "MCP"
role = "READER"
warehouse = "xs"
database = "SALES"
password = "p"
"""


def configured(tmp_path: Path, text: str = "", head: str = "") -> Config:
    file = tmp_path / "c.toml"
    file.write_text(head + CONNECTION + text)
    return load(Flags(config=str(file)), {})


def said(**policy: object) -> list[str]:
    each = Wanted("READER", "XS", "MCP", PolicySettings(**policy), "SALES")  # type: ignore[arg-type]  # fields by name
    return list(statements(each))


def test_a_reading_role_reads_its_connections_database() -> None:
    """And nothing in it lets the role write, own or create."""
    lines = said()
    assert "GRANT USAGE ON DATABASE SALES TO ROLE READER;" in lines
    assert "GRANT SELECT ON FUTURE VIEWS IN DATABASE SALES TO ROLE READER;" in lines
    matched = [re.match(r"GRANT ([A-Z, ]+) ON", line) for line in lines]
    granted = {found[1] for found in matched if found is not None}
    assert granted == {"USAGE", "SELECT"}


def test_only_what_the_rules_name_is_granted() -> None:
    """A schema where a schema is named; a star that SQL cannot say ends the name before it."""
    lines = said(allow_objects=("HR.PUBLIC.EMP*", 'FIN."mixed case"', "LOGS.*", "A*"))
    scopes = {
        line.split(" IN ", 1)[1].split(" TO ")[0] for line in lines if " ALL TABLES IN " in line
    }
    assert scopes == {
        "SCHEMA HR.PUBLIC",
        'SCHEMA FIN."mixed case"',
        "DATABASE LOGS",
        "DATABASE <DATABASE>",
    }
    assert not any("SALES" in line for line in lines)


@pytest.mark.parametrize(
    ("tier", "more"),
    [("read", set()), ("dml", {"INSERT"}), ("ddl", {"INSERT", "CREATE TABLE"})],
)
def test_a_tier_adds_what_it_needs(tier: str, more: set[str]) -> None:
    """Rows for dml, tables and views for ddl."""
    text = "\n".join(said(tier=tier))
    assert {
        word for word in ("INSERT", "CREATE TABLE", "OWNERSHIP") if f"GRANT {word}" in text
    } == more


def test_names_are_written_as_snowflake_reads_them() -> None:
    """Whatever stands in the configuration ends up as one name."""
    each = Wanted('a"; DROP TABLE x', "my wh", "u", PolicySettings(), "D")
    text = "\n".join(statements(each))
    assert 'CREATE ROLE IF NOT EXISTS "a""; DROP TABLE x";' in text
    assert 'GRANT USAGE ON WAREHOUSE "my wh"' in text


def test_a_role_that_administers_the_account_is_granted_nothing() -> None:
    """Whoever copies the SQL must not make the account's administrators the server's role."""
    (line,) = statements(Wanted("sysadmin", "XS", "u", PolicySettings(), "D"))
    assert line.startswith("-- SYSADMIN administers the account")


def test_each_role_of_the_configuration_is_told_once(tmp_path: Path) -> None:
    """The server's, then those of principals with their own tiers and warehouses."""
    text = """
[principals.a]
role = "WRITER"
warehouse = "BIG"
[principals.a.policy]
tier = "dml"
[principals.b]
role = "READER"
[principals.c]
"""
    found = wanted(configured(tmp_path, text))
    assert [(each.role, each.warehouse, each.policy.tier) for each in found] == [
        ("READER", "XS", "read"),
        ("WRITER", "BIG", "dml"),
    ]


def test_every_statement_can_be_read_by_another_parser(tmp_path: Path) -> None:
    """So that a missing space does not meet an administrator first."""
    for line in said(allow_objects=("HR.PUBLIC",), tier="ddl"):
        if not line.startswith(("--", "GRANT USAGE ON ALL", "GRANT USAGE ON FUTURE")):
            assert isinstance(sqlglot.parse_one(line, dialect="snowflake"), exp.Expression)


def test_the_command_prints_the_sql(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the public half of the key, never the private one."""
    key = tmp_path / "k.p8"
    key.write_bytes(keys.pem())
    text = CONNECTION.replace('password = "p"', f'private_key_file = "{key}"')
    file = tmp_path / "c.toml"
    file.write_text(text)
    main(["grants", "--config", str(file)])
    shown = capsys.readouterr().out
    assert "GRANT ROLE READER TO USER MCP;" in shown
    assert "SET RSA_PUBLIC_KEY = 'MII" in shown
    assert "PRIVATE" not in shown


def test_without_a_role_there_is_nothing_to_print(tmp_path: Path) -> None:
    """And the command says so instead of printing half of it."""
    file = tmp_path / "c.toml"
    file.write_text(CONNECTION.replace('role = "READER"\n', ""))
    with pytest.raises(SystemExit, match="no role is configured"):
        main(["grants", "--config", str(file)])


def test_what_a_call_may_choose_is_told_as_well(tmp_path: Path) -> None:
    """Roles with every warehouse that may go with them, on each connection, and those of tools."""
    text = """
[connections.lake]
account = "b"
user = "LAKE"
role = "HIVE"
password = "p"
[connections.lake.policy]
tier = "read"
allow_objects = ["*.MARTS", "SALES.RAW"]
[policy]
allow_roles = ["finance"]
allow_warehouses = ["big one"]
allow_objects = ["SALES"]
tier = "dml"
[principals.ann]
[principals.ann.policy]
allow_connections = ["lake"]
allow_roles = []
[tools.t]
description = "d"
sql = "SELECT 1"
role = "tooled"
warehouse = "L"
"""
    config = configured(tmp_path, text, 'default_connection = "main"\n')
    found = {(each.user, each.role): each for each in wanted(config)}
    assert list(found) == [
        ("MCP", "READER"),
        ("MCP", "FINANCE"),
        ("LAKE", "HIVE"),
        ("MCP", "TOOLED"),
    ]
    finance = "\n".join(statements(found["MCP", "FINANCE"]))
    for warehouse in ("XS", '"big one"'):
        assert f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE FINANCE;" in finance
    assert "GRANT INSERT" in finance
    hive = "\n".join(statements(found["LAKE", "HIVE"]))
    assert "GRANT INSERT" not in hive
    assert "GRANT USAGE ON SCHEMA SALES.RAW TO ROLE HIVE;" in hive
    assert found["MCP", "TOOLED"].warehouse == "L"
    assert found["MCP", "TOOLED"].policy.tier == "read"


def test_services_of_snowflakes_ai_are_granted_one_by_one(tmp_path: Path) -> None:
    """To the roles whose callers have them, with the places that they are in."""
    text = """
[policy]
deny_objects = ["D.HIDDEN"]
[cortex.search.docs]
description = "d"
database = "d"
schema = "s"
service = "docs"
[cortex.search.hidden]
description = "d"
database = "d"
schema = "hidden"
service = "docs"
[cortex.analyst.view]
description = "d"
semantic_view = "D.S.V"
[cortex.analyst.file]
description = "d"
semantic_model_file = "@D.S.ST/f.yaml"
[cortex.agents.helper]
description = "d"
database = "d"
schema = "s"
agent = '"Helper"'
"""
    (each,) = wanted(configured(tmp_path, text))
    found = [line for line in statements(each) if "D.S" in line or "CORTEX" in line]
    assert found == [
        "GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE READER;",
        "GRANT USAGE ON SCHEMA D.S TO ROLE READER;",
        "GRANT USAGE ON CORTEX SEARCH SERVICE D.S.DOCS TO ROLE READER;",
        "GRANT SELECT ON SEMANTIC VIEW D.S.V TO ROLE READER;",
        "GRANT READ ON STAGE D.S.ST TO ROLE READER;",
        'GRANT USAGE ON AGENT D.S."Helper" TO ROLE READER;',
    ]
