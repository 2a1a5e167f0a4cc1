"""The clients use resources, prompts, completion, progress, cancellation and elicitation."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.clients.checks import ANSWER, check_databases, report, run
from tests.clients.conftest import NODE_FOLDER, ROOT
from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.processes import until
from tests.support.server import Server, clean_environ, serving, stdio_command

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

PROGRAMS = Path(__file__).resolve().parent / "programs"
REVISIONS = {"auto": STATELESS, "legacy": HANDSHAKE}
FASTMCP = ["auto", pytest.param("legacy", marks=pytest.mark.full)]
"""Its newest era is enough for every run: beneath, it is the SDK 2.x in either."""
ENVIRON = {
    # The fixtures are no part of the package: the server finds them through its path.
    "PYTHONPATH": str(ROOT),
    "SNOWFLAKE_MCP_TESTING_FIXTURES": "tests.fixtures.suite",
    "SNOWFLAKE_MCP_POLICY_CAPABILITIES": "system_wait",
    # One place for statements: whatever runs on after it was cancelled holds up the next one.
    "SNOWFLAKE_MCP_POOL_MAX_STATEMENTS": "1",
}
SLOW = "SELECT SYSTEM$WAIT(20)"
FREE_S = 2.0
"""Within this time after a cancellation nothing of the call runs any more."""
_BEGIN_S = 15.0


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server with demo data and the tools that ask the user."""
    with serving(tmp_path_factory.mktemp("fitted"), "--demo", environ=ENVIRON) as server:
        yield server
    assert "Traceback" not in server.log_text, server.log_text


@pytest.mark.parametrize("mode", REVISIONS)
def test_sdk_v2_over_http(fitted: Server, tmp_path: Path, mode: str) -> None:
    """The SDK 2.x uses everything over Streamable HTTP, in either era."""
    program = [sys.executable, str(PROGRAMS / "features_sdk_v2.py"), mode]
    _check(run([*program, fitted.url], tmp_path), REVISIONS[mode])


@pytest.mark.parametrize("mode", REVISIONS)
def test_sdk_v2_over_stdio(tmp_path: Path, mode: str) -> None:
    """The SDK 2.x uses everything over standard streams, in either era."""
    program = [sys.executable, str(PROGRAMS / "features_sdk_v2.py"), mode]
    seen = run([*program, *_fitted_stdio()], tmp_path)
    _check(seen, REVISIONS[mode], observed=False)


def test_sdk_v1_over_http(fitted: Server, python_clients: Path, tmp_path: Path) -> None:
    """The SDK 1.x uses everything over Streamable HTTP."""
    program = _own(python_clients, "sdk_v1")
    _check(run([*program, fitted.url], tmp_path), HANDSHAKE)


def test_sdk_v1_over_websocket(fitted: Server, python_clients: Path, tmp_path: Path) -> None:
    """The SDK 1.x uses everything over WebSocket."""
    program = _own(python_clients, "sdk_v1")
    _check(run([*program, fitted.ws_url], tmp_path), HANDSHAKE)


@pytest.mark.parametrize("mode", FASTMCP)
def test_fastmcp_v4_over_http(
    fitted: Server, python_clients: Path, tmp_path: Path, mode: str
) -> None:
    """The client of fastmcp 4 uses everything over Streamable HTTP, in either era."""
    program = _own(python_clients, "fastmcp_v4")
    _check(run([*program, mode, fitted.url], tmp_path), REVISIONS[mode])


@pytest.mark.full
def test_typescript_v1_over_http(fitted: Server, node: str, tmp_path: Path) -> None:
    """The TypeScript SDK v1 uses everything over Streamable HTTP."""
    _check(run([*_typescript(node), "v1", fitted.url], tmp_path), HANDSHAKE)


@pytest.mark.full
def test_typescript_v1_over_websocket(fitted: Server, node: str, tmp_path: Path) -> None:
    """The TypeScript SDK v1 uses everything over WebSocket."""
    _check(run([*_typescript(node), "v1", fitted.ws_url], tmp_path), HANDSHAKE)


@pytest.mark.full
@pytest.mark.parametrize("mode", REVISIONS)
def test_typescript_v2_over_http(fitted: Server, node: str, tmp_path: Path, mode: str) -> None:
    """The TypeScript client v2 uses everything over Streamable HTTP, in either era."""
    _check(run([*_typescript(node), mode, fitted.url], tmp_path), REVISIONS[mode])


