"""The layers, the homes of heavy imports and the size of modules, held by plain ast.

The table here is the one in ARCHITECTURE.md; another test compares the two.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from snowflake_mcp.tools.cortex import CORTEX_TOOLS
from snowflake_mcp.tools.offering import EVERY_TOOL
from tests.every_tool.table import ROWS

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "snowflake_mcp"

EDGES: dict[str, set[str]] = {
    "version": set(),
    "config": set(),
    "ops": set(),
    "protocol": set(),
    "auth": {"config", "ops", "protocol"},
    "policy": {"config", "ops"},
    "warehouse": {"config", "ops", "protocol"},
    "exports": {"config", "ops", "protocol"},
    "simulator": {"config", "ops"},
    "charts": {"config", "ops"},
    "tools": {"charts", "config", "exports", "policy", "protocol", "version", "warehouse"},
    "content": {"config", "exports", "policy", "protocol", "warehouse"},
    "transports": {"auth", "config", "exports", "ops", "protocol", "version"},
    "pipeline": {"auth", "config", "ops", "policy", "protocol"},
    "status": {"config", "ops", "policy", "protocol", "transports", "version", "warehouse"},
    "gauges": {"ops", "policy", "protocol", "version", "warehouse"},
    "services": {"auth", "config", "ops", "protocol", "status", "transports", "warehouse"},
    "fixtures": {"protocol"},
    "admin": {"auth", "config", "ops", "pipeline", "protocol", "status", "transports", "warehouse"},
    "roles": {"config", "policy", "protocol", "warehouse"},
    "reloading": {
        "auth",
        "config",
        "exports",
        "ops",
        "protocol",
        "roles",
        "transports",
        "warehouse",
    },
    "auditing": {"config", "ops", "version"},
    "core": {
        "auditing",
        "charts",
        "config",
        "content",
        "exports",
        "fixtures",
        "gauges",
        "ops",
        "pipeline",
        "policy",
        "protocol",
        "reloading",
        "roles",
        "services",
        "simulator",
        "status",
        "tools",
        "version",
        "warehouse",
    },
    "app": {
        "admin",
        "auth",
        "config",
        "core",
        "ops",
        "protocol",
        "reloading",
        "services",
        "status",
        "transports",
    },
    "commands": {
        "auth",
        "charts",
        "config",
        "ops",
        "policy",
        "tools",
        "transports",
        "version",
        "warehouse",
    },
    "tap": {"app", "config", "ops", "simulator", "tools", "transports", "version"},
    "parts": {"app", "commands", "config", "ops", "tap"},
    "cli": {"commands", "parts", "simulator", "version"},
}
"""What each package or top module may import of ours, beside itself."""

HOMES: dict[str, set[str]] = {
    "snowflake": {"warehouse"},
    "fakesnow": {"simulator"},
    "duckdb": {"simulator"},
    "matplotlib": {"charts/drawing.py"},
    "sqlglot": {"simulator", "policy"},
    "pyarrow": {"exports", "simulator", "warehouse"},
    "jwt": {"auth", "simulator"},
    "prometheus_client": {"ops/exposition.py"},
    "opentelemetry": {"ops/tracing.py"},
    "autobahn": {"transports/websocket.py", "transports/websocket_factory.py"},
    "httptools": {"transports/heads.py"},
    "txaio": set(),
    "OpenSSL": {"transports/tls.py"},
    "twisted.web": {
        "auth/agent.py",
        "simulator",
        "transports",
        "warehouse/rest.py",
        "warehouse/tunnel.py",
    },
    "twisted.internet.reactor": {"tap.py", "parts.py", "simulator/__main__.py"},
    "mcp_types": {"protocol/validity.py"},
    "pydantic": {"protocol/validity.py"},
    "asyncio": set(),
    "anyio": set(),
    "mcp": set(),
}
"""Where a module may be imported: packages or single files; nowhere else."""

MAX_LINES = 400
FORBIDDEN_WORDS = ("manager", "handler", "processor", "engine", "util", "helper")


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unit(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def ours(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if parts[0] == "snowflake_mcp" and len(parts) > 1 else None


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_imports_go_down_only(path: Path) -> None:
    """A module imports from its own package and from the layers that the table allows."""
    home = unit(path)
    if home == "__init__":
        assert list(imports(path)) == []
        return
    allowed = EDGES[home] | {home}
    wrong = {
        name
        for name in imports(path)
        if (target := ours(name)) is not None and target not in allowed
    }
    assert wrong == set()


def matches(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_heavy_imports_stay_at_home(path: Path) -> None:
    """Drivers, engines and frameworks are each imported in one place."""
    relative = name_of(path)
    wrong = {
        name
        for name in imports(path)
        for prefix, homes in HOMES.items()
        if matches(name, prefix) and unit(path) not in homes and relative not in homes
    }
    assert wrong == set()


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_modules_stay_small(path: Path) -> None:
    """A module has one idea; past 400 lines it has several."""
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_names_say_something(path: Path) -> None:
    """No module or class is called after nothing in particular."""
    names = [path.stem] + [
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    vague = [name for name in names for word in FORBIDDEN_WORDS if word in name.lower()]
    assert vague == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    """A docstring, and a list of what it offers."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree)
    if path.name not in {"__init__.py", "__main__.py"}:
        assigned = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert "__all__" in assigned


def test_the_table_knows_every_package() -> None:
    """A new package or top module has to be put into the picture."""
    assert {unit(path) for path in modules()} - {"__init__"} == set(EDGES)


def test_the_table_has_no_circle() -> None:
    """Layers are layers."""
    seen: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        for target in EDGES[name]:
            visit(target, (*above, name))
        seen.add(name)

    for name in EDGES:
        visit(name, ())
    assert seen == set(EDGES)


def test_the_picture_in_the_docs_is_this_table() -> None:
    """ARCHITECTURE.md shows the same edges, one line for each package."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    for name, targets in EDGES.items():
        line = f"| {name} | {', '.join(sorted(targets)) or 'nothing'} |"
        assert line in text, f"ARCHITECTURE.md lacks: {line}"


def test_every_tool_is_in_the_table_of_cases() -> None:
    """Which calls it over every transport in both eras: one line of tests/every_tool/table.py."""
    assert sorted(row.tool for row in ROWS) == sorted({**EVERY_TOOL, **CORTEX_TOOLS})
