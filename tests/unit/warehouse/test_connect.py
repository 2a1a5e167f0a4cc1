"""The arguments of a login, on both connector lines."""

from typing import Any

import pytest

from snowflake_mcp.config.model import Backend, ConnectionSettings, Secret
from snowflake_mcp.warehouse.connect import Bounds, Line, arguments
from snowflake_mcp.warehouse.credentials import SettingsAccount
from tests.unit.warehouse.waiting import async_test

BOUNDS = Bounds(login_s=29.5, statement_s=300.0)
BOTH: tuple[Line, ...] = ("4.8", "5")


@pytest.mark.parametrize("line", BOTH)
def test_what_holds_on_both_lines(line: Line) -> None:
    """Safe defaults stand on both lines, whatever was configured."""
    configured = {
        "account": "acme",
        "session_parameters": {"MULTI_STATEMENT_COUNT": 0, "TIMEZONE": "UTC"},
        "client_session_keep_alive": True,
        "secondary_roles": "ALL",
    }
    chosen = arguments(line, configured, BOUNDS)
    expected: dict[str, Any] = {
        "account": "acme",
        "application": "snowflake_mcp",
        "arrow_number_to_decimal": True,
        "client_session_keep_alive": False,
        "login_timeout": 30,
        "secondary_roles": "NONE",
    }
    assert {name: chosen[name] for name in expected} == expected
    assert chosen["session_parameters"] == {
        "ABORT_DETACHED_QUERY": True,
        "AUTOCOMMIT": True,
        "CLIENT_TELEMETRY_ENABLED": False,
        "MULTI_STATEMENT_COUNT": 1,
        "TIMEZONE": "UTC",
    }
    assert configured["client_session_keep_alive"] is True


def test_every_wait_is_bounded() -> None:
    """Each line gets the time limits that it knows, and none of the other's."""
    old, new = (arguments(line, {"socket_timeout": 1}, BOUNDS) for line in BOTH)
    assert (old["network_timeout"], old["socket_timeout"]) == (20, 55)
    assert not {"query_timeout", "retry_timeout"} & set(old)
    assert (new["query_timeout"], new["request_timeout"], new["connect_timeout"]) == (360, 60, 10)
    assert not {"network_timeout", "socket_timeout"} & set(new)


@pytest.mark.parametrize("line", BOTH)
def test_the_context_replaces_the_configured_one(line: Line) -> None:
    """A job's database drops the configured schema; odd names are quoted, plain ones are not."""
    configured = {"database": "MAIN", "schema": "PUBLIC"}
    assert arguments(line, configured, BOUNDS)["schema"] == "PUBLIC"
    chosen = arguments(line, configured, BOUNDS, "SALES")
    assert (chosen["database"], "schema" in chosen) == ("SALES", False)
    chosen = arguments(line, configured, BOUNDS, "sales", 'a"b')
    assert (chosen["database"], chosen["schema"]) == ('"sales"', '"a""b"')


@async_test
async def test_secrets_are_revealed_for_the_login_only() -> None:
    """The account gives the driver plain values, and the settings still show nothing."""
    settings = ConnectionSettings(
        "main", Backend.SNOWFLAKE, {"user": "u", "password": Secret("hunter2"), "port": 443}
    )
    account = SettingsAccount(settings)
    assert await account.parameters() == {"user": "u", "password": "hunter2", "port": 443}
    assert "hunter2" not in repr(settings)
    assert (account.name, account.backend) == ("main", Backend.SNOWFLAKE)
