"""The Python clients list the tools and run a query over every transport they have."""

import sys
from pathlib import Path

import pytest

from tests.clients.checks import ANSWER, check, run
from tests.clients.documented import blocks
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.server import Server, stdio_command

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

PROGRAMS = Path(__file__).resolve().parent / "programs"
REVISIONS = {"auto": STATELESS, "legacy": HANDSHAKE, STATELESS: STATELESS}
"""What each connection mode of the newer clients must agree on with this server."""


@pytest.mark.parametrize("mode", REVISIONS)
def test_sdk_v2_over_http(server: Server, tmp_path: Path, mode: str) -> None:
    """The SDK 2.x negotiates the newest revision of either era over Streamable HTTP."""
    program = [sys.executable, str(PROGRAMS / "sdk_v2.py"), mode]
    check(run([*program, server.url], tmp_path), REVISIONS[mode])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_sdk_v2_over_stdio(tmp_path: Path, mode: str) -> None:
    """The SDK 2.x starts the server itself and talks to it over its standard streams."""
    program = [sys.executable, str(PROGRAMS / "sdk_v2.py"), mode]
    check(run([*program, *stdio_command()], tmp_path), REVISIONS[mode])


def test_sdk_v1_over_http(server: Server, python_clients: Path, tmp_path: Path) -> None:
    """The SDK 1.x works over Streamable HTTP."""
    check(run([*_sdk_v1(python_clients), server.url], tmp_path), HANDSHAKE)


def test_sdk_v1_over_websocket(server: Server, python_clients: Path, tmp_path: Path) -> None:
    """The SDK 1.x works over its own WebSocket transport."""
    check(run([*_sdk_v1(python_clients), server.ws_url], tmp_path), HANDSHAKE)


def test_sdk_v1_over_websocket_takes_the_largest_answer(
    server: Server, python_clients: Path, tmp_path: Path
) -> None:
    """It hangs up on messages over 1 MiB; with the default limits no answer is so long."""
    program = [_sdk_v1(python_clients)[0], str(PROGRAMS / "sdk_v1_large.py"), server.ws_url]
    seen = run(program, tmp_path)
    assert seen["truncated_by"] == "bytes"
    assert seen["rows"] > 1_000
    assert seen["again"] == [[1]]


def test_sdk_v1_over_stdio(python_clients: Path, tmp_path: Path) -> None:
    """The SDK 1.x works over standard streams."""
    check(run([*_sdk_v1(python_clients), *stdio_command()], tmp_path), HANDSHAKE)


@pytest.mark.parametrize("mode", REVISIONS)
def test_fastmcp_v4_over_http(
    server: Server, python_clients: Path, tmp_path: Path, mode: str
) -> None:
    """The client of fastmcp 4 negotiates the newest revision of either era over Streamable HTTP."""
    check(run([*_fastmcp_v4(python_clients), mode, server.url], tmp_path), REVISIONS[mode])


def test_fastmcp_v4_over_stdio(python_clients: Path, tmp_path: Path) -> None:
    """The client of fastmcp 4 works over standard streams."""
    check(run([*_fastmcp_v4(python_clients), "auto", *stdio_command()], tmp_path), STATELESS)


@pytest.mark.parametrize("client", ["sdk_v2", "sdk_v1", "fastmcp_v4"])
def test_the_documented_program_works(
    server: Server, python_clients: Path, tmp_path: Path, client: str
) -> None:
    """What docs/clients.md shows for this client prints the rows."""
    own = str(python_clients / client / "bin" / "python")
    python = sys.executable if client == "sdk_v2" else own
    for number, text in enumerate(blocks(f"python {client}", server)):
        program = tmp_path / f"documented_{number}.py"
        program.write_text(text)
        assert run([python, str(program)], tmp_path) == [[ANSWER]]


def _sdk_v1(clients: Path) -> list[str]:
    return [str(clients / "sdk_v1" / "bin" / "python"), str(PROGRAMS / "sdk_v1.py")]


def _fastmcp_v4(clients: Path) -> list[str]:
    return [str(clients / "fastmcp_v4" / "bin" / "python"), str(PROGRAMS / "fastmcp_v4.py")]
