"""The Node clients list the tools and run a query over every transport they have."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.checks import ANSWER, TOOLS, check, check_answer, check_databases, report, run
from tests.clients.conftest import NODE_FOLDER
from tests.clients.documented import blocks
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.server import Server, stdio_command

pytestmark = [pytest.mark.clients, pytest.mark.full, pytest.mark.timeout(600)]

REVISIONS = {"legacy": HANDSHAKE, "auto": STATELESS, STATELESS: STATELESS}
"""What each mode of the v2 client must agree on with this server; legacy is its default."""


def test_sdk_v1_over_http(server: Server, node: str, tmp_path: Path) -> None:
    """The TypeScript SDK v1 works over Streamable HTTP."""
    check(run([*_sdk_v1(node, "builtin"), server.url], tmp_path), HANDSHAKE)


@pytest.mark.parametrize("socket", ["builtin", "ws"])
def test_sdk_v1_over_websocket(server: Server, node: str, tmp_path: Path, socket: str) -> None:
    """The TypeScript SDK v1 works over WebSocket, with Node's own and with the ws package."""
    check(run([*_sdk_v1(node, socket), server.ws_url], tmp_path), HANDSHAKE)


def test_sdk_v1_over_stdio(node: str, tmp_path: Path) -> None:
    """The TypeScript SDK v1 works over standard streams."""
    check(run([*_sdk_v1(node, "builtin"), *stdio_command()], tmp_path), HANDSHAKE)


@pytest.mark.parametrize("mode", REVISIONS)
def test_client_v2_over_http(server: Server, node: str, tmp_path: Path, mode: str) -> None:
    """The TypeScript client v2 negotiates either era over Streamable HTTP, or pins one."""
    program = [node, str(NODE_FOLDER / "sdk_v2.mjs"), mode]
    check(run([*program, server.url], tmp_path), REVISIONS[mode])


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_client_v2_over_stdio(node: str, tmp_path: Path, mode: str) -> None:
    """The TypeScript client v2 works over standard streams in either era."""
    program = [node, str(NODE_FOLDER / "sdk_v2.mjs"), mode]
    check(run([*program, *stdio_command()], tmp_path), REVISIONS[mode])


@pytest.mark.parametrize("era", ["legacy", "auto", "modern"])
def test_inspector_over_http(server: Server, node: str, tmp_path: Path, era: str) -> None:
    """The Inspector's command line works over Streamable HTTP in every era it knows."""
    options = ["--protocol-era", era, "--format", "json", "-q"]
    _inspect([*_inspector(node), "--cli", server.url, *options], tmp_path)
    report(f"inspector over HTTP, {era}")


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_inspector_over_stdio(node: str, tmp_path: Path, era: str) -> None:
    """The Inspector's command line starts the server itself and works over standard streams."""
    options = ["--protocol-era", era, "--format", "json", "-q"]
    _inspect([*_inspector(node), "--cli", *options, *stdio_command()], tmp_path)
    report(f"inspector over stdio, {era}")


def test_inspector_finds_the_tool_schemas_portable(
    server: Server, node: str, tmp_path: Path
) -> None:
    """The Inspector's check of tool schemas against what models and clients take finds no error."""
    options = ["--strict", "--format", "json", "-q", "--method", "tools/list"]
    run([*_inspector(node), "--cli", server.url, *options], tmp_path)


def test_the_documented_programs_work(server: Server, node: str, tmp_path: Path) -> None:
    """What docs/clients.md shows for JavaScript prints the rows."""
    (tmp_path / "node_modules").symlink_to(NODE_FOLDER / "node_modules")
    for number, text in enumerate(blocks("js", server)):
        program = tmp_path / f"documented_{number}.mjs"
        program.write_text(text)
        assert run([node, str(program)], tmp_path) == [[ANSWER]]


def _inspect(command: list[str], home: Path) -> None:
    listed = run([*command, "--method", "tools/list"], home)
    assert {tool["name"] for tool in listed["result"]["tools"]} >= TOOLS
    check_databases(_call(command, home, "list_databases"))
    query = ["--tool-arg", "query=SELECT 41 + 1 AS ANSWER"]
    check_answer(_call(command, home, "execute_query", *query))


def _call(command: list[str], home: Path, tool: str, *arguments: str) -> dict[str, Any]:
    called = ["--method", "tools/call", "--tool-name", tool, *arguments]
    result = run([*command, *called], home)["result"]
    structured: dict[str, Any] = result["structuredContent"]
    return structured


def _sdk_v1(node: str, socket: str) -> list[str]:
    return [node, str(NODE_FOLDER / "sdk_v1.mjs"), socket]


def _inspector(node: str) -> list[str]:
    return [node, str(NODE_FOLDER / "node_modules" / ".bin" / "mcp-inspector")]
