"""Two configurations are compared by the names of their settings."""

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.reload import changed_settings

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
