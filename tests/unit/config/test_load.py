"""Where settings come from, which source wins, and how problems are told."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Backend, Config
from snowflake_mcp.config.secrets import Secret, SecretFile
from snowflake_mcp.config.settings import settings
from tests.support.keys import elliptic_pem

ACCOUNT = {
    "SNOWFLAKE_ACCOUNT": "ab12345",
    "SNOWFLAKE_USER": "svc",
    "SNOWFLAKE_PASSWORD": "hunter2",
}


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def problems(flags: Flags, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(flags, environ)
    return caught.value.problems


def test_nothing_configured_is_the_demo() -> None:
    """A newcomer needs no account."""
    config = load(Flags(), {})
    assert config.is_demo
    assert config.http.endpoints == ("8000",)


def test_nothing_configured_and_no_demo_says_what_to_set() -> None:
    """A service must not fall back silently."""
    (line,) = problems(Flags(no_demo=True), {})
    assert "SNOWFLAKE_ACCOUNT" in line
    assert "--connection" in line


def test_the_environment_makes_a_connection() -> None:
    """SNOWFLAKE_* variables name a real account; secrets do not show."""
    connection = load(Flags(), ACCOUNT).connection
    assert (connection.backend, connection.name) == (Backend.SNOWFLAKE, "default")
    assert connection.parameters["account"] == "ab12345"
    assert connection.parameters["password"] == Secret("hunter2")
    assert "hunter2" not in repr(connection)


@pytest.mark.parametrize("left_out", sorted(ACCOUNT))
def test_half_a_configuration_names_what_is_missing(left_out: str) -> None:
    """Any variable alone is a statement of intent; the rest is asked for by name."""
    (line,) = problems(Flags(), {k: v for k, v in ACCOUNT.items() if k != left_out})
    assert left_out in line


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    """One run shows everything that is wrong, each with its origin."""
    path = write(
        tmp_path / "c.toml",
        '[pool]\nmax_statements = 0\nbogus = 1\n[limits]\nmax_rows = "many"\n[nonsense]\n',
    )
    environ = {"SNOWFLAKE_USER": "u", "SNOWFLAKE_MCP_LIMITS_DRAIN_S": "-1", "SNOWFLAKE_MCP_X": "1"}
    lines = problems(Flags(config=path), environ)
    assert lines == [
        f"nonsense: is not a section of the configuration (from {path})",
        f"pool.max_statements: 0 is not in 1..256 (from {path})",
        f"pool.bogus: is not a setting (from {path})",
        f"limits.max_rows: must be a whole number (from {path})",
        "limits.drain_s: -1.0 is not in 0..3600 (from SNOWFLAKE_MCP_LIMITS_DRAIN_S)",
        "SNOWFLAKE_MCP_X: is not a setting (from the environment)",
        "connection default: lacks account (SNOWFLAKE_ACCOUNT) (from the environment)",
        (
            "connection default: lacks a credential: "
            "private_key_file (SNOWFLAKE_PRIVATE_KEY_FILE), password (SNOWFLAKE_PASSWORD), "
            "token (SNOWFLAKE_TOKEN) with an authenticator, or authenticator = externalbrowser "
            "(SNOWFLAKE_AUTHENTICATOR) (from the environment)"
        ),
    ]


def test_flags_beat_the_environment_beats_the_file(tmp_path: Path) -> None:
    """The nearer source wins, setting by setting."""
    path = write(
        tmp_path / "c.toml",
        '[http]\nhost = "10.0.0.1"\nendpoints = ["1"]\nmax_body_bytes = 2048\nkeepalive_s = 3\n',
    )
    environ = {"SNOWFLAKE_MCP_HTTP_MAX_BODY_BYTES": "4096", "SNOWFLAKE_MCP_HTTP_HOST": "10.0.0.2"}
    http = load(Flags(config=path, ports=("9", "unix:/run/x"), host="::1"), environ).http
    assert (http.endpoints, http.host) == (("9", "unix:/run/x"), "::1")
    assert (http.max_body_bytes, http.keepalive_s) == (4096, 3)


def test_a_connection_of_the_file(tmp_path: Path) -> None:
    """One table is the connection; the environment overlays it."""
    path = write(
        tmp_path / "c.toml",
        '[connections.prod]\naccount = "a"\nuser = "u"\npassword = "p"\nwarehouse = "W"\n',
    )
    connection = load(Flags(config=path), {"SNOWFLAKE_WAREHOUSE": "XS"}).connection
    assert (connection.name, connection.parameters["warehouse"]) == ("prod", "XS")


def test_several_connections_need_a_choice(tmp_path: Path) -> None:
    """The server does not guess between accounts."""
    table = 'account = "a"\nuser = "u"\npassword = "p"\n'
    path = write(tmp_path / "c.toml", f"[connections.one]\n{table}[connections.two]\n{table}")
    assert problems(Flags(config=path), {}) == [
        f"default_connection: must name one of: one, two (from {path})"
    ]
    assert load(Flags(config=path, connection="two"), {}).connection.name == "two"


@pytest.mark.parametrize("file", [".snowflake/connections.toml", ".config/snowflake/config.toml"])
def test_connections_of_other_snowflake_clients(tmp_path: Path, file: str) -> None:
    """What the Snowflake CLI uses works here, with its spellings."""
    prefix = "connections." if file.endswith("config.toml") else ""
    key = write(tmp_path / "key.p8", elliptic_pem().decode())
    write(
        tmp_path / file,
        f'[{prefix}dev]\naccountname = "a"\nusername = "u"\nprivate_key_path = "{key}"\n',
    )
    connection = load(Flags(connection="dev"), {"HOME": str(tmp_path)}).connection
    assert connection.parameters["private_key"] == SecretFile(key, b"")
    assert connection.parameters["authenticator"] == "snowflake_jwt"
    assert connection.parameters["user"] == "u"


def test_an_unknown_connection_lists_the_known(tmp_path: Path) -> None:
    """A typo is easy to mend."""
    write(tmp_path / "connections.toml", '[dev]\naccount = "a"\n')
    (line,) = problems(Flags(connection="prod"), {"SNOWFLAKE_HOME": str(tmp_path)})
    assert "prod is not a connection (known: dev)" in line


def test_a_secret_from_a_file(tmp_path: Path) -> None:
    """A password can stay out of the environment; the file is read at each login."""
    path = write(tmp_path / "pw", "s3cret\n")
    environ = {**ACCOUNT, "SNOWFLAKE_PASSWORD": "", "SNOWFLAKE_PASSWORD_FILE": path}
    password = load(Flags(), environ).connection.parameters["password"]
    assert password == SecretFile(path, b"")
    assert "s3cret" not in f"{password} {password!r}"
    environ["SNOWFLAKE_PASSWORD_FILE"] = str(tmp_path / "none")
    assert "password_file: cannot be read" in problems(Flags(), environ)[0]


def test_demo_on_demand_ignores_the_account() -> None:
    """--demo is an explicit wish."""
    assert load(Flags(demo=True), ACCOUNT).is_demo


@pytest.mark.parametrize(
    "conflict", [Flags(demo=True, no_demo=True), Flags(demo=True, connection="x")]
)
def test_demo_contradictions(conflict: Flags) -> None:
    """Flags that exclude each other are told so."""
    assert "contradicts" in problems(conflict, {})[0]


@pytest.mark.parametrize("text", ["[pool", "\xff", "a = 1\na = 2"])
def test_a_broken_file_is_one_clear_problem(tmp_path: Path, text: str) -> None:
    """The content of the file, which may hold secrets, is not repeated."""
    path = tmp_path / "c.toml"
    path.write_bytes(text.encode("latin-1"))
    (line,) = problems(Flags(config=str(path)), {})
    assert "is not valid TOML" in line


def test_a_missing_file_is_a_problem() -> None:
    """A typo in --config does not start the demo."""
    (line,) = problems(Flags(config="/nowhere.toml"), {})
    assert "cannot be read" in line


@given(
    st.sampled_from(list(settings())),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
)
def test_any_value_is_taken_or_told(setting: Any, value: Any) -> None:
    """No value of any setting raises anything but a ConfigError, and none slips through."""
    from snowflake_mcp.config.settings import SECTIONS, Problems, apply

    found = Problems()
    changed = apply(setting.section, SECTIONS[setting.section], {setting.name: value}, "x", found)
    result = getattr(changed, setting.name)
    assert found.lines or type(result) is type(setting.default)
    if setting.low is not None:
        assert setting.low <= result <= setting.high


def test_every_default_is_in_its_range() -> None:
    """The defaults obey their own rules."""
    for setting in settings():
        if setting.low is not None and setting.high is not None:
            assert setting.low <= setting.default <= setting.high, setting.path


def test_a_config_is_frozen() -> None:
    """Nothing changes settings behind the back of what was built from them."""
    config = load(Flags(), {})
    assert isinstance(config, Config)
    with pytest.raises(AttributeError):
        setattr(config, "http", None)  # noqa: B010 - the type checker knows that it is frozen


def test_a_secret_never_shows() -> None:
    """However it is printed."""
    secret = Secret("hunter2")
    assert f"{secret} {secret!r} {secret!s}" == "*** *** ***"
    assert secret.reveal() == "hunter2"
