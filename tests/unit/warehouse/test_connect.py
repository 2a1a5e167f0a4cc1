"""The arguments of a login, on both connector lines."""

import base64
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.config.model import Backend, ConnectionSettings
from snowflake_mcp.config.parameters import KNOWN
from snowflake_mcp.config.secrets import Secret, SecretFile
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse.connect import Bounds, Line, arguments, connector_line
from snowflake_mcp.warehouse.credentials import (
    CredentialUnusableError,
    SettingsAccount,
    revealed,
)
from snowflake_mcp.warehouse.errors import classify
from tests.support import keys
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
    assert (old["network_timeout"], old["socket_timeout"]) == (20, 30)
    assert not {"query_timeout", "retry_timeout"} & set(old)
    assert (new["query_timeout"], new["request_timeout"], new["connect_timeout"]) == (355, 55, 10)
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
    chosen = arguments(line, {"role": "MAIN"}, BOUNDS, role="reader", warehouse="XS")
    assert (chosen["role"], chosen["warehouse"]) == ('"reader"', "XS")


@async_test
async def test_secrets_are_revealed_for_the_login_only(tmp_path: Path) -> None:
    """The driver gets plain values, files as they are now, and the settings still show nothing."""
    path = tmp_path / "secret"
    path.write_text("hunter2\n")
    settings = ConnectionSettings(
        "main",
        Backend.SNOWFLAKE,
        {"user": "u", "password": SecretFile(str(path), b"old"), "passcode": Secret("123")},
    )
    account = SettingsAccount(settings)
    expected = {"user": "u", "password": "hunter2", "passcode": "123"}
    assert revealed(await account.parameters()) == expected
    path.write_text("hunter3")
    assert revealed(await account.parameters())["password"] == "hunter3"
    path.unlink()
    assert revealed(await account.parameters())["password"] == "hunter3"
    assert "hunter" not in repr(settings)
    assert (account.settings.name, account.settings.backend) == ("main", Backend.SNOWFLAKE)


@pytest.mark.parametrize(
    ("given", "password"),
    [
        (keys.pem(), None),
        (keys.pem(password="pw"), "pw"),
        (keys.der(), None),
        (keys.der(password="pw"), "pw"),
        (base64.b64encode(keys.der()), None),
        (base64.encodebytes(keys.der(password="pw")), "pw"),
    ],
)
def test_keys_of_every_form_are_the_same_key(
    given: bytes, password: str | None, tmp_path: Path
) -> None:
    """PEM, DER and base64, encrypted or not, in a file or as text: the driver gets plain DER."""
    path = tmp_path / "key"
    path.write_bytes(given)
    forms: list[object] = [SecretFile(str(path), b"")]
    if given.isascii():
        forms.append(Secret(given.decode()))
    for form in forms:
        parameters = {"private_key": form}
        if password is not None:
            parameters["private_key_password"] = Secret(password)
        assert revealed(parameters) == {"private_key": keys.der()}


def test_a_key_that_became_unreadable_is_not_sent(tmp_path: Path) -> None:
    """Half of a new key is the operator's fault, told without a word of it, and tried again."""
    path = tmp_path / "key"
    path.write_bytes(keys.pem()[:300])
    with pytest.raises(CredentialUnusableError, match="is not a private key") as caught:
        revealed({"private_key": SecretFile(str(path), b"")})
    trouble = classify(caught.value, "login")
    assert (trouble.family, trouble.retryable) == (Family.UNAVAILABLE, True)
    assert "key" not in trouble.message


@async_test
async def test_a_login_after_a_reload_has_what_was_taken() -> None:
    """The account is asked at each login."""
    before = ConnectionSettings("m", Backend.SNOWFLAKE, {"user": "u", "password": Secret("a")})
    after = ConnectionSettings("m", Backend.SNOWFLAKE, {"user": "v", "password": Secret("b")})
    account = SettingsAccount(before)
    account.take(after)
    assert account.settings is after
    assert revealed(await account.parameters()) == {"user": "v", "password": "b"}


@pytest.mark.parametrize("line", BOTH)
def test_a_login_that_asks_a_person_has_time_and_is_remembered(line: Line) -> None:
    """Minutes instead of seconds, and a stored token, or each session would ask again."""
    chosen = arguments(line, {"authenticator": "externalbrowser"}, BOUNDS)
    assert (chosen["login_timeout"], chosen["client_store_temporary_credential"]) == (120, True)
    machine = arguments(line, {"authenticator": "snowflake_jwt"}, BOUNDS)
    assert (machine["login_timeout"], machine["client_store_temporary_credential"]) == (30, False)
    mfa = {"authenticator": "username_password_mfa", "client_request_mfa_token": False}
    switch = "client_request_mfa_token" if line == "4.8" else "client_store_temporary_credential"
    assert arguments(line, mfa, BOUNDS)[switch] is False


def test_the_lines_get_what_they_know() -> None:
    """Names and types differ; what the installed line does not know is not given to it."""
    configured = {
        "workload_identity_impersonation_path": "a, b",
        "proxy_port": 3128,
        "oauth_enable_refresh_tokens": True,
        "custom_root_store_path": "/ca.pem",
        "external_browser_timeout": 60,
    }
    old, new = (arguments(line, configured, BOUNDS) for line in BOTH)
    assert old["workload_identity_impersonation_path"] == ["a", "b"]
    assert (old["proxy_port"], new["proxy_port"]) == ("3128", 3128)
    assert (new["authentication_timeout"], old["external_browser_timeout"]) == (60, 60)
    assert "custom_root_store_path" not in old
    assert "oauth_enable_refresh_tokens" not in new


def test_the_installed_line_knows_every_argument() -> None:
    """Both lines pass over what they do not know, so a name that they drop would do nothing."""
    values: dict[str, object] = {"text": "1", "number": 1, "switch": True, "secret": "s"}
    configured = {name: values[kind] for name, kind in KNOWN.items() if kind in values}
    configured.pop("private_key_password")  # is spent when the key is read
    chosen = set(arguments(connector_line(), configured, BOUNDS))
    if connector_line() == "5":
        from snowflake.connector.connection_config import ConnectionConfig as Known

        known = {*Known._all_field_names(), *Known._ALIAS_MAP, *Known._LEGACY_REWRITES}  # type: ignore[attr-defined,unused-ignore]
    else:
        from snowflake.connector import connection

        known = set(connection.DEFAULT_CONFIGURATION)
    assert chosen - known == set()
