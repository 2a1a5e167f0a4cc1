"""The servers that a contest is between: ours, the peers', and the floors below."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.cores import SERVER, pinned
from bench.peers.installing import HERE, NODE, ROOT, folder_of
from bench.wires import META
from tests.support.messages import STATELESS
from tests.support.processes import descendants, until
from tests.support.server import Server, clean_environ, free_port, http_request, script, serving
from tests.support.simulator import Endpoint

__all__ = [
    "NO_LINES",
    "OURS",
    "Contender",
    "Rest",
    "floor",
    "labs",
    "listed",
    "ours",
    "peer",
    "quiet",
    "room_for",
]

OURS: Final = "snowflake-mcp"
NO_LINES: Final = f"{OURS}, no log lines"
"""With ``log.requests = false``."""
TITLES: Final = {
    "sdk": "MCP SDK, uvicorn",
    "fastmcp": "FastMCP",
    NODE: "MCP Toolbox (Go)",
    "labs": "snowflake-labs-mcp",
    "twisted": "floor: twisted.web",
    "llhttp": "floor: llhttp",
    "echo": "floor: autobahn echo",
    "statements": "floor: by id over llhttp",
    NO_LINES: NO_LINES,
}

_IMPORTS: Final = {"PYTHONPATH": str(ROOT)}
"""What is measured is this checkout, and it finds the modules of the bench."""
_READY_S: Final = 60.0
_STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that is ready."""

    title: str
    port: int
    pid: int
    environ: Mapping[str, str]

    @property
    def pids(self) -> list[int]:
        """Its process and those below it."""
        return [self.pid, *descendants(self.pid)]


def room_for(http: int = 2_000, websockets: int = 2_000) -> dict[str, str]:
    """Settings that let in so many clients.

    Both together have to stay below the limit of open files, or the server takes fewer of each.
    """
    return {
        "SNOWFLAKE_MCP_HTTP_MAX_CONNECTIONS": str(http),
        "SNOWFLAKE_MCP_WEBSOCKET_MAX_CONNECTIONS": str(websockets),
    }


@contextmanager
def ours(
    folder: Path,
    environ: Mapping[str, str],
    module: str = "bench.trivial",
    core: int = SERVER,
    title: str = OURS,
) -> Iterator[tuple[Contender, Server]]:
    """This product on one core, with the tools of ``module`` on top; a folder for each."""
    settings = {**room_for(), **_IMPORTS, **environ, "SNOWFLAKE_MCP_TESTING_FIXTURES": module}
    twistd = [*pinned(core), script("twistd"), "--logger=snowflake_mcp.ops.logs.stdout_json"]
    with serving(folder, "--no-demo", environ=settings, twistd=twistd) as server:
        yield Contender(title, server.port, server.pid, settings), server


@contextmanager
def quiet(folder: Path, environ: Mapping[str, str]) -> Iterator[Contender]:
    """The same without a log line for each request, as the peers run."""
    home = folder / "quiet"
    home.mkdir()
    settings = {**environ, "SNOWFLAKE_MCP_LOG_REQUESTS": "false"}
    with ours(home, settings, title=NO_LINES) as (contender, _):
        yield contender


@contextmanager
def peer(name: str, folder: Path, tools: Sequence[Mapping[str, Any]]) -> Iterator[Contender]:
    """A peer with the same list of tools, on one core."""
    if name == NODE:
        file = _toolbox_file(folder, tools)
        home = folder_of(name) / "node_modules/@toolbox-sdk/server-linux-x64/bin/toolbox"
        command = [str(home), "--config", str(file), "--log-level", "WARN", "--port"]
        # As many threads that run Go code as there are cores for it.
        with _running(TITLES[name], folder, command, [], {"GOMAXPROCS": "1"}) as contender:
            yield contender
        return
    file = folder / "tools.json"
    file.write_text(json.dumps(list(tools)))
    python = str(folder_of(name) / "bin" / "python")
    command = [python, str(HERE / "programs" / f"{name}_server.py")]
    with _running(TITLES[name], folder, command, [str(file)], {}) as contender:
        yield contender


