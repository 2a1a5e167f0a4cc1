"""Ways to log in: what each needs, what does not go together, where secrets come from."""

from pathlib import Path

import pytest

from snowflake_mcp.config.authentication import METHODS
from snowflake_mcp.config.connections import from_environment
from snowflake_mcp.config.load import ConfigError, Flags, load
from snowflake_mcp.config.model import ConnectionSettings
from snowflake_mcp.config.secrets import Secret, SecretFile
from snowflake_mcp.config.settings import Problems
from tests.support import keys

ACCOUNT = 'account = "acme"\n'
USER = ACCOUNT + 'user = "u"\n'


def connection(tmp_path: Path, table: str, environ: dict[str, str] | None = None) -> object:
    """The connection, or the problems without their origin."""
    path = tmp_path / "config.toml"
    path.write_text(f"[connections.c]\n{table}")
    try:
        return load(Flags(config=str(path)), environ or {}).connection
    except ConfigError as error:
        return [line.partition(" (from ")[0] for line in error.problems]


@pytest.mark.parametrize(
    ("table", "asks"),
    [
        (USER + 'password = "p"', False),
        (USER + 'password = "p"\npasscode = "123456"', False),
        (USER + 'password = "p"\nauthenticator = "USERNAME_PASSWORD_MFA"', True),
        (USER + 'private_key_file = "KEY"', False),
        (USER + 'private_key_path = "SEALED"\nprivate_key_passphrase = "pw"', False),
        (USER + 'private_key_file = "KEY"\nauthenticator = "snowflake_jwt"', False),
        (USER + 'token = "t"\nauthenticator = "programmatic_access_token"', False),
        (ACCOUNT + 'token = "t"\nauthenticator = "oauth"', False),
        (ACCOUNT + 'token_file_path = "KEY"\nauthenticator = "oauth"', False),
        (USER + 'authenticator = "externalbrowser"', True),
        (USER + 'authenticator = "https://acme.okta.com"\npassword = "p"', False),
        (ACCOUNT + 'authenticator = "oauth_authorization_code"', True),
        (
            ACCOUNT + 'authenticator = "oauth_client_credentials"\noauth_client_id = "i"\n'
            'oauth_client_secret = "s"\noauth_token_request_url = "https://idp/token"',
            False,
        ),
        (ACCOUNT + 'authenticator = "workload_identity"\nworkload_identity_provider="aws"', False),
        (
            ACCOUNT + 'authenticator = "workload_identity"\nworkload_identity_provider="OIDC"\n'
            'token_file = "KEY"',
            False,
        ),
        (USER + 'password = "p"\nclient_session_keep_alive = true\nlogin_timeout = 5', False),
        (USER + 'password = "p"\nsession_parameters = {TIMEZONE = "UTC"}', False),
    ],
)
def test_ways_that_can_work(table: str, asks: bool, tmp_path: Path) -> None:
    """Each with the least that it needs, spelled as files of other clients spell it."""
    (tmp_path / "key").write_bytes(keys.pem())
    (tmp_path / "sealed").write_bytes(keys.pem(password="pw"))
    table = table.replace("KEY", str(tmp_path / "key")).replace("SEALED", str(tmp_path / "sealed"))
    found = connection(tmp_path, table)
    assert isinstance(found, ConnectionSettings), found
    assert found.asks_somebody is asks


