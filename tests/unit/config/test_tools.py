"""Tables of tools: what is read, and what is told of those that do not fit."""

from pathlib import Path

import pytest

from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.tools import ParameterSettings, ToolSettings

GOOD = """
[tools.t]
description = "d"
sql = "SELECT {a}, {b}"
max_rows = 3
[tools.t.parameters.a]
enum = ["x", "y"]
[tools.t.parameters.b]
type = "integer"
default = 2
minimum = 1
"""


def read(tmp_path: Path, text: str) -> Config:
    """The configuration that a file holds."""
    file = tmp_path / "c.toml"
    file.write_text(text)
    return load(Flags(config=str(file)), {})


def test_tables_become_settings(tmp_path: Path) -> None:
    """In the order of the file."""
    assert read(tmp_path, GOOD).tools == {
        "t": ToolSettings(
            name="t",
            description="d",
            sql="SELECT {a}, {b}",
            max_rows=3,
            parameters=(
                ParameterSettings("a", enum=("x", "y")),
                ParameterSettings("b", "integer", default=2, minimum=1),
            ),
        )
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tools = 1", "tools: must be tables: [tools.NAME]"),
        ("toolsets = 1", "toolsets: must be tables: [toolsets.NAME]"),
        ("[toolsets.tools]\ntools = ['*']", "toolsets.tools: the path /mcp/tools is another's"),
        ("[toolsets.a]\nx = 1", "toolsets.a: must be a table with the one key tools"),
        ("[toolsets.a]\ntools = []", "toolsets.a.tools: must be a list of texts"),
        ("[toolsets.'a b']\ntools = ['*']", "toolsets.a b: a name has 1 to 64"),
        ("[tools]\nt = 1", "tools.t: must be a table: [tools.t]"),
        ("[tools.'a b']", "tools.a b: a name has 1 to 64 letters"),
        ('[tools.t]\nsql = "SELECT 1"', "tools.t.description: is missing"),
        ('[tools.t]\ndescription = "d"', "tools.t.sql: is missing"),
        (GOOD.replace("max_rows = 3", "rows = 3"), "tools.t.rows: is not a setting"),
        (GOOD.replace("max_rows = 3", "name = 'x'"), "tools.t.name: is not a setting"),
        (GOOD.replace("max_rows = 3", "max_rows = -3"), "tools.t.max_rows: -3 is not in"),
        (GOOD.replace('"integer"', '"int"'), "tools.t.parameters.b.type: must be one of string"),
        (GOOD.replace("minimum = 1", "minimum = '1'"), "parameters.b.minimum: must be a number"),
        (GOOD.replace("minimum = 1", "max_length = 1"), "b.max_length: is not for the type int"),
        (GOOD.replace("minimum = 1", "least = 1"), "tools.t.parameters.b.least: is not a setting"),
        (GOOD.replace("parameters.a", "parameters.A"), "parameters.A: a name has 1 to 64 small"),
        (GOOD.replace('["x", "y"]', "[]"), "tools.t.parameters.a.enum: must be a list of texts"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, problem: str) -> None:
    """By the table's name and the key."""
    with pytest.raises(ConfigError) as found:
        read(tmp_path, text)
    assert any(problem in line for line in found.value.problems), found.value.problems
