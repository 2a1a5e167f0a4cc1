"""docs/tools.md says everything there is to know about every tool."""

import re
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.tools.answers import Answer
from snowflake_mcp.tools.cortex import CORTEX_TOOLS
from snowflake_mcp.tools.offering import EVERY_TOOL
from snowflake_mcp.tools.registry import wire_form

DOCUMENT = (Path(__file__).parents[3] / "docs" / "tools.md").read_text(encoding="utf-8")
COMMON = set(Answer.__struct_fields__)
LISTED = [
    wire_form(tool, LimitSettings()) for tool in (*EVERY_TOOL.values(), *CORTEX_TOOLS.values())
]


def section(title: str) -> str:
    """What stands under a heading, up to the next one of the same depth."""
    depth = title.split(" ", maxsplit=1)[0]
    found = re.search(
        rf"^{re.escape(title)}\n(.*?)(?=^{depth} |\Z)", DOCUMENT, re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"docs/tools.md has no section {title!r}"
    return found[1]


def members(schema: dict[str, Any]) -> set[str]:
    """The names of a schema's properties at every depth."""
    names = set()
    for name, member in schema.get("properties", {}).items():
        names |= {name} | members(member) | members(member.get("items", {}))
    return names


@pytest.mark.parametrize("tool", LISTED, ids=lambda tool: tool["name"])
def test_every_tool_is_documented(tool: dict[str, Any]) -> None:
    """Arguments with their need and default, members of the answer, and a real example."""
    text = section(f"## {tool['name']}")
    assert f"[`{tool['name']}`](#{tool['name']})" in DOCUMENT
    rows = {
        row[1]: row[0]
        for row in re.finditer(
            r"^\| `(\w+)` \| (?:string|integer|object|array of strings)\b.*$", text, re.MULTILINE
        )
    }
    arguments = tool["inputSchema"]
    assert set(rows) == set(arguments["properties"])
    for name, row in rows.items():
        assert ("| required |" in row) == (name in arguments.get("required", ()))
        assert str(arguments["properties"][name].get("default", "")) in row
    answer = members(tool["outputSchema"]) - COMMON
    assert {name for name in answer if f"`{name}`" not in text} - set(
        re.findall(r"`(\w+)`", section("## describe_table") if "as in" in text else "")
    ) == set()
    assert "```" in text


def test_what_all_answers_have_is_documented_once() -> None:
    """The members that every answer has are in one table, and nothing else is."""
    rows = re.findall(r"^\| `(\w+)` \|", section("### Every answer"), re.MULTILINE)
    assert set(rows) == COMMON


def test_no_tool_is_documented_that_does_not_exist() -> None:
    """Removed tools leave the document, too."""
    headings = re.findall(r"^## (\w+)$", DOCUMENT, re.MULTILINE)
    assert headings == [tool["name"] for tool in LISTED]
