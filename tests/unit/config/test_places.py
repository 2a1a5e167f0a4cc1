"""What a connection's table says beside its login, and how it narrows what callers may do."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    PolicySettings,
    PrincipalSettings,
)
from snowflake_mcp.config.narrowing import narrowed, stands_at
from snowflake_mcp.config.places import TIERS, ConnectionPolicy, ConnectionPool
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.policy.objects import Pattern, rules_about
from snowflake_mcp.policy.tiers import Tier

LOGIN = 'account = "a"\nuser = "u"\npassword = "p"\n'


def read(folder: Path, text: str, **environ: str) -> Config:
    path = folder / "c.toml"
    path.write_text(text)
    return load(Flags(config=str(path)), {"HOME": str(folder), **environ})


def at(policy: ConnectionPolicy) -> ConnectionSettings:
    return ConnectionSettings("here", Backend.SNOWFLAKE, policy=policy)


def test_a_connections_table_has_policy_pool_and_description(tmp_path: Path) -> None:
    """Beside its login, of which they are no part."""
    text = f"""
[connections.main]
{LOGIN}description = " Production. "
[connections.main.policy]
tier = "read"
allow_objects = ["SALES.*"]
[connections.main.pool]
max_statements = 4
"""
    main = read(tmp_path, text).connection
    assert main.description == "Production."
    assert main.policy == ConnectionPolicy(tier="read", allow_objects=("SALES.*",))
    assert main.pool == ConnectionPool(4)
    assert set(main.parameters) == {"account", "authenticator", "user", "password"}


def test_a_connection_of_other_clients_may_have_them_too(tmp_path: Path) -> None:
    """Its login is in connections.toml, or in the environment; what is ours in our own file."""
    (tmp_path / ".snowflake").mkdir()
    (tmp_path / ".snowflake" / "connections.toml").write_text(f"[dev]\n{LOGIN}")
    text = '[connections.dev]\ndescription = "Sandbox."\n'
    dev = read(tmp_path, text).connection
    assert (dev.description, dev.parameters["account"]) == ("Sandbox.", "a")
    other = read(
        tmp_path,
        text.replace("dev", "env"),
        SNOWFLAKE_ACCOUNT="b",
        SNOWFLAKE_USER="u",
        SNOWFLAKE_PASSWORD="p",
    ).connection
    assert (other.description, other.parameters["account"]) == ("Sandbox.", "b")


def test_connections_that_may_be_chosen_are_read(tmp_path: Path) -> None:
    """Those of the server, of a table and of a tool; one that nobody has is told by its setting."""
    text = f"""
default_connection = "main"
[connections.main]
{LOGIN}[connections.one]
{LOGIN}[connections.two]
{LOGIN}[connections.three]
{LOGIN}[connections.four]
{LOGIN}[policy]
allow_connections = ["one"]
[principals.ann.policy]
allow_connections = ["two"]
[tools.x]
description = "d"
sql = "SELECT 1"
connection = "three"
"""
    config = read(tmp_path, text)
    assert list(config.connections) == ["main", "one", "two", "three"]
    with pytest.raises(ConfigError, match=r"policy\.allow_connections: nine is not a connection"):
        read(tmp_path, text.replace('"one"', '"nine"'))
    with pytest.raises(ConfigError, match=r"tools\.x\.connection: nine is not a connection"):
        read(tmp_path, text.replace('"three"', '"nine"'))
    demo = load(Flags(config=str(tmp_path / "c.toml"), demo=True), {})
    assert list(demo.connections) == ["demo"]
    assert Profiles(demo).visible("ann") == (demo.connection,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("description = 7", "connections.main.description: must be a text"),
        ("policy = 7", "connections.main.policy: must be a table"),
        ("[connections.main.policy]\ntier = 'all'", "policy.tier: 'all' is none of read, dml"),
        ("[connections.main.policy]\nhat = 1", "connections.main.policy.hat: is not a setting"),
        ("[connections.main.pool]\nmax_statements = -1", "pool.max_statements: -1 is not in"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, problem: str) -> None:
    """By its name."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"[connections.main]\n{LOGIN}{text}\n")
    assert problem in str(caught.value)


def test_tiers_are_those_of_the_policy() -> None:
    """In their order."""
    assert tuple(tier.word for tier in Tier) == TIERS


WIDE = PolicySettings(
    tier="admin",
    capabilities=("udf", "get_ddl"),
    confirm_writes=False,
    allow_objects=("SALES", "HR"),
    deny_objects=("HR.PAY",),
    mask_columns=("email",),
    max_scan_bytes=100,
)
HERE = ConnectionPolicy(
    tier="dml",
    capabilities=("udf", "query_history"),
    confirm_writes=True,
    allow_objects=("*.MARTS",),
    deny_objects=("SALES.MARTS.RAW",),
    mask_columns=("phone",),
    max_scan_partitions=7,
    max_scan_bytes=1_000,
)


