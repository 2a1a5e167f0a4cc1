"""docs/custom-tools.md says what there is, and its example does what it says."""

import io
import json
import re
from dataclasses import fields
from pathlib import Path

from snowflake_mcp.commands.configuration import show
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.tools import TYPES, ParameterSettings, ToolSettings
from snowflake_mcp.tools.offering import problems
from tests.unit.tools.fakes import asynchronous, context, shown
from tests.unit.tools.test_demo import REACTOR, Endpoint, ask, demo, endpoint

__all__ = ["endpoint"]

PAGE = (Path(__file__).parents[3] / "docs" / "custom-tools.md").read_text(encoding="utf-8")


def block(language: str, after: str = "# Tools of your own") -> str:
    """The first block of code in a language behind some words."""
    return PAGE.partition(after)[2].partition(f"```{language}\n")[2].partition("```")[0]


def example(tmp_path: Path) -> Config:
    """The worked example as a server reads it."""
    file = tmp_path / "c.toml"
    file.write_text(block("toml"))
    return load(Flags(config=str(file)), {})


def rows(part: str) -> list[str]:
    """The keys in the tables of a part of the page."""
    text = PAGE.partition(part)[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_every_key_and_type_is_documented() -> None:
    """And none that there is not."""
    assert sorted(rows("## Keys of a tool")) == sorted(
        each.name for each in fields(ToolSettings) if each.name != "name"
    )
    keys = [each.name for each in fields(ParameterSettings) if each.name != "name"]
    assert rows("## Keys of a parameter") == [*keys, *TYPES]


def test_the_example_is_shown_as_it_is_printed(tmp_path: Path) -> None:
    """What check-config says of it."""
    config = example(tmp_path)
    assert problems(config) == []
    out = io.StringIO()
    show(config, out)
    assert block("text", "check-config") in out.getvalue()


@asynchronous
async def test_the_example_runs(tmp_path: Path, endpoint: Endpoint) -> None:
    """Against the demo: as it is printed, with its default, and with a name for an argument."""
    config = example(tmp_path)
    call = json.loads(block("json"))
    async with demo(endpoint, config=config) as tools:
        request = context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        result = await tools.call(call["name"], call["arguments"], request)
        assert shown(result).split("\n")[0] == block("text", "an agent calls").strip()
        delivered = await ask(tools, call["name"], **call["arguments"])
        every = await ask(tools, call["name"], customer=7)
        later = await ask(tools, call["name"], customer=7, since="2030-01-01")
        counted = await ask(tools, "size_of_table", table="orders")
    assert {row[2] for row in delivered["rows"]} == {"DELIVERED"}
    assert 0 < delivered["row_count"] < every["row_count"]
    assert later["row_count"] == 0
    assert counted["rows"][0][0] > 1_000
