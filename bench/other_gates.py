"""How do public guards judge the same statements? Ours and two others, side by side.

    python -m bench.other_gates CORPUS.jsonl

The others are installed from the package index into a virtual environment that is thrown away.
Each line of the corpus has ``sql``, ``verdict`` (allow or deny) and ``severity``.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.report import Table
from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.terms import Terms

__all__ = ["main", "measure"]

PACKAGES: Final = (
    "mcp-snowflake-server==0.4.0",
    "snowflake-labs-mcp==1.4.2",
    "sqlparse==0.6.1",
    "sqlglot==30.22.0",
)
"""The guards and the parsers that they stand on; what their servers require is not compatible."""
_POLICY: Final = frozenset({"cost", "dos", "leak", "policy", "udf"})
"""Severities of what changes nothing but costs, leaks or runs a user's code."""
_INSTALL_S: Final = 300.0
_JUDGE_S: Final = 120.0
_OTHERS: Final = """
import json, logging, sys, types
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

logging.disable(logging.CRITICAL)


def stub(name, **members):
    sys.modules[name] = types.ModuleType(name)
    vars(sys.modules[name]).update(members)


def module(package, path):
    spec = spec_from_file_location("guard_" + package, folders[package] / path)
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


folders = {
    package: Path(next(iter(find_spec(package).submodule_search_locations)))
    for package in ("mcp_snowflake_server", "mcp_server_snowflake")
}
SQLWriteDetector = module("mcp_snowflake_server", "write_detector.py").SQLWriteDetector
# Of the server around it the guard needs names only.
stub("fastmcp", FastMCP=object)
stub("pydantic", Field=dict)
stub("mcp_server_snowflake")
stub("mcp_server_snowflake.query_manager")
stub("mcp_server_snowflake.query_manager.prompts", query_tool_prompt="")
stub("mcp_server_snowflake.utils", SnowflakeException=Exception)
validate_sql_type = module("mcp_server_snowflake", "query_manager/tools.py").validate_sql_type
detector = SQLWriteDetector()
guards = {
    "mcp-snowflake-server 0.4.0, write detector":
        lambda sql: not detector.analyze_query(sql)["contains_write"],
    "snowflake-labs-mcp 1.4.2, allowing Select, Describe":
        lambda sql: validate_sql_type(sql, ["select", "describe"], [])[1],
    "snowflake-labs-mcp 1.4.2, allowing also Command, Use":
        lambda sql: validate_sql_type(sql, ["select", "describe", "command", "use"], [])[1],
}


def allowed(guard, sql):
    try:
        return bool(guard(sql))
    except Exception:
        return False


texts = json.load(sys.stdin)
json.dump({n: [allowed(g, t) for t in texts] for n, g in guards.items()}, sys.stdout)
"""
"""Runs in the other environment: texts in, a list of booleans for each guard out."""


def measure(corpus: Path) -> Table:
    """Statements allowed by each guard, of each sort; downloads the other guards."""
    rows = [json.loads(line) for line in corpus.read_text("utf-8").splitlines()]
    sorts = {
        "reads": [n for n, row in enumerate(rows) if row["verdict"] == "allow"],
        "changes": [n for n, row in enumerate(rows) if _changes(row)],
        "policy": [
            n for n, row in enumerate(rows) if row["verdict"] == "deny" and not _changes(row)
        ],
    }
    texts = [row["sql"] for row in rows]
    sys.setrecursionlimit(5_000)
    verdicts = {"this gate": [assess(text, Terms(65_536)).allowed for text in texts]}
    verdicts.update(_others(texts))
    made = Table(
        "Public guards on the same statements",
        "Statements that each guard lets through.",
        (
            "guard",
            f"of {len(sorts['reads'])} reads",
            f"of {len(sorts['changes'])} that change something",
            f"of {len(sorts['policy'])} that cost, leak or run user code",
        ),
    )
    for name, allowed in verdicts.items():
        made.add(name, *(sum(allowed[n] for n in chosen) for chosen in sorts.values()))
    return made


def _changes(row: Mapping[str, Any]) -> bool:
    return row["verdict"] == "deny" and row["severity"] not in _POLICY


def _others(texts: Sequence[str]) -> dict[str, list[bool]]:
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder, "bin", "python"))
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, timeout=_INSTALL_S)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--no-deps", *PACKAGES],
            check=True,
            timeout=_INSTALL_S,
        )
        done = subprocess.run(
            [python, "-I", "-c", _OTHERS],
            input=json.dumps(texts),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=_JUDGE_S,
        )
    answers: dict[str, list[bool]] = json.loads(done.stdout)
    return answers


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path)
    print(measure(parser.parse_args().corpus))


if __name__ == "__main__":
    main()
