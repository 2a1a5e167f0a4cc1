"""A reload: what is covered is taken, what is not is told, and all of it or nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.reload import Applier, Reload, changed_settings
from snowflake_mcp.config.secrets import Secret

ACCOUNT = {"SNOWFLAKE_ACCOUNT": "acme", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "hunter2"}

MAIN = "[connections.main]\naccount = 'a'\nuser = 'u'\npassword = 'p'\n"


def test_nothing_changed() -> None:
    """The same text twice is the same configuration."""
    assert changed_settings(load(Flags(), ACCOUNT), load(Flags(), ACCOUNT)) == ()


def test_each_setting_by_its_documented_name() -> None:
    """Settings of sections and parameters of the connection, without any value."""
    after = {
        **ACCOUNT,
        "SNOWFLAKE_PASSWORD": "hunter3",
        "SNOWFLAKE_ROLE": "READER",
        "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": "7",
        "SNOWFLAKE_MCP_POOL_FETCHERS": "2",
    }
    assert changed_settings(load(Flags(), ACCOUNT), load(Flags(), after)) == (
        "connections.default.password",
        "connections.default.role",
        "pool.fetchers",
        "limits.max_rows",
    )


def test_another_connection_is_one_change() -> None:
    """Whatever its parameters, what differs is which connection answers."""
    assert changed_settings(load(Flags(), {}), load(Flags(), ACCOUNT)) == ("connection",)


class Running:
    """A process whose parts take limits, connections and principals, and what a reload says."""

    def __init__(self, environ: dict[str, str], text: str = "") -> None:
        self.taken: list[Config] = []
        self.problems: list[str] = []
        self.retired = 0
        self.written: Config | ConfigError = self.read(environ, text)
        assert isinstance(self.written, Config)
        part = Applier(
            ("limits.*", "http.allowed_*", "connections", "principals"),
            self.taken.append,
            lambda _: self.problems,
        )
        self._reload = Reload(self.written, self._reread, [part], self._retire)

    @staticmethod
    def read(environ: dict[str, str], text: str = "") -> Config | ConfigError:
        """What a start would read."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "c.toml"
            path.write_text(text)
            try:
                return load(Flags(config=str(path)), environ)
            except ConfigError as error:
                return error

    def reload(self, environ: dict[str, str], text: str = "") -> list[str]:
        """The lines of a reload with this environment and file."""
        self.written = self.read(environ, text)
        with capturedLogs() as events:
            self.report = self._reload()
        return [str(formatEvent(event)) for event in events]

    def _reread(self) -> Config:
        if isinstance(self.written, ConfigError):
            raise self.written
        return self.written

    def _retire(self) -> int:
        self.retired += 1
        return 3


READ = "reload: the next login reads its secrets again; 3 idle sessions are closed"


def test_what_is_covered_is_taken_and_the_rest_is_named() -> None:
    """Setting by setting; what waits for a restart stays as it was, and is told again."""
    running = Running(ACCOUNT)
    after = {
        **ACCOUNT,
        "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": "7",
        "SNOWFLAKE_MCP_POOL_FETCHERS": "2",
        "SNOWFLAKE_MCP_HTTP_ALLOWED_HOSTS": "a,b",
        "SNOWFLAKE_MCP_HTTP_HOST": "::1",
    }
    waits = "reload: not applied, restart needed: http.host, pool.fetchers"
    assert running.reload(after) == [
        READ,
        "reload: applied: http.allowed_hosts, limits.max_rows",
        waits,
    ]
    (taken,) = running.taken
    assert (taken.limits.max_rows, taken.http.allowed_hosts) == (7, ("a", "b"))
    assert (taken.pool.fetchers, taken.http.host) == (1, "127.0.0.1")
    assert running.report.restart == ("http.host", "pool.fetchers")
    assert running.reload(after) == [READ, waits]
    assert running.reload(ACCOUNT) == [READ, "reload: applied: http.allowed_hosts, limits.max_rows"]


def test_of_a_connection_secrets_and_places_are_taken() -> None:
    """Who logs in stays until a restart, and then a new secret does not come before it."""
    running = Running(ACCOUNT)
    after = {**ACCOUNT, "SNOWFLAKE_PASSWORD": "hunter3", "SNOWFLAKE_ROLE": "READER"}
    names = "connections.default.password, connections.default.role"
    assert running.reload(after) == [READ, f"reload: applied: {names}"]
    connection = running.taken[0].connection
    assert connection is running.taken[0].connections["default"]
    assert connection.parameters["password"] == Secret("hunter3")
    other = {**ACCOUNT, "SNOWFLAKE_PASSWORD": "hunter4", "SNOWFLAKE_USER": "v"}
    waits = f"reload: not applied, restart needed: {names}, connections.default.user"
    assert running.reload(other) == [READ, waits]
    assert running.taken[1].connection == connection


def test_connections_and_tables_come_and_go() -> None:
    """A table may name a connection that the process did not know before."""
    default = 'default_connection = "main"\n'
    running = Running({}, default + MAIN)
    more = f"{MAIN}[connections.bee]\naccount = 'a'\nuser = 'b'\npassword = 'c'\n"
    table = "[principals.bee]\nconnection = 'bee'\n"
    applied = "reload: applied: connections.bee, principals.bee"
    assert running.reload({}, default + more + table) == [READ, applied]
    assert set(running.taken[-1].connections) == {"main", "bee"}
    assert running.taken[-1].principals["bee"].connection == "bee"
    assert running.reload({}, default + MAIN) == [READ, applied]
    assert set(running.taken[-1].connections) == {"main"}


def test_a_reload_without_changes_reads_secret_files_all_the_same() -> None:
    """What a file holds is no part of the configuration, so it may have changed."""
    running = Running(ACCOUNT)
    unchanged = "reload: the configuration is valid and nothing in it has changed"
    assert running.reload(ACCOUNT) == [READ, unchanged]


def test_another_connection_waits_for_a_restart() -> None:
    """Its secrets are not given to the account that runs."""
    running = Running({}, MAIN)
    other = MAIN.replace("[connections.main]", "[connections.other]").replace("'p'", "'q'")
    assert running.reload({}, other) == [
        READ,
        "reload: not applied, restart needed: connection",
    ]
    connection = running.taken[-1].connection
    assert (connection.name, connection.parameters["password"]) == ("main", Secret("p"))


@pytest.mark.parametrize("where", ["file", "part"])
def test_all_or_nothing(where: str) -> None:
    """What cannot be used changes nothing, whoever finds it: sessions and settings stay."""
    running = Running(ACCOUNT)
    after = {**ACCOUNT, "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": "7"}
    if where == "file":
        after["SNOWFLAKE_PORT"] = "x"
    else:
        running.problems = ["policy.tier: no", "and more"]
    (line,) = running.reload(after)
    said = "port: must be" if where == "file" else "policy.tier: no; and more"
    assert line.startswith(f"reload refused, nothing is changed: {said}")
    assert (running.taken, running.retired) == ([], 0)
    assert running.report.problems
    running.problems = []
    assert running.reload(ACCOUNT)[-1].endswith("nothing in it has changed")


def test_without_a_configuration_to_read_nothing_happens() -> None:
    """As where the services are built by hand."""
    with capturedLogs() as events:
        report = Reload(load(Flags(), {}), None)()
    assert report.problems == ("there is no configuration to read again",)
    assert len(events) == 1