@pytest.mark.full
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_inspector_over_http(fitted: Server, node: str, tmp_path: Path, era: str) -> None:
    """The Inspector's command line reads resources and prompts, in either era."""

    def ask(method: str, *arguments: str) -> Any:
        command = [*_inspector(node, fitted, era), "--method", method, *arguments]
        return run(command, tmp_path)["result"]

    _check_content(
        {
            "resources": [each["uri"] for each in ask("resources/list")["resources"]],
            "databases": _text(ask("resources/read", "--uri", "snowflake://databases")),
            "templates": [
                each["uriTemplate"] for each in ask("resources/templates/list")["resourceTemplates"]
            ],
            "schema": _text(ask("resources/read", "--uri", "snowflake://DEMO/SALES")),
            "prompts": [each["name"] for each in ask("prompts/list")["prompts"]],
            "prompt": ask(
                "prompts/get", "--prompt-name", "explore_database", "--prompt-args", "database=DEMO"
            )["messages"][0]["content"]["text"],
        }
    )
    report(f"inspector, {era}: resources, templates, prompts")


@pytest.mark.full
def test_ending_the_inspector_cancels_its_call(fitted: Server, node: str, tmp_path: Path) -> None:
    """In 2026-07-28 a client that goes away has cancelled: its query is aborted."""
    call = ["--method", "tools/call", "--tool-name", "execute_query", "--tool-arg"]
    with subprocess.Popen(
        [*_inspector(node, fitted, "modern"), *call, f"query={SLOW}"],
        cwd=tmp_path,
        env=clean_environ(tmp_path),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as inspector:
        try:
            until(lambda: _running(fitted)[1] == 1, _BEGIN_S, "the query runs")
            inspector.send_signal(signal.SIGTERM)
            until(lambda: _running(fitted) == [0, 0], FREE_S, "nothing runs any more")
        finally:
            inspector.kill()


@pytest.mark.full
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_cannot_be_asked(fitted: Server, node: str, tmp_path: Path, era: str) -> None:
    """Its command line has nobody to ask: a tool that needs an answer fails and says why."""
    done = subprocess.run(
        [
            *_inspector(node, fitted, era),
            "--method",
            "tools/call",
            "--tool-name",
            "test_elicitation",
        ],
        cwd=tmp_path,
        env=clean_environ(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_BEGIN_S * 2,
        check=False,
    )
    assert done.returncode
    assert "elicitation" in json.loads(done.stderr)["error"]["message"]


def _check(seen: dict[str, Any], protocol: str, *, observed: bool = True) -> None:
    assert seen["protocol"] == protocol
    _check_content(seen)
    assert seen["completed"] == ["SALES", "SUPPORT"]
    assert seen["asked"] == ["Who are you?"]
    assert seen["elicited"].startswith("User response: action=accept")
    assert "ada@example.org" in seen["elicited"]
    told = [each["progress"] for each in seen["progress"]]
    assert told
    assert told == sorted(set(told))
    assert seen["progress"][0]["message"].startswith("running")
    assert seen["cancelled"]
    assert seen["answer"] == [[ANSWER]]
    assert seen["took_s"] < FREE_S
    assert seen["running"] == ([[1, 1], [0, 0]] if observed else [None, None])
    report(
        f"{seen['client']}: {protocol}, {len(seen['resources'])} resources,"
        f" {len(seen['prompts'])} prompts, completed {seen['completed']}, progress {told},"
        f" {seen['elicited']}, free {seen['took_s']:.2f} s after cancelling"
    )


def _check_content(seen: dict[str, Any]) -> None:
    assert {"snowflake://databases", "snowflake://DEMO/SALES"} <= set(seen["resources"])
    check_databases(seen["databases"])
    assert {"snowflake://{database}/{schema}"} <= set(seen["templates"])
    assert seen["schema"]["schema"] == "SALES"
    assert "ORDERS" in [table["name"] for table in seen["schema"]["tables"]]
    assert {"explore_database", "review_query"} <= set(seen["prompts"])
    assert '- database: "DEMO"' in seen["prompt"]


def _text(read: dict[str, Any]) -> Any:
    return json.loads(read["contents"][0]["text"])


def _running(server: Server) -> list[int]:
    """Requests and statements; an Inspector of 2026-07-28 listens for changes meanwhile."""
    status = server.request("GET", "/status").json()
    return [status["requests_running"], status["warehouse"]["lane"]["running"]]


def _fitted_stdio() -> Sequence[str]:
    return ["env", *(f"{name}={value}" for name, value in ENVIRON.items()), *stdio_command()]


def _own(clients: Path, name: str) -> list[str]:
    return [str(clients / name / "bin" / "python"), str(PROGRAMS / f"features_{name}.py")]


def _typescript(node: str) -> list[str]:
    return [node, str(NODE_FOLDER / "features.mjs")]


def _inspector(node: str, server: Server, era: str) -> list[str]:
    program = str(NODE_FOLDER / "node_modules" / ".bin" / "mcp-inspector")
    return [node, program, "--cli", server.url, "--protocol-era", era, "--format", "json", "-q"]
