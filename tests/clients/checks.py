"""Run a client program and judge what it saw."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.messages import HANDSHAKE, STATELESS
from tests.support.server import clean_environ

__all__ = [
    "ANSWER",
    "HANDSHAKE",
    "STATELESS",
    "TOOLS",
    "check",
    "check_answer",
    "check_databases",
    "report",
    "run",
]

TOOLS = {
    "list_databases",
    "list_schemas",
    "list_tables",
    "list_views",
    "describe_table",
    "describe_view",
    "query_view",
    "execute_query",
}
"""What every client must find; the server may offer more."""
ANSWER = 42
_CLIENT_S = 45.0


def run(command: Sequence[str], home: Path) -> Any:
    """The one line of JSON that the program prints; fails with all it said otherwise."""
    done = subprocess.run(
        command,
        cwd=home,
        env=clean_environ(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_CLIENT_S,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout)


def check(seen: dict[str, Any], protocol: str | None) -> None:
    """The tools are there and the demo warehouse has answered; prints what was seen."""
    assert set(seen["tools"]) >= TOOLS
    assert seen["protocol"] == protocol
    assert not seen["is_error"]
    check_answer(seen["answer"])
    check_databases(seen["databases"])
    report(f"{seen['client']}: {protocol}, {len(seen['tools'])} tools, {seen['answer']['rows']}")


def report(line: str) -> None:
    """Tell what was seen, for those who run with ``pytest -rP``."""
    print(line)  # noqa: T201 - pytest keeps it with the test


def check_answer(structured: dict[str, Any]) -> None:
    """The structured content of ``SELECT 41 + 1 AS ANSWER``."""
    assert structured["rows"] == [[ANSWER]]
    assert [column["name"] for column in structured["columns"]] == ["ANSWER"]
    assert structured["backend"] == "demo"
    assert structured["query_id"]
    assert structured["truncated"] is False


def check_databases(structured: dict[str, Any]) -> None:
    """The structured content of ``list_databases``."""
    assert "DEMO" in [database["name"] for database in structured["databases"]]
