"""What the console command takes, and what it says without starting anything."""

# mypy: allow-untyped-calls

import io
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.python.usage import UsageError

from snowflake_mcp.cli import CommandOptions, main
from snowflake_mcp.commands.configuration import show
from snowflake_mcp.commands.daemon import EXIT, Control, Places
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import LogSettings
from snowflake_mcp.parts import DaemonOptions
from snowflake_mcp.version import VERSION


def test_the_options_after_the_action_are_the_servers() -> None:
    """All but the folder go on to it, as they were given."""
    options = DaemonOptions()
    options.parseOptions(["start", "--demo", "--state-dir", "/s", "--port", "1", "--state-dir=/t"])
    assert options.action == "start"
    assert options.given == ["--demo", "--port", "1"]
    assert options["state-dir"] == "/t"
    assert options.config is not None
    assert options.config.http.endpoints == ("1",)


@pytest.mark.parametrize("words", [["daemon", "dance"], [], ["daemon", "start", "--port"]])
def test_what_it_does_not_take_is_told(words: list[str]) -> None:
    """In one line, with status 1."""
    with pytest.raises(SystemExit, match=r"^snowflake-mcp: "):
        main(words)


def test_a_wrong_setting_stops_every_command(tmp_path: Path) -> None:
    """Before anything is stopped or started."""
    wrong = tmp_path / "c.toml"
    wrong.write_text("[limits]\nmax_rows = -1\n")
    for words in (["check-config"], ["daemon", "restart"], ["http"]):
        with pytest.raises(SystemExit, match=r"limits\.max_rows"):
            main([*words, "--config", str(wrong)])


def test_every_part_is_named_where_none_is_given() -> None:
    """So that the reader knows what there is."""
    with pytest.raises(UsageError) as told:
        CommandOptions().parseOptions([])
    for part in ("stdio", "http", "daemon", "check-config", "simulator"):
        assert part in str(told.value)


def test_check_config_shows_what_counts(tmp_path: Path) -> None:
    """What differs from the defaults, where the connection is from, and no secret."""
    file = tmp_path / "c.toml"
    file.write_text(
        "[limits]\nmax_rows = 7\n[connections.prod]\n"
        'account = "a"\nuser = "u"\npassword = "hunter2"\n'
    )
    out = io.StringIO()
    show(load(Flags(config=str(file)), {}), out)
    text = out.getvalue()
    assert "connection prod (snowflake, " in text
    assert "  password = ***\n" in text
    assert "hunter2" not in text
    assert "  limits.max_rows = 7\n" in text
    assert "http.host" not in text


def test_check_config_shows_what_connections_say(tmp_path: Path) -> None:
    """Each that somebody may use, with what narrows callers there; and where tools run."""
    file = tmp_path / "c.toml"
    login = 'account = "a"\nuser = "u"\npassword = "hunter2"\n'
    tokens = tmp_path / "tokens.toml"
    tokens.touch()
    file.write_text(
        f"""default_connection = "prod"
[auth]
token_file = "{tokens}"
[connections.prod]
{login}[connections.prod.policy]
tier = "read"
[connections.lake]
{login}description = "Sensors."
[connections.lake.pool]
max_statements = 3
[connections.unused]
{login}[policy]
tier = "dml"
allow_connections = ["lake"]
[principals.ann]
[principals.bob]
[principals.bob.policy]
allow_connections = []
[tools.counted]
description = "d"
sql = "SELECT 1"
role = "R"
"""
    )
    out = io.StringIO()
    show(load(Flags(config=str(file)), {}), out)
    text = out.getvalue()
    assert "hunter2" not in text
    assert "unused" not in text
    prod, lake = text.split("connection lake (snowflake, ")
    assert "  policy.tier = read\n" in prod
    assert "  description = Sensors.\n  pool.max_statements = 3\n" in lake
    assert "tools.counted: (), role R\n" in lake
    ann, bob = lake.split("principals.bob: ")
    # Writes are narrowed away where bob is, and are not on the connection that ann may choose.
    assert "execute_statement" in ann
    assert "execute_statement" not in bob


def test_check_config_shows_each_table(tmp_path: Path) -> None:
    """The tools that its callers get, and what differs from the server's own settings."""
    file, tokens = tmp_path / "c.toml", tmp_path / "tokens.toml"
    tokens.touch()
    file.write_text(
        f"""
[auth]
token_file = "{tokens}"
[policy]
capabilities = ["udf"]
[principals.ann]
preset = "reader"
role = "R"
[principals."b@c"]
preset = "admin"
warehouse = "XL"
[principals."b@c".limits]
max_rows = 7
"""
    )
    out = io.StringIO()
    show(load(Flags(config=str(file), demo=True), {}), out)
    assert out.getvalue().endswith(
        """
  policy.capabilities = udf
  auth.token_file = {}
principals.ann: connection demo, role R
  tools = list_databases, list_schemas, list_tables, list_views, describe_table, describe_view, \
list_objects, describe_object, search_objects, query_view, sample_rows, check_sql
principals."b@c": connection demo, warehouse XL
  tools = list_databases, list_schemas, list_tables, list_views, describe_table, describe_view, \
list_objects, describe_object, get_ddl, search_objects, query_view, execute_query, \
explain_query, profile_table, sample_rows, chart_query, submit_query, get_query_status, \
fetch_results, cancel_query, export_results, my_queries, check_sql, execute_statement
  policy.tier = admin
  limits.max_rows = 7
  admin = true
callers are identified by tokens
the configuration is valid
""".replace("{}", str(tokens))
    )