@pytest.mark.parametrize(
    ("table", "problems"),
    [
        (
            USER + 'authenticator = "snowflake_jwt"',
            [
                (
                    "connection c: lacks private_key_file (SNOWFLAKE_PRIVATE_KEY_FILE), "
                    "which authenticator snowflake_jwt needs"
                )
            ],
        ),
        (
            ACCOUNT + 'authenticator = "programmatic_access_token"\ntoken = "t"',
            ["connection c: lacks user (SNOWFLAKE_USER)"],
        ),
        (
            USER + 'private_key_file = "KEY"\npassword = "p"',
            [
                (
                    "connection c: has password, which authenticator snowflake_jwt does not use: "
                    "remove one of the two"
                )
            ],
        ),
        (
            USER + 'token = "t"',
            [
                (
                    "connection c: has a token: say what it is, authenticator = oauth or "
                    "programmatic_access_token"
                )
            ],
        ),
        (
            USER + 'authenticator = "external_browser"',
            [
                (
                    "connection c: authenticator external_browser is not known; "
                    "did you mean externalbrowser?"
                )
            ],
        ),
        (
            USER + 'authenticator = "http://okta.example.com"\npassword = "p"',
            [
                (
                    "connection c: authenticator http://okta.example.com must be an https address: "
                    "the password is sent there"
                )
            ],
        ),
        (
            ACCOUNT + 'authenticator = "workload_identity"\nworkload_identity_provider = "OIDC"',
            [
                (
                    "connection c: lacks token_file (SNOWFLAKE_TOKEN_FILE_PATH) or token "
                    "(SNOWFLAKE_TOKEN), which workload_identity_provider OIDC needs"
                )
            ],
        ),
        (
            USER + 'private_key_file = "SEALED"',
            [
                (
                    "connection c: private_key is encrypted: give private_key_password "
                    "(private_key_password_file)"
                )
            ],
        ),
        (
            USER + 'private_key_file = "SEALED"\nprivate_key_password = "wrong"',
            ["connection c: private_key is not a private key or its password is wrong"],
        ),
        (
            USER + 'private_key_file = "KEY"\nprivate_key_password = "pw"',
            ["connection c: private_key is not encrypted: leave its password out"],
        ),
        (
            USER + 'private_key = "hello"',
            ["connection c: private_key is not a private key (PEM, DER or base64 of DER, PKCS#8)"],
        ),
        (
            USER + 'pasword = "p"\npassword = "p"',
            ["pasword: is not a parameter of a connection; did you mean password?"],
        ),
        (
            USER + 'password = "p"\nsession_token = "t"\ninsecure_mode = true\nfrobnicate = 1',
            [
                "session_token: belongs to a session of another client; give a credential instead",
                "insecure_mode: would switch checks of TLS certificates off; remove it",
                "frobnicate: is not a parameter of a connection",
            ],
        ),
        (
            USER + 'private_key_file = "KEY"\nprivate_key_path = "KEY"',
            ["private_key_path: says the same as private_key_file; keep one"],
        ),
        (
            USER + 'password = ""\nport = "x"\npasscode_in_password = "maybe"',
            [
                "password: is empty",
                "port: must be a port number",
                "passcode_in_password: must be true or false",
                (
                    "connection c: lacks a credential: private_key_file "
                    "(SNOWFLAKE_PRIVATE_KEY_FILE), password (SNOWFLAKE_PASSWORD), "
                    "token (SNOWFLAKE_TOKEN) with an authenticator, "
                    "or authenticator = externalbrowser (SNOWFLAKE_AUTHENTICATOR)"
                ),
            ],
        ),
    ],
)
def test_ways_that_cannot_work(table: str, problems: list[str], tmp_path: Path) -> None:
    """Everything that is wrong is told at the start, at once, with what to do."""
    (tmp_path / "key").write_bytes(keys.pem())
    (tmp_path / "sealed").write_bytes(keys.pem(password="pw"))
    table = table.replace("KEY", str(tmp_path / "key")).replace("SEALED", str(tmp_path / "sealed"))
    assert connection(tmp_path, table) == problems


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (keys.small_pem(), "has 1024 bits; Snowflake takes RSA from 2048 on"),
        (keys.edwards_pem(), "is neither RSA nor ECDSA, which is what Snowflake takes"),
    ],
)
def test_keys_that_snowflake_does_not_take(key: bytes, why: str, tmp_path: Path) -> None:
    """They would only be refused at the first login."""
    (tmp_path / "key").write_bytes(key)
    table = USER + f'private_key_file = "{tmp_path / "key"}"'
    assert connection(tmp_path, table) == [f"connection c: private_key {why}"]


def test_secrets_that_systemd_passes(tmp_path: Path) -> None:
    """A credential of the service that is called after a secret is that secret."""
    (tmp_path / "snowflake.private_key").write_bytes(keys.pem(password="pw"))
    (tmp_path / "snowflake.private_key_password").write_text("pw\n")
    (tmp_path / "other").write_text("not ours")
    environ = {
        "SNOWFLAKE_ACCOUNT": "a",
        "SNOWFLAKE_USER": "u",
        "CREDENTIALS_DIRECTORY": str(tmp_path),
    }
    found = load(Flags(), environ).connection.parameters
    assert found["private_key"] == SecretFile(str(tmp_path / "snowflake.private_key"), b"")
    assert found["authenticator"] == "snowflake_jwt"


def test_the_token_of_a_container_inside_snowflake(tmp_path: Path) -> None:
    """With the host and the account that Snowflake sets, and no other way to log in."""
    token = tmp_path / "token"
    token.write_text("t")
    inside = {"SNOWFLAKE_ACCOUNT": "a", "SNOWFLAKE_HOST": "h"}
    found = from_environment(inside, Problems(), str(token))
    assert found == {
        "account": "a",
        "host": "h",
        "authenticator": "oauth",
        "token": SecretFile(str(token), b""),
    }
    for more in ({"SNOWFLAKE_USER": "u"}, {"SNOWFLAKE_PASSWORD": "p"}):
        assert "token" not in from_environment({**inside, **more}, Problems(), str(token))


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 70_000])
def test_a_secret_file_holds_a_secret(content: bytes, tmp_path: Path) -> None:
    """An empty one, or one that is no secret by its size, is told at the start."""
    (tmp_path / "pw").write_bytes(content)
    (line,) = connection(tmp_path, USER + f'password_file = "{tmp_path / "pw"}"')[:1]  # type: ignore[index]
    assert "is empty" in line or "is longer than 64 KiB" in line


def test_the_environment_replaces_a_secret_of_the_file(tmp_path: Path) -> None:
    """The nearer source wins, whichever way either gives the secret."""
    (tmp_path / "pw").write_text("old")
    table = USER + f'password_file = "{tmp_path / "pw"}"'
    found = connection(tmp_path, table, {"SNOWFLAKE_PASSWORD": "new"})
    assert isinstance(found, ConnectionSettings)
    assert found.parameters["password"] == Secret("new")


def test_the_table_of_methods_is_documented() -> None:
    """Each way to log in has its part in docs/authentication.md."""
    page = (Path(__file__).resolve().parents[3] / "docs" / "authentication.md").read_text()
    missing = [name for name in METHODS if f"`{name}`" not in page and name != "okta"]
    assert missing == []
