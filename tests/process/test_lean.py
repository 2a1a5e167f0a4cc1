"""What the server has loaded, before and after its first login: each package costs memory."""

import json
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.server import Server, serving
from tests.support.simulator import simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

# A twistd that writes down what it has loaded whenever SIGUSR2 asks for it.
_TELLING = """
import json, os, signal, sys
def tell(number, frame):
    modules = sorted(name for name, module in sys.modules.items() if module)
    arrow = sys.modules.get("pyarrow")
    pool = arrow.default_memory_pool().backend_name if arrow else ""
    with open("loaded.new", "w") as out:
        json.dump({"modules": modules, "pool": pool}, out)
    os.rename("loaded.new", "loaded")
signal.signal(signal.SIGUSR2, tell)
from twisted.scripts.twistd import run
sys.argv[0] = "twistd"
run()
"""
TWISTD = [sys.executable, "-c", _TELLING]
STILL = {"SNOWFLAKE_AUTHENTICATOR": "externalbrowser"}
"""A login that asks somebody does not happen at start."""

HEAVY = (
    # The connectors and what they bring.
    *("snowflake", "pyarrow", "google", "boto3", "botocore", "requests", "urllib3"),
    # What only child processes need, or nobody.
    *("numpy", "pandas", "matplotlib", "sqlglot", "duckdb", "fakesnow"),
    # What an operator has not asked for, or not yet.
    *("prometheus_client", "opentelemetry", "jsonschema"),
    # The SDK, whose types are for requests that are odd, and what its servers run on.
    *("mcp", "mcp_types", "pydantic", "pydantic_core"),
    *("anyio", "starlette", "uvicorn", "httpx", "httpcore"),
    *("setuptools", "pkg_resources", "multiprocessing", "sqlite3"),
    *("twisted.web.server", "twisted.web.static", "twisted.web.wsgi", "twisted.web._http2"),
)
"""What is not to be in a server that has not logged in and serves nothing but the protocol."""


def loaded(server: Server) -> list[str]:
    """The modules that the server has loaded by now."""
    modules: list[str] = told_by(server)["modules"]
    return modules


def told_by(server: Server) -> dict[str, Any]:
    """What the process says of itself."""
    told = server.log.parent / "loaded"
    told.unlink(missing_ok=True)
    os.kill(server.pid, signal.SIGUSR2)
    until(told.exists, 10.0, "the server tells what it has loaded")
    answer: dict[str, Any] = json.loads(told.read_text())
    return answer


def of(packages: tuple[str, ...], names: list[str]) -> list[str]:
    """The packages that are among the modules, or hold some of them."""
    return [each for each in packages if any(f"{name}.".startswith(f"{each}.") for name in names)]


def message(method: str, params: dict[str, Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


INITIALIZE = message(
    "initialize",
    {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "lean", "version": "1"},
    },
)
STATELESS = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "lean", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
ACCEPT = {"Accept": "application/json, text/event-stream"}


def test_a_server_that_has_not_logged_in_is_lean(tmp_path: Path) -> None:
    """Neither its start nor the first requests of a client load what they have no need of."""
    account = {"SNOWFLAKE_ACCOUNT": "local", "SNOWFLAKE_USER": "tester", **STILL}
    with serving(tmp_path, "--no-demo", environ=account, twistd=TWISTD) as server:
        assert of(HEAVY, loaded(server)) == []
        first = server.request("POST", "/mcp", INITIALIZE, headers=ACCEPT)
        assert first.status == 200, first.body
        modern = {**ACCEPT, "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
        listed = message("tools/list", {"_meta": STATELESS})
        second = server.request("POST", "/mcp", listed, headers=modern)
        assert second.status == 200, second.body
        assert server.request("GET", "/mcp/tools").status == 200
        assert of(HEAVY, loaded(server)) == []


def test_numpy_stays_out_of_a_server_that_queries(tmp_path: Path) -> None:
    """It comes with the charts, for their child, and pyarrow would load it wherever it is."""
    assert find_spec("numpy") is not None, "nothing could be loaded"
    with (
        simulating(tmp_path) as endpoint,
        serving(tmp_path, "--no-demo", environ=endpoint.environ, twistd=TWISTD) as server,
    ):
        until(lambda: server.request("GET", "/health/ready").status == 200, 30.0, "it is ready")
        rows = server.call("execute_query", {"query": "SELECT * FROM DEMO.PRODUCT.EVENTS"})
        assert rows.status == 200, rows.body
        found = server.call("search_objects", {"pattern": "orders"})
        assert found.status == 200, found.body
        told = told_by(server)
        assert of(("snowflake", "pyarrow"), told["modules"]) == ["snowflake", "pyarrow"]
        assert of(("numpy", "pandas", "matplotlib"), told["modules"]) == []
        # What it gives back goes where everything else can use it.
        assert told["pool"] == "system"
