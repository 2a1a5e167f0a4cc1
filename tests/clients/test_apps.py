"""The interactive view in a real browser, before the bridge that hosts of MCP Apps use."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from snowflake_mcp.protocol.apps import APPS, MIME_TYPE
from tests.clients.conftest import NODE_FOLDER
from tests.support.browser import Page, browsing
from tests.support.messages import JSON_HEADERS, STATELESS
from tests.support.server import Server

pytestmark = [pytest.mark.clients, pytest.mark.full, pytest.mark.timeout(600)]

HOST_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'none'; base-uri 'self'"
)
"""What a host enforces for a document that asks for no domain."""
HOSTILE: Final = (
    "<img src=x onerror=\"parent.host.problems.push('run')\">",
    "</script><script>parent.host.problems.push('run')</script>",
    "javascript:parent.host.problems.push('run')",
    "\u202e$x^2$ ${7*7} {{7*7}}",
)
CAPABILITIES: Final = {"extensions": {APPS: {"mimeTypes": [MIME_TYPE]}}}


def asked(server: Server, method: str, params: dict[str, Any]) -> Any:
    """The answer to a stateless request of a client with the extension."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": CAPABILITIES,
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    named = params.get("name") or params.get("uri")
    headers = {
        **JSON_HEADERS,
        "MCP-Protocol-Version": STATELESS,
        "Mcp-Method": method,
        **({"Mcp-Name": str(named)} if named else {}),
    }
    return server.request("POST", "/mcp", message, headers=headers).json()["result"]


def called(server: Server, name: str, **arguments: Any) -> Any:
    """The result of a tool."""
    return asked(server, "tools/call", {"name": name, "arguments": arguments})


@pytest.fixture(scope="module")
def document(server: Server) -> str:
    """The document by the way that a host goes: tool, its metadata, resource."""
    tools = asked(server, "tools/list", {})["tools"]
    uris = {tool["name"]: tool["_meta"]["ui"]["resourceUri"] for tool in tools if "_meta" in tool}
    assert set(uris) == {"chart_query", "execute_query", "fetch_results"}
    (contents,) = asked(server, "resources/read", {"uri": uris["chart_query"]})["contents"]
    assert contents["mimeType"] == MIME_TYPE
    return str(contents["text"])


