"""Tables of principals: what they change, what they may not, and what a preset stands for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Config, LimitSettings, PolicySettings, RateSettings
from snowflake_mcp.config.principals import LIMITS, POLICY, PRESETS, RATES, Profiles
from snowflake_mcp.config.secrets import Secret
from snowflake_mcp.config.showing import shown

ACCOUNT = """
[connections.main]
account = "a"
user = "u"
password = "p"
[connections.other]
account = "b"
user = "v"
password = "q"
"""


def read(tmp_path: Path, text: str) -> Config:
    file = tmp_path / "c.toml"
    file.write_text(f'default_connection = "main"\n{text}\n{ACCOUNT}')
    return load(Flags(config=str(file)), {})


def test_a_table_goes_over_the_servers_own_settings(tmp_path: Path) -> None:
    """Setting by setting: what it does not say stays the server's."""
    text = """
[policy]
capabilities = ["udf"]
deny_objects = ["HR.*"]
[limits]
max_rows = 50
[principals.ana]
tools = ["list_*"]
role = "ANALYST"
warehouse = "XS"
connection = "other"
[principals.ana.policy]
tier = "dml"
deny_objects = []
[principals.ana.limits]
default_rows = 7
[rates]
statements_per_min = 30
[principals.ana.rates]
requests_per_s = 2.5
"""
    config = read(tmp_path, text)
    ana = config.principals["ana"]
    assert (ana.name, ana.tools, ana.role, ana.warehouse) == ("ana", ("list_*",), "ANALYST", "XS")
    assert ana.policy == PolicySettings(capabilities=("udf",), tier="dml")
    assert ana.limits == LimitSettings(max_rows=50, default_rows=7)
    assert ana.rates == RateSettings(requests_per_s=2.5, statements_per_min=30)
    assert config.policy.tier == "read"
    assert set(config.connections) == {"main", "other"}
    assert config.connections["main"] is config.connection


def test_a_table_goes_over_its_preset(tmp_path: Path) -> None:
    """And the preset over the server's own."""
    text = """
[policy]
tier = "ddl"
[principals.r]
preset = "reader"
[principals.s]
preset = "reader"
tools = []
[principals.s.policy]
tier = "dml"
"""
    config = read(tmp_path, text)
    assert config.principals["r"].tools == PRESETS["reader"]["tools"]
    assert config.principals["r"].policy.tier == "read"
    assert config.principals["s"].tools == ()
    assert config.principals["s"].policy.tier == "dml"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("principals = 1", "principals: must be tables"),
        ("[principals]\nana = 1", "principals.ana: must be a table"),
        ('[principals."a/b"]', "principals.a/b: a name has"),
        ("[principals.ana]\nhat = 1", "principals.ana.hat: is not a setting"),
        ("[principals.ana]\nname = 'x'", "principals.ana.name: is not a setting"),
        ("[principals.ana]\npreset = 'x'", "principals.ana.preset: is none of reader"),
        ("[principals.ana]\npreset = ['x']", "principals.ana.preset: is none of reader"),
        ("[principals.ana]\npolicy = 3", "principals.ana.policy: must be a table"),
        ("[principals.ana.limits]\ndrain_s = 3", "limits.drain_s: cannot be set for a principal"),
        (
            "[principals.ana.rates]\ntotal_rows_per_min = 3",
            "rates.total_rows_per_min: cannot be set for a principal",
        ),
        ("[principals.ana.limits]\nmax_rows = 0", "limits.max_rows: 0 is not in"),
        ("[principals.ana]\nconnection = 'x'", "principals.ana.connection: x is not a connection"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, problem: str) -> None:
    """By its name, before anything starts."""
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert problem in str(caught.value)
    assert len(caught.value.problems) == 1


def test_only_settings_that_there_are_can_be_a_principals() -> None:
    """The lists name fields of their sections."""
    assert set(PolicySettings.__dataclass_fields__) >= POLICY
    assert set(LimitSettings.__dataclass_fields__) >= LIMITS
    assert set(RateSettings.__dataclass_fields__) >= RATES


def test_the_demo_answers_every_table(tmp_path: Path) -> None:
    """Asked for, it stands for every connection; by itself it is no stand-in for a real one."""
    file = tmp_path / "c.toml"
    file.write_text(f"[principals.ana]\nconnection = 'other'\nrole = 'R'\n{ACCOUNT}")
    config = load(Flags(config=str(file), demo=True), {})
    assert (config.principals["ana"].connection, config.principals["ana"].role) == ("", "R")
    assert set(config.connections) == {"demo"}
    file.write_text("[principals.ana]\nconnection = 'other'")
    with pytest.raises(ConfigError) as caught:
        load(Flags(config=str(file)), {})
    assert "while the demo warehouse answers this server" in caught.value.problems[0]


def test_a_reload_replaces_all_tables_at_once(tmp_path: Path) -> None:
    """What is gone is refused from then on, and callers of no table have the server's own."""
    before = read(tmp_path, "[principals.ana]\nrole = 'A'")
    after = read(tmp_path, "[limits]\nmax_rows = 9\n[principals.bo]\nrole = 'B'")
    profiles = Profiles(before)
    assert profiles.of("ana").role == "A"
    assert profiles.of("").limits == before.limits
    profiles.take(after)
    assert profiles.of("bo").role == "B"
    assert profiles.of("").limits.max_rows == 9
    with pytest.raises(KeyError):
        profiles.of("ana")


def test_the_right_to_administer(tmp_path: Path) -> None:
    """Said by a table or by its preset; of the server's own settings it is never a part."""
    config = read(
        tmp_path,
        '[principals.a]\nadmin = true\n[principals.b]\npreset = "admin"\n'
        '[principals.c]\npreset = "admin"\nadmin = false\n[principals.d]\n',
    )
    profiles = Profiles(config)
    assert profiles.names == ("a", "b", "c", "d")
    assert [profiles.may_administer(name) for name in (*profiles.names, "", "e")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert profiles.has_admins is True
    profiles.take(read(tmp_path, "[principals.local]\n"))
    assert not profiles.has_admins


def test_what_is_shown_of_a_table_holds_no_secret() -> None:
    """By the names of settings, and by their kind; the rest is plain JSON."""

    @dataclass(frozen=True)
    class MoreSettings:
        token_file: str = "tokens.toml"
        shown: object = Secret("s3cret")
        inside: tuple[PolicySettings, ...] = (PolicySettings(),)
        table: Mapping[str, int] = field(default_factory=lambda: {"a": 1})

    found = shown(MoreSettings())
    assert set(found) == {"shown", "inside", "table"}
    assert (found["shown"], found["table"]) == ("***", {"a": 1})
    assert found["inside"][0]["tier"] == "read"
