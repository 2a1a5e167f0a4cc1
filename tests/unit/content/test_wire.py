"""What goes over the wire is what the revisions define, and the documentation has all of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from mcp_types import methods as wire

from snowflake_mcp.content.uris import TEMPLATES
from snowflake_mcp.content.wording import PROMPTS
from tests.unit.content.stand import Stand, ask

DOCS = (Path(__file__).resolve().parents[3] / "docs" / "resources.md").read_text()
VERSIONS = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"]
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "snowflake://databases"}),
    ("resources/read", {"uri": "snowflake://DEMO/SALES"}),
    ("resources/read", {"uri": "snowflake://DEMO/SALES/ORDERS_BY_DAY"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "explore_database", "arguments": {"database": "DEMO"}}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/resource", "uri": TEMPLATES[0]},
            "argument": {"name": "database", "value": ""},
        },
    ),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("method", "params"), REQUESTS, ids=lambda value: str(value)[:40])
def test_every_answer_fits_its_revision(version: str, method: str, params: dict[str, Any]) -> None:
    """The SDK's own model of each revision takes it."""
    result = ask(Stand().rig(), version, method, **params)["result"]
    wire.validate_server_result(method, version, result)


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
def test_a_missing_resource_is_an_error(version: str) -> None:
    """Never an empty list of contents."""
    answer = ask(Stand().rig(), version, "resources/read", uri="snowflake://NOPE")
    assert answer["error"]["code"] == -32602
    assert answer["error"]["data"] == {"uri": "snowflake://NOPE"}


def test_titles_are_left_out_where_they_are_not_known() -> None:
    """The oldest revisions have none."""
    old = ask(Stand().rig(), "2025-03-26", "prompts/list")["result"]["prompts"]
    assert all("title" not in prompt for prompt in old)


def test_long_lists_come_in_pages() -> None:
    """The list is the same for every page."""
    many = {"SHOW DATABASES": (("name",), [[f"D{n}"] for n in range(450)])}
    rig = Stand(many).rig()  # type: ignore[arg-type]
    uris: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask(rig, "2026-07-28", "resources/list", **cursor)["result"]
        uris += [entry["uri"] for entry in page["resources"]]
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}
    assert len(uris) == len(set(uris)) == 451


def test_every_template_and_prompt_is_documented() -> None:
    """With every argument."""
    for template in (*TEMPLATES, "snowflake://databases"):
        assert f"`{template}`" in DOCS
    for prompt in PROMPTS:
        arguments = ", ".join(
            f"`{argument.name}`" + ("" if argument.required else " (optional)")
            for argument in prompt.arguments
        )
        assert f"| `{prompt.name}` | {arguments} |" in DOCS


def test_the_documented_example_is_what_is_served() -> None:
    """The shape of a body in the documentation has the members of a real one."""
    result = ask(Stand().rig(), "2026-07-28", "resources/read", uri="snowflake://DEMO/SALES")
    for member in json.loads(result["result"]["contents"][0]["text"]):
        assert f'"{member}"' in DOCS