@contextmanager
def labs(folder: Path, endpoint: Endpoint) -> Iterator[Contender]:
    """snowflake-labs-mcp towards the same account as ours, on one core; it may only read."""
    home = folder / "labs"
    (home / ".snowflake").mkdir(parents=True, exist_ok=True)
    account = {
        "account": "local",
        "user": "tester",
        "password": "unchecked",
        "protocol": "http",
        "host": "127.0.0.1",
        "port": endpoint.port,
        "database": "DEMO",
        "schema": "SALES",
    }
    # A TOML value of these kinds is written as in JSON.
    lines = ["[local]", *(f"{name} = {json.dumps(value)}" for name, value in account.items())]
    connections = home / ".snowflake" / "connections.toml"
    connections.write_text("\n".join(lines))
    connections.chmod(0o600)
    services = {
        "other_services": {"query_manager": True},
        "sql_statement_permissions": [{"Select": True}],
    }
    file = home / "services.yaml"
    file.write_text(json.dumps(services))
    command = [
        *(str(folder_of("labs") / "bin" / "mcp-server-snowflake"), "--connection-name", "local"),
        *("--service-config-file", str(file), "--transport", "http"),
        *("--server-host", "127.0.0.1", "--port"),
    ]
    environ = {"HOME": str(home), "SNOWFLAKE_HOME": str(home / ".snowflake")}
    with _running(TITLES["labs"], home, command, [], environ) as contender:
        yield contender


@contextmanager
def floor(name: str, folder: Path, *rest: str) -> Iterator[Contender]:
    """A bare server, see ``bench.floors``, on one core; ``rest`` is what it wants to know."""
    command = [sys.executable, "-m", "bench.floors", name]
    with _running(TITLES[name], folder, command, list(rest), _IMPORTS) as contender:
        yield contender


@contextmanager
def _running(
    title: str, folder: Path, command: list[str], rest: list[str], environ: Mapping[str, str]
) -> Iterator[Contender]:
    port = free_port()
    whole = [*pinned(SERVER), *command, str(port), *rest]
    with (folder / f"contender-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            whole,
            cwd=folder,
            env=clean_environ(folder, environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: process.poll() is not None or _listens(port), _READY_S, f"{title} listens")
        if process.poll() is not None:
            raise RuntimeError(f"{title} ended: {Path(log.name).read_text()[-1000:]}")
        yield Contender(title, port, process.pid, environ)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_S)


def _listens(port: int) -> bool:
    try:
        http_request(port, "GET", "/", within_s=2.0)
    except OSError:
        return False
    return True


def listed(server: Server) -> list[dict[str, Any]]:
    """The tools that a server of ours lists, in wire form."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": META}}
    headers = {
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": STATELESS,
        "Mcp-Method": "tools/list",
    }
    answer = server.request("POST", "/mcp", body, headers=headers).json()
    tools: list[dict[str, Any]] = answer["result"]["tools"]
    return tools


def _toolbox_file(folder: Path, tools: Sequence[Mapping[str, Any]]) -> Path:
    """Google's server: the same names, texts and parameters, each a statement over sqlite."""
    made: dict[str, Any] = {}
    for tool in tools:
        calls = tool["name"] in ("echo", "hop")
        parameters = [
            {
                "name": name,
                "type": _kind(value),
                "description": value.get("description", name),
                "required": name in tool["inputSchema"].get("required", ()),
                **(
                    {"items": {"name": "item", "type": "string", "description": "One."}}
                    if _kind(value) == "array"
                    else {}
                ),
            }
            for name, value in tool["inputSchema"]["properties"].items()
        ]
        made[tool["name"]] = {
            "kind": "sqlite-sql",
            "source": "memory",
            "description": tool["description"],
            "statement": "SELECT ? AS text" if calls else "SELECT 1",
            "parameters": parameters,
        }
    file = folder / "toolbox.yaml"
    sources = {"memory": {"kind": "sqlite", "database": ":memory:"}}
    # What is JSON is YAML as well.
    file.write_text(json.dumps({"sources": sources, "tools": made}))
    return file


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "string")
    if isinstance(kind, list):
        kind = next(each for each in kind if each != "null")
    if "anyOf" in schema:
        kind = next(each["type"] for each in schema["anyOf"] if each.get("type") != "null")
    return {"number": "float"}.get(str(kind), str(kind))


class Rest:
    """Contenders that run until the end of the block; those that would not start are named."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.problems: dict[str, str] = {}

    def enter(self, name: str, manager: Any) -> Contender | None:
        """The contender, or nothing when it does not start."""
        try:
            contender: Contender = self._stack.enter_context(manager)
        except (OSError, RuntimeError, AssertionError) as error:
            self.problems[name] = str(error)[-300:]
            return None
        return contender
