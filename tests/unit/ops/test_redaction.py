"""Secrets and tricks with characters do not reach a line."""

import time

import pytest

from snowflake_mcp.ops.redaction import escaped, is_secret_name, redacted

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQhunter2\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "PASSWORD = 'hunter2 hunter2'",
        '{"password": "hunter2"}',
        "{'password': 'hunter\\'2 hunter2'}",
        "password: hunter2!",
        "SNOWFLAKE_PASSWORD=hunter2 next",
        "passphrase=hunter2",
        "private_key_file_pwd=hunter2",
        "client-secret: hunter2-hunter2",
        "access_token=hunter2&state=1",
        "api_key=hunter2",
        "Cookie: sid=hunter2",
        "Authorization: Basic hunter2 hunter2",
        "'authorization': 'Snowflake Token=\"hunter2\"'",
        'Authorization: Snowflake Token="hunter2"',
        "sent Bearer hunter2.hunter2",
        "sent Basic Hunter2Hunter2=",
        "eyJhbGciOiJIUzI1NiJ9.hunter2hunter2.hunter2",
        "smcp_5fb411313a74_hunter2-_hunter2",
        "https://user:hunter2@host/path",
        KEY,
        KEY[:40],
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    """In the forms in which clients, drivers and configuration files write them."""
    shown = redacted(f"before {text}")
    assert "hunter2" not in shown
    assert shown.startswith("before ")
    assert "***" in shown


@pytest.mark.parametrize(
    "text",
    [
        "POST /mcp 200 in 0.012 s, 512 bytes",
        "connections.prod.password: must be a text (from config.toml)",
        "the token has expired",
        "basic authentication is not offered",
        "the bearer authentication failed",
        "private_key_file: /etc/snowflake-mcp/key.p8 cannot be read",
        "listening on IPv4Address(type='TCP', host='127.0.0.1', port=8000)",
        "Snowflake is reachable: https://acme.snowflakecomputing.com:443/",
        "unexpected token: FROM",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A log that hides too much is of no use."""
    assert redacted(text) == text


def test_names_of_secrets() -> None:
    """Keys are judged by what they are called."""
    for name in ("password", "db_password", "token", "authorization", "private_key", "apiKey"):
        assert is_secret_name(name), name
    for name in ("principal", "request_id", "session", "private_key_file", "key", "path"):
        assert not is_secret_name(name), name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\n", "two\\nlines\\r\\n"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\u2028b\u202ec\u200bd", "a\\u2028b\\u202ec\\u200bd"),
        ("lone \ud800", "lone \\ud800"),
        ("Grüße, 世界 🙂", "Grüße, 世界 🙂"),
    ],
)
def test_characters_that_trick(text: str, shown: str) -> None:
    """One line stays one line, and what is invisible is seen."""
    assert escaped(text) == shown


PIECES = (
    "password",
    "token-",
    "secret  ",
    "secret: ",
    'secret="',
    'token\\"',
    "://a:",
    "://",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A",
    "eyJa",
    "eyJaaaaaaaa.",
    "Bearer ",
    "Bearer aaaaaaaa ",
    "authorization",
    "authorization ",
)


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_no_time(piece: str) -> None:
    """Whatever is repeated: the patterns do not go over it again and again."""
    began = time.process_time()
    redacted(piece * (8_192 // len(piece)))
    assert time.process_time() - began < 0.1
