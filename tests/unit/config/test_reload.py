"""Two configurations are compared by the names of their settings."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import Config, ConnectionSettings
from snowflake_mcp.config.parameters import is_secret
from snowflake_mcp.config.reload import Reload, changed_settings

ACCOUNT = {"SNOWFLAKE_ACCOUNT": "acme", "SNOWFLAKE_USER": "u", "SNOWFLAKE_PASSWORD": "hunter2"}


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
    """A process with an account, and what its reload does and says."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.config = load(Flags(), environ)
        self.written: Config | ConfigError = self.config
        self.connection = self.config.connection
        self.retired = 0
        self._reload = Reload(self.config, self._reread, self._take, self._retire)

    def reload(self, environ: dict[str, str] | None = None) -> list[str]:
        """The lines of a reload with this environment."""
        try:
            self.written = self.config if environ is None else load(Flags(), environ)
        except ConfigError as error:
            self.written = error
        with capturedLogs() as events:
            self._reload()
        return [str(formatEvent(event)) for event in events]

    def _reread(self) -> Config:
        if isinstance(self.written, ConfigError):
            raise self.written
        return self.written

    def _take(self, written: Mapping[str, ConnectionSettings]) -> Mapping[str, ConnectionSettings]:
        name = self.connection.name
        if name in written:
            secrets = {n: v for n, v in written[name].parameters.items() if is_secret(n)}
            parameters = MappingProxyType({**self.connection.parameters, **secrets})
            self.connection = replace(self.connection, parameters=parameters)
        return {name: self.connection}

    def _retire(self) -> int:
        self.retired += 1
        return 3


READ = "reload: the next login reads its secrets again; 3 idle sessions are closed"


def test_a_reload_takes_secrets_and_names_the_rest() -> None:
    """Secrets count from the next login on; the rest waits for a restart, and is told again."""
    running = Running(ACCOUNT)
    after = {**ACCOUNT, "SNOWFLAKE_PASSWORD": "hunter3", "SNOWFLAKE_ROLE": "READER"}
    role = "reload: not applied, restart needed: connections.default.role"
    assert running.reload(after) == [READ, "reload: applied: connections.default.password", role]
    assert running.reload(after) == [READ, role]
    assert running.connection.parameters["password"].reveal() == "hunter3"  # type: ignore[union-attr]


def test_a_reload_without_changes_reads_secret_files_all_the_same() -> None:
    """What a file holds is no part of the configuration, so it may have changed."""
    running = Running(ACCOUNT)
    unchanged = "reload: the configuration is valid and nothing in it has changed"
    assert running.reload() == [READ, unchanged]


def test_another_connection_waits_for_a_restart() -> None:
    """Its secrets are not given to the account that runs."""
    running = Running(ACCOUNT)
    other = load(Flags(), ACCOUNT)
    connection = replace(other.connection, name="other")
    written = replace(other, connection=connection, connections={"other": connection})
    running.config, running.written = written, written
    assert running.reload() == [READ, "reload: not applied, restart needed: connection"]
    assert running.connection.parameters["password"].reveal() == "hunter2"  # type: ignore[union-attr]


def test_a_reload_that_cannot_be_used_changes_nothing() -> None:
    """Sessions are left alone and the problems told."""
    running = Running(ACCOUNT)
    (line,) = running.reload({**ACCOUNT, "SNOWFLAKE_PORT": "x"})
    assert line.startswith("reload refused, nothing is changed: port: must be")
    assert running.retired == 0