def test_check_config_says_what_is_wrong_about_callers(tmp_path: Path) -> None:
    """As a start would."""
    wrong = tmp_path / "c.toml"
    wrong.write_text("[principals.ann]\n")
    with pytest.raises(SystemExit, match=r"^snowflake-mcp: principals: there are tables"):
        main(["check-config", "--demo", "--config", str(wrong)])


def test_what_tables_mean_is_checked_with_everything_else(tmp_path: Path) -> None:
    """A pattern without a tool, a word that is none: every command says so, all at once."""
    wrong = tmp_path / "c.toml"
    wrong.write_text("[principals.ann]\ntools = ['lst_*']\n[principals.ann.policy]\ntier = 'rw'\n")
    with pytest.raises(SystemExit, match="2 problems") as told:
        main(["check-config", "--demo", "--config", str(wrong)])
    assert "principals.ann.tools: 'lst_*' names no tool" in str(told.value)
    assert "principals.ann.policy.tier: 'rw' is none of read" in str(told.value)


def test_words_of_the_audit_and_the_masks_are_checked_as_well(tmp_path: Path) -> None:
    """Before a start would find out."""
    wrong = tmp_path / "c.toml"
    wrong.write_text(
        "[audit]\nfsync = 'often'\n[policy]\nmask_style = 'blur'\nmask_columns = ['HR.PAY']\n"
    )
    with pytest.raises(SystemExit, match="3 problems") as told:
        main(["check-config", "--demo", "--config", str(wrong)])
    for problem in (
        "audit.fsync: 'often' is none of never",
        "policy.mask_style: 'blur' is none of stars",
        "policy: 'HR.PAY' names more than a column",
    ):
        assert problem in str(told.value)


@pytest.mark.parametrize(
    ("pid_file", "action", "meaning", "says"),
    [
        (None, "status", "not running", "not running"),
        ("123456789", "status", "dead", "is there (pid 123456789)"),
        (None, "stop", "ok", "not running"),
        (None, "reload", "not running", "not running"),
    ],
)
def test_without_a_server(
    tmp_path: Path, pid_file: str | None, action: str, meaning: str, says: str
) -> None:
    """The statuses are those that init scripts give."""
    places = Places(tmp_path)
    if pid_file is not None:
        places.pid_file.write_text(pid_file)
    out = io.StringIO()
    control = Control(places, load(Flags(demo=True), {}), [], out)
    assert control.run(action) == EXIT[meaning]
    assert says in out.getvalue()


@pytest.mark.parametrize(
    ("configured", "place"),
    [(LogSettings().file, "/s/snowflake-mcp.log"), ("/var/log/x.log", "/var/log/x.log")],
)
def test_where_the_log_is(configured: str, place: str) -> None:
    """In the folder, unless the configuration says where."""
    assert Places(Path("/s")).log_file(configured) == Path(place)


FAR = ("snowflake_mcp.app", "snowflake_mcp.tools.offering", "snowflake_mcp.protocol.kernel")


@pytest.mark.parametrize(
    ("words", "not_loaded"),
    [
        (["--help"], (*FAR, "snowflake_mcp.tap", "snowflake_mcp.config.load")),
        (["--version"], (*FAR, "snowflake_mcp.tap", "snowflake_mcp.config.load")),
        (["admin", "--help"], (*FAR, "snowflake_mcp.tap", "snowflake_mcp.config.load")),
        (["audit", "--help"], (*FAR, "snowflake_mcp.tap")),
        (["token", "list", "--file", "/nowhere"], FAR),
        (["daemon", "status", "--state-dir", "/nowhere"], FAR),
        (["doctor", "--help"], ("snowflake_mcp.app",)),
    ],
    ids=str,
)
def test_a_part_loads_what_it_needs(words: list[str], not_loaded: tuple[str, ...]) -> None:
    """Whoever looks at a running server does not wait for the modules of one."""
    program = (
        "import sys\n"
        "from snowflake_mcp.cli import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"print([name for name in {not_loaded!r} if name in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("part", [[], ["admin"], ["http"]], ids=str)
def test_the_version_is_ours(part: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever part is asked, and not that of Twisted."""
    with pytest.raises(SystemExit) as ended:
        main([*part, "--version"])
    assert not ended.value.code
    assert capsys.readouterr().out == f"snowflake-mcp {VERSION}\n"