def test_the_stricter_of_both_counts() -> None:
    """Setting by setting; what only one says is what counts."""
    policy = narrowed(PrincipalSettings(policy=WIDE), at(HERE)).policy
    assert (policy.tier, policy.capabilities, policy.confirm_writes) == ("dml", ("udf",), True)
    assert (policy.max_scan_partitions, policy.max_scan_bytes) == (7, 100)
    assert policy.mask_columns == ("email", "phone")
    rules = rules_about(policy.allow_objects, policy.deny_objects)
    permitted = [
        path
        for path in (
            ("SALES", "MARTS", "T"),
            ("SALES", "MARTS", "RAW"),
            ("SALES", "PUBLIC", "T"),
            ("HR", "MARTS", "T"),
            ("HR", "PAY", "T"),
            ("OTHER", "MARTS", "T"),
        )
        if rules.permits(path)
    ]
    assert permitted == [("SALES", "MARTS", "T"), ("HR", "MARTS", "T")]
    assert rules.shows(("SALES",))
    assert rules.shows(("SALES", "MARTS"))
    assert not rules.shows(("OTHER",))
    assert not rules.permits_all(("SALES",))
    assert rules.permits_all(("HR", "MARTS"))
    assert not rules_about(("SALES & *.MARTS",), ()).permits_all(("SALES",))


def test_a_connection_never_widens() -> None:
    """What the caller may not do it may not do anywhere."""
    own = PolicySettings()
    wide = ConnectionPolicy(tier="admin", max_scan_bytes=0)
    assert narrowed(PrincipalSettings(policy=own), at(wide)).policy == own
    assert narrowed(PrincipalSettings(policy=own), at(HERE)).policy.capabilities == ()
    assert narrowed(PrincipalSettings(policy=own), at(HERE)).policy.tier == "read"


def test_every_setting_of_a_connection_counts_somewhere() -> None:
    """A field that nobody narrows by would be silently ignored."""
    by_choice = {"allow_roles", "allow_warehouses"}
    table = PrincipalSettings(policy=replace(WIDE, max_scan_bytes=0))
    for each in fields(ConnectionPolicy):
        if each.name not in by_choice:
            one = ConnectionPolicy(**{each.name: getattr(HERE, each.name)})
            assert narrowed(table, at(one)) != table, each.name


def test_elsewhere_role_and_warehouse_are_that_connections_own() -> None:
    """A role of one account is nothing in another."""
    table = PrincipalSettings("ann", connection="main", role="R", warehouse="W", policy=WIDE)
    moved = stands_at(table, at(HERE))
    assert (moved.connection, moved.role, moved.warehouse) == ("here", "", "")
    assert moved.policy.tier == "dml"


def test_profiles_narrow_the_own_connection_as_well() -> None:
    """Who is at a connection by its table is held to its policy like who has chosen it."""
    main, here = ConnectionSettings("main", Backend.SNOWFLAKE), at(HERE)
    table = PrincipalSettings("ann", connection="here", policy=WIDE)
    config = Config(main, principals={"ann": table}, connections={"main": main, "here": here})
    profiles = Profiles(config)
    assert profiles.of("ann").policy.tier == "dml"
    assert profiles.at("ann", "here") is profiles.of("ann")
    assert profiles.at("ann", "main").policy == WIDE
    assert profiles.at("ann", "main") is profiles.at("ann", "main")
    counting = profiles.counting
    profiles.take(config)
    assert profiles.counting == counting
    profiles.take(
        replace(config, connections={"main": main, "here": replace(here, description="x")})
    )
    assert profiles.counting != counting


@pytest.mark.parametrize("text", ["A & ", "A &B", " & A", "A & B.C.D.E", "A & B & "])
def test_two_patterns_that_are_not_two_are_none(text: str) -> None:
    """A half one would allow more than was written."""
    with pytest.raises(ValueError, match="is no pattern"):
        Pattern.parse(text)


def test_a_spelt_out_name_of_either_counts() -> None:
    """The catalog of a database needs to be named by one, and to be fitted by both."""
    rules = rules_about(("D.INFORMATION_SCHEMA & D", "D.S & *"), ())
    assert rules.permits(("D", "INFORMATION_SCHEMA", "QUERY_HISTORY"))
    assert rules_about(("D & D",), ()).permits(("D", "INFORMATION_SCHEMA", "TABLES"))
    assert not rules_about(("D.S & D",), ()).permits(("D", "INFORMATION_SCHEMA", "TABLES"))
