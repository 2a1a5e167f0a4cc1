"""The documentation names everything that the code offers."""

from pathlib import Path

import pytest

from snowflake_mcp.cli import CommandOptions
from snowflake_mcp.commands.admin import ADMIN_EXIT, ORDERS
from snowflake_mcp.commands.daemon import ACTIONS, EXIT
from snowflake_mcp.config.connections import ENVIRONMENT
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.principals import OVERRIDES, OWN, PRESETS, Profiles
from snowflake_mcp.config.settings import Setting, settings
from snowflake_mcp.ops.audit import EVENTS, MEMBERS
from snowflake_mcp.ops.metrics import FAMILIES, Family
from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.terms import Situation
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.tap import Options
from snowflake_mcp.tools.backing import terms_of
from snowflake_mcp.tools.offering import offered, problems
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


def test_every_limit_is_in_the_one_table() -> None:
    """Whatever is called a maximum, ends something after a time, or is a rate or an allowance."""
    limits = [
        each.path
        for each in settings()
        if each.low is not None
        and each.section not in {"log", "audit", "oauth"}
        and (
            each.name.startswith(("max_", "hourly_", "daily_"))
            or each.name.endswith("_timeout_s")
            or each.section == "rates"
        )
    ]
    page = (DOCS / "limits.md").read_text()
    assert len(limits) > 40
    assert [path for path in limits if f"`{path}`" not in page] == []


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


PRINCIPALS = (DOCS / "principals.md").read_text()


def keys_in(part: str) -> set[str]:
    """The keys that the tables of a part of the page have rows for."""
    rows = [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| `")]
    return {row.strip("`") for row in rows}


def test_every_key_of_a_principal_is_documented() -> None:
    """In its own part of the page, and no other ones."""
    own, *parts = PRINCIPALS.partition("## Presets")[0].split("\nIn `[principals.NAME.")
    assert keys_in(own) == OWN
    assert {part.partition("]")[0]: keys_in(part) for part in parts} == dict(OVERRIDES)


def test_every_preset_is_documented() -> None:
    """With exactly what it holds."""
    for name, preset in PRESETS.items():
        tools = ", ".join(f"`{pattern}`" for pattern in preset.get("tools", ()))
        tier = f"`{preset['policy']['tier']}`"
        admin = "true" if preset.get("admin") else ""
        assert preset.keys() <= {"tools", "policy", "admin"}
        assert preset["policy"].keys() == {"tier"}
        row = f"| `{name}` | {tools} | {tier} | {admin} |".replace("|  |", "| |")
        assert row in PRINCIPALS
    assert keys_in(PRINCIPALS.partition("## Presets")[2].partition("## ")[0]) == PRESETS.keys()


def test_the_worked_example_of_principals_does_what_its_table_says(tmp_path: Path) -> None:
    """It can be started with, and its callers have the tools that are counted there."""
    example = (
        PRINCIPALS.partition("## Three roles")[2].partition("```toml\n")[2].partition("```")[0]
    )
    file = tmp_path / "c.toml"
    file.write_text(
        example.replace('private_key_file = "/etc/snowflake-mcp/key.p8"', 'password="p"')
    )
    config = load(Flags(config=str(file)), {})
    assert problems(config) == []
    profiles = Profiles(config)
    (row,) = (line for line in PRINCIPALS.splitlines() if line.startswith("| `tools/list` "))
    counts = [int(cell.split()[0].rstrip(",")) for cell in row.split("|")[2:-1]]
    assert counts == [len(offered(profiles.of(name))) for name in config.principals]
    verdicts = {
        (name, sql): assess(sql, terms_of(profiles.of(name)), Situation(tier=tier))
        for name, tier in (("analysts", Tier.READ), ("ops", Tier.DML))
        for sql in (
            "SELECT * FROM hr.core.pay",
            "SELECT GET_DDL('TABLE', 'SALES.RAW.ORDERS')",
            "INSERT INTO sales.raw.notes VALUES (1)",
            "DROP TABLE sales.raw.notes",
        )
    }
    allowed = {
        (name, sql.split()[0], sql.split()[1][:7])
        for (name, sql), v in verdicts.items()
        if v.allowed
    }
    assert allowed == {("analysts", "SELECT", "GET_DDL"), ("ops", "INSERT", "INTO")}
    told = {
        name: [each.remedy for each in v.refusals]
        for (name, sql), v in verdicts.items()
        if "DROP" in sql
    }
    assert "principals.ops.policy.tier = ddl" in told["ops"][0]
    rules = [profiles.of(name).policy for name in ("dashboards", "ops")]
    assert [each.deny_objects for each in rules] == [("HR", "*.*.SECRET_*"), ("HR",)]
    assert [each.daily_statements for each in rules] == [2000, 0]
