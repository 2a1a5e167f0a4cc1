"""The documentation names everything that the code offers."""

from pathlib import Path

import pytest

from snowflake_mcp.cli import CommandOptions
from snowflake_mcp.commands.admin import ADMIN_EXIT, ORDERS
from snowflake_mcp.commands.daemon import ACTIONS, EXIT
from snowflake_mcp.config.connections import ENVIRONMENT
from snowflake_mcp.config.settings import Setting, settings
from snowflake_mcp.ops.audit import EVENTS, MEMBERS
from snowflake_mcp.ops.metrics import FAMILIES, Family
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.tap import Options
from snowflake_mcp.transports.admin import ACTIONS as ACTIONS_OF_ADMINS
from snowflake_mcp.transports.admin import Action

CHAIN = {"seq", "time", "event", "prev", "hash"}
DOCS = Path(__file__).resolve().parent.parent / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()


def shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value) or "none"
    if isinstance(value, bool):
        return str(value).lower()
    return (f"`{value}`" if value else "none") if isinstance(value, str) else str(value)


@pytest.mark.parametrize("setting", list(settings()), ids=lambda setting: setting.path)
def test_every_setting_is_documented(setting: Setting) -> None:
    """With its variable, its default and its range, as the code has them."""
    span = "" if setting.low is None else f"{setting.low}..{setting.high}"
    cells = [f"`{setting.path}`", f"`{setting.variable}`", shown(setting.default), span]
    row = "| " + " | ".join(cells) + " |"
    assert row.replace("|  |", "| |") in CONFIGURATION


@pytest.mark.parametrize("variable", sorted(ENVIRONMENT))
def test_every_connection_variable_is_documented(variable: str) -> None:
    """Each SNOWFLAKE_* variable has a row."""
    assert f"| `{variable}` |" in CONFIGURATION


def test_every_option_is_documented() -> None:
    """Each command-line option has a row."""
    missing = [
        option
        for option in Options().longOpt
        if f"| `--{option.rstrip('=')}` |" not in CONFIGURATION
    ]
    assert missing == []


@pytest.mark.parametrize("capability", sorted(CAPABILITIES))
def test_every_capability_is_documented(capability: str) -> None:
    """An operator can read what a grant means."""
    assert f"`{capability}`" in (DOCS / "security-gate.md").read_text()


@pytest.mark.parametrize("family", FAMILIES.values(), ids=lambda family: family.name)
def test_every_metric_is_documented(family: Family) -> None:
    """By name, with its kind and labels, in a row that it may share with its like."""
    rows = [line for line in (DOCS / "metrics.md").read_text().splitlines() if line[:1] == "|"]
    (row,) = (row.split("|") for row in rows if f"`{family.name}`" in row.split("|")[1])
    assert row[2].strip() == family.kind
    assert row[3].strip() == ", ".join(f"`{label}`" for label in family.labels)


@pytest.mark.parametrize("name", sorted({*MEMBERS, *CHAIN}))
def test_every_member_of_a_record_is_documented(name: str) -> None:
    """An auditor can read what each member says."""
    assert f"| `{name}` |" in (DOCS / "audit.md").read_text()


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_of_the_audit_is_documented(event: str) -> None:
    """And when a record of it is written."""
    assert f"| `{event}` |" in (DOCS / "audit.md").read_text()


def test_every_command_is_documented() -> None:
    """Each part of the console command, each action and each exit status has a row."""
    text = (DOCS / "operations.md").read_text()
    parts = [str(part[0]) for part in CommandOptions.subCommands if part[0] != "daemon"]
    alone = ["audit verify", "audit show", "simulator"]
    named = [*parts, *alone, *(f"daemon {action}" for action in ACTIONS)]
    assert [name for name in named if f"| `{name}` |" not in text] == []
    shown = (DOCS / "admin.md").read_text().replace("\\|", "|")
    orders = [f"admin {name} {order.subject}".strip() for name, order in ORDERS.items()]
    assert [name for name in orders if f"| `{name}` |" not in shown] == []
    assert [status for status in ADMIN_EXIT.values() if f"| {status} | " not in shown] == []


@pytest.mark.parametrize("action", ACTIONS_OF_ADMINS, ids=lambda action: action.name)
def test_every_route_for_operators_is_documented(action: Action) -> None:
    """By path and method."""
    assert f"| `{action.path}` | {action.method} | " in (DOCS / "admin.md").read_text()


def test_the_statuses_of_a_daemon_are_documented() -> None:
    """Each has a row."""
    text = (DOCS / "operations.md").read_text()
    assert [status for status in EXIT.values() if f"| {status} | " not in text] == []