@pytest.fixture(scope="module")
def bundle(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The host's page with the bridge in it."""
    folder = tmp_path_factory.mktemp("host")
    subprocess.run(
        [
            NODE_FOLDER / "node_modules" / ".bin" / "esbuild",
            NODE_FOLDER / "apps_host.mjs",
            "--bundle",
            "--format=iife",
            f"--outfile={folder / 'host.js'}",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    (folder / "host.html").write_text(
        "<!doctype html><meta charset=utf-8><script src=host.js></script>"
    )
    return folder


@pytest.fixture
def page(bundle: Path, document: str, tmp_path: Path) -> Iterator[Page]:
    """A host that shows the document, and has been told that it is ready."""
    with browsing(tmp_path) as opened:
        opened.open((bundle / "host.html").as_uri())
        policed = document.replace(
            "<head>", f'<head><meta http-equiv="Content-Security-Policy" content="{HOST_POLICY}">'
        )
        opened.look("document.body === null && document.write('<body>'), undefined")
        opened.look(f"show({json.dumps(policed)}, {{theme: 'dark'}})")
        opened.wait("host.ready", 15, "the view has initialised")
        yield opened
        assert opened.look("host.problems") == []


def give(page: Page, arguments: dict[str, Any], result: Any) -> None:
    page.look(f"give({json.dumps(arguments)}, {json.dumps(result)})")
    page.wait("inside().getElementById('told').textContent !== 'Waiting for the result'", 10, "it")


def cells(page: Page, column: int) -> Any:
    query = f"#body td:nth-child({column})"
    return page.look(
        f"Array.from(inside().querySelectorAll({query!r}), (each) => each.textContent)"
    )


def test_a_result_is_a_table_that_can_be_sorted_and_filtered(page: Page, server: Server) -> None:
    """Numbers by value, NULL last either way; the filter looks at every cell."""
    sql = "SELECT * FROM (VALUES ('b', 10.5), ('a', 9.25), ('c', NULL), ('d', 100)) AS t (name, n)"
    give(page, {"query": sql}, called(server, "execute_query", query=sql))
    assert cells(page, 1) == ["b", "a", "c", "d"]
    for wanted in (["a", "b", "d", "c"], ["d", "b", "a", "c"]):
        page.look("inside().querySelectorAll('th button')[1].click()")
        assert cells(page, 1) == wanted
    page.look(
        "(() => { const box = inside().getElementById('filter'); box.value = '9.2';"
        " box.dispatchEvent(new Event('input')); })()"
    )
    assert cells(page, 1) == ["a"]
    assert page.look("inside().documentElement.style.colorScheme") == "dark"
    page.wait("host.sizes.length > 0", 10, "the host has heard of the size")


@pytest.mark.parametrize("kind", ["line", "bar", "scatter", "histogram", "heatmap"])
def test_every_kind_of_chart_is_drawn(
    page: Page, server: Server, kind: str, tmp_path: Path
) -> None:
    """From what chart_query gave; another kind is a choice away and asks the server nothing."""
    columns = "status" if kind == "heatmap" else "total_amount"
    sql = f"SELECT ordered_at::DATE AS day, {columns} FROM demo.sales.orders LIMIT 300"
    arguments = {"kind": kind, "query": sql, **({"x": "day"} if kind == "scatter" else {})}
    give(page, arguments, called(server, "chart_query", **arguments))
    marks = "inside().querySelectorAll('svg circle, svg rect, svg polyline').length"
    assert page.look(marks) > 0
    assert page.look("inside().getElementById('kind').value") == kind
    page.look(
        "(() => { const box = inside().getElementById('kind'); box.value = 'bar';"
        " box.dispatchEvent(new Event('change')); })()"
    )
    assert page.look("inside().querySelectorAll('svg rect').length") > 0
    assert page.look("inside().querySelectorAll('svg').length") == 1
    page.picture(tmp_path / f"{kind}.png")
    assert page.look("host.called") == []


def test_hostile_values_stay_text(page: Page) -> None:
    """In names, values, labels, legends and messages: nothing runs, nothing becomes an element."""
    bad = list(HOSTILE)
    columns = [{"name": text, "type": "VARCHAR", "nullable": True} for text in bad]
    columns.append({"name": "N", "type": "NUMBER", "nullable": True})
    rows = [[*bad[at:], *bad[:at], at] for at in range(len(bad))]
    content = {"columns": columns, "rows": rows, "query_id": bad[0], "truncated": False}
    result = {"content": [{"type": "text", "text": bad[1]}], "structuredContent": content}
    give(page, {"color": bad[0], "kind": bad[1]}, result)
    assert cells(page, 1) == bad
    for kind in ("line", "bar", "scatter", "histogram", "heatmap"):
        page.look(
            "(() => { const at = (id, value) => { const box = inside().getElementById(id);"
            " box.value = value; box.dispatchEvent(new Event('change')); };"
            f" at('x', '0'); at('color', '1'); at('kind', {kind!r}); }})()"
        )
    assert page.look("inside().getElementById('told').textContent") == bad[1]
    assert page.look("inside().querySelectorAll('img, body script:not(:last-of-type)').length") == 0
    assert page.look("inside().querySelectorAll('script').length") == 1


def test_more_rows_are_fetched_through_the_host(page: Page, server: Server) -> None:
    """With the handle and the offset, as far as the result goes."""
    sql = "SELECT order_id FROM demo.sales.orders ORDER BY 1"
    first = called(server, "execute_query", query=sql, limit=20)
    content = first["structuredContent"]
    assert content["truncated"]
    give(page, {"query": sql}, first)
    more = {
        "content": [],
        "structuredContent": {"rows": [[-1], [-2]], "next_offset": None},
    }
    page.look(f"host.next = {json.dumps(more)}, undefined")
    page.look("inside().getElementById('fetch').click()")
    page.wait("inside().querySelectorAll('#body tr').length === 22", 10, "the rows are there")
    asked_for = {"query_id": content["query_id"], "offset": 20, "limit": 1000}
    assert page.look("host.called")[0]["arguments"] == asked_for
    assert page.look("inside().getElementById('fetch').hidden")


def test_what_is_no_table_is_told(page: Page, server: Server) -> None:
    """A failure is its text; a call that was taken back is said; the end is answered."""
    failed = called(server, "execute_query", query="DROP TABLE t")
    give(page, {}, failed)
    assert "refused" in page.look("inside().getElementById('told').textContent")
    assert page.look("inside().getElementById('rows').hidden")
    page.look("host.bridge.sendToolCancelled({reason: 'x'})")
    page.wait(
        "inside().getElementById('told').textContent === 'The call was cancelled.'", 10, "that"
    )
    assert page.look("host.bridge.teardownResource({})") == {}


def test_the_bundle_is_of_the_locked_bridge() -> None:
    """The version that the lock names is the one that is there."""
    lock = json.loads((NODE_FOLDER / "package-lock.json").read_text())
    name = "node_modules/@modelcontextprotocol/ext-apps"
    assert lock["packages"][name]["version"] == "2.0.4"
