"""Each way of logging in, from the file of connections to an endpoint that checks."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jwt
import pytest

from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.protocol.errors import Family
from snowflake_mcp.warehouse import connect
from snowflake_mcp.warehouse.connect import Bounds
from snowflake_mcp.warehouse.credentials import SettingsAccount
from snowflake_mcp.warehouse.errors import classify
from tests.support import keys
from tests.support.identity import Identity, browsing, identity
from tests.unit.simulator.conftest import WAIT_S, ready_port, start_simulator
from tests.unit.warehouse.waiting import async_test

BOUNDS = Bounds(login_s=10, statement_s=10)
LOGINS = """
[users.plain]
password = "hunter2"
roles = ["READER"]

[users.careful]
password = "hunter2"
passcode = "123456"

[users.key]
public_keys = [{first}, {second}]

[users.curve]
public_keys = [{curve}]

[users.token]
access_tokens = ["pat-1"]
oauth_tokens = ["oauth-1"]
expired_oauth_tokens = ["oauth-0"]

[users.workload]
assertions = [{oidc}]

[users.person]
assertions = ["assertion-1"]

[users.locked]
password = "hunter2"
locked = true

[users.disabled]
password = "hunter2"
disabled = true

[users.outside]
password = "hunter2"
outside = true
"""


@dataclass(frozen=True)
class Place:
    """A strict endpoint and a folder with credentials."""

    port: int
    folder: Path

    def connection(self, table: str, environ: dict[str, str] | None = None) -> SettingsAccount:
        """The account of a connection table; ``FOLDER`` in it is where the credentials are."""
        path = self.folder / "config.toml"
        path.write_text(
            f'[connections.c]\naccount = "acme"\nhost = "127.0.0.1"\nport = {self.port}\n'
            f'protocol = "http"\n{table.replace("FOLDER", str(self.folder))}'
        )
        return SettingsAccount(load(Flags(config=str(path)), environ or {}).connection)

    async def log_in(self, table: str, environ: dict[str, str] | None = None) -> None:
        """Log in and out; raises what the driver raises."""
        parameters = await self.connection(table, environ).parameters()
        connection = connect.open_session(parameters, BOUNDS)
        assert connect.is_alive(connection)
        connect.close(connection)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A simulator that lets in only those of a list."""
    folder = tmp_path_factory.mktemp("logins")
    curve = keys.elliptic_pem()
    logins = LOGINS.format(
        first=json.dumps(keys.public_pem(1).decode()),
        second=json.dumps(keys.public_pem(2).decode()),
        oidc=json.dumps(OIDC),
        curve=json.dumps(keys.public_of(curve).decode()),
    )
    (folder / "logins.toml").write_text(logins)
    (folder / "key.pem").write_bytes(keys.pem())
    (folder / "second.pem").write_bytes(keys.pem(2))
    (folder / "foreign.pem").write_bytes(keys.pem(3))
    (folder / "curve.pem").write_bytes(curve)
    (folder / "key.der").write_bytes(keys.der())
    (folder / "sealed.pem").write_bytes(keys.pem(password="pw"))
    (folder / "pw").write_text("pw\n")
    (folder / "hunter2").write_text("hunter2\n")
    (folder / "pat").write_text("pat-1\n")
    (folder / "oidc").write_text(OIDC)
    (folder / "oauth").write_text("oauth-1\n")
    process = start_simulator("--logins", str(folder / "logins.toml"))
    try:
        yield Place(ready_port(process), folder)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(WAIT_S)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module", autouse=True)
def stored_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the connector stores tokens; 5 asks for it only once in a process."""
    folder = tmp_path_factory.mktemp("stored")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SF_TEMPORARY_CREDENTIAL_CACHE_DIR", str(folder))
        # Otherwise 5 shows the identity of a workload to Snowflake's own hosts only.
        patch.setenv("SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES", "127.0.0.1")
        yield folder


OIDC = jwt.encode({"iss": "https://idp.test", "sub": "w", "exp": 4_102_444_800}, "k" * 32)

OK = [
    'user = "plain"\npassword = "hunter2"',
    'user = "plain"\npassword_file = "FOLDER/hunter2"\nrole = "READER"',
    'user = "careful"\npassword = "hunter2"\npasscode = "123456"',
    'user = "careful"\npassword = "hunter2123456"\npasscode_in_password = true',
    (
        'user = "careful"\npassword = "hunter2"\npasscode = "123456"\n'
        'authenticator = "username_password_mfa"\nclient_request_mfa_token = false'
    ),
    'user = "key"\nprivate_key_file = "FOLDER/key.pem"',
    'user = "key"\nprivate_key_file = "FOLDER/second.pem"',
    'user = "key"\nprivate_key_file = "FOLDER/key.der"',
    'user = "key"\nprivate_key_file = "FOLDER/sealed.pem"\nprivate_key_password = "pw"',
    'user = "key"\nprivate_key_path = "FOLDER/sealed.pem"\nprivate_key_passphrase_file="FOLDER/pw"',
    f'user = "key"\nprivate_key = "{base64.b64encode(keys.der()).decode()}"',
    'user = "curve"\nprivate_key_file = "FOLDER/curve.pem"',
    'user = "token"\ntoken_file = "FOLDER/pat"\nauthenticator = "programmatic_access_token"',
    'user = "token"\npassword_file = "FOLDER/pat"',
    'token_file_path = "FOLDER/oauth"\nauthenticator = "oauth"',
    'user = "token"\ntoken = "oauth-1"\nauthenticator = "OAUTH"',
    (
        'authenticator = "workload_identity"\nworkload_identity_provider = "OIDC"\n'
        'token_file = "FOLDER/oidc"'
    ),
]


@async_test
@pytest.mark.parametrize("table", OK)
async def test_a_way_in(table: str, place: Place) -> None:
    """What the endpoint knows is let in, wherever its secret was written."""
    await place.log_in(table)


REFUSED = [
    ('user = "plain"\npassword = "wrong"', 390100),
    ('user = "nobody"\npassword = "hunter2"', 390100),
    ('user = "locked"\npassword = "hunter2"', 390102),
    ('user = "disabled"\npassword = "hunter2"', 390101),
    ('user = "outside"\npassword = "hunter2"', 390422),
    ('user = "plain"\npassword = "hunter2"\nrole = "OWNER"', 390189),
    ('user = "careful"\npassword = "hunter2"\npasscode = "654321"', 394507),
    ('user = "careful"\npassword = "hunter2"', 394508),
    ('user = "key"\nprivate_key_file = "FOLDER/foreign.pem"', 390144),
    ('user = "token"\ntoken = "pat-0"\nauthenticator = "programmatic_access_token"', 394400),
    ('user = "token"\ntoken = "oauth-0"\nauthenticator = "oauth"', 390318),
    ('user = "token"\ntoken = "else"\nauthenticator = "oauth"', 390303),
]


@async_test
@pytest.mark.parametrize(("table", "errno"), REFUSED)
async def test_no_way_in(table: str, errno: int, place: Place) -> None:
    """A refusal is told as the server's own trouble, with its number and without any secret."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of several classes, by its number
        await place.log_in(table)
    trouble = classify(caught.value, "login")
    assert (trouble.family, trouble.errno, trouble.retryable) == (Family.AUTH, errno, False)
    for secret in ("hunter2", "654321", "pat-0", "oauth-0", "PRIVATE"):
        assert secret not in f"{trouble.message} {trouble.hint} {caught.value}"


@async_test
async def test_systemd_credentials_let_in(place: Place, tmp_path: Path) -> None:
    """A credential that is called after a secret needs no further setting."""
    (tmp_path / "snowflake.private_key").write_bytes(keys.pem(password="pw"))
    (tmp_path / "snowflake.private_key_password").write_text("pw\n")
    await place.log_in('user = "key"', {"CREDENTIALS_DIRECTORY": str(tmp_path)})


@async_test
async def test_a_rotated_secret_is_read_at_the_next_login(place: Place, tmp_path: Path) -> None:
    """Replacing a file is enough; nothing is restarted or read ahead."""
    token = tmp_path / "token"
    token.write_text("oauth-1")
    account = place.connection(f'token_file = "{token}"\nauthenticator = "oauth"')
    connect.close(connect.open_session(await account.parameters(), BOUNDS))
    token.write_text("oauth-0")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - of several classes, by its number
        connect.open_session(await account.parameters(), BOUNDS)
    assert classify(caught.value, "login").errno == 390318


@async_test
async def test_a_stored_second_factor_is_not_asked_for_again(place: Place, stored_in: Path) -> None:
    """With the token of the first login kept by the connector, the next needs no passcode."""
    mfa = 'user = "careful"\npassword = "hunter2"\nauthenticator = "username_password_mfa"\n'
    await place.log_in(mfa + 'passcode = "123456"')
    await place.log_in(mfa)
    assert modes(stored_in) == {"0o600"}


def modes(folder: Path) -> set[str]:
    """The modes of the files that the connector stores tokens in."""
    return {oct(path.stat().st_mode & 0o777) for path in folder.rglob("*json*")}


@pytest.fixture
def provider(place: Place) -> Iterator[tuple[Identity, Place]]:
    """An identity provider, and the same endpoint behind it."""
    with identity(place.port) as one:
        yield one, Place(one.port, place.folder)


@async_test
async def test_oauth_client_credentials(provider: tuple[Identity, Place]) -> None:
    """The driver gets its token with the client's secret, from a file, for the role's scope."""
    one, place = provider
    (place.folder / "secret").write_text("s3cret\n")
    await place.log_in(
        'authenticator = "oauth_client_credentials"\noauth_client_id = "client"\n'
        'oauth_client_secret_file = "FOLDER/secret"\nuser = "token"\n'
        f'oauth_token_request_url = "{one.address}/oauth/token"\noauth_scope = "session:role:R"\n'
        "oauth_credentials_in_body = true"
    )
    (form,) = one.forms
    assert form["grant_type"] == ["client_credentials"]
    assert (form["client_secret"], form["scope"]) == (["s3cret"], ["session:role:R"])


@async_test
async def test_oauth_in_a_browser(
    provider: tuple[Identity, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person's browser comes back with a code, which the driver changes for a token."""
    browsing(monkeypatch, tmp_path)
    one, place = provider
    await place.log_in(
        'authenticator = "oauth_authorization_code"\noauth_client_id = "client"\n'
        'oauth_client_secret = "s3cret"\nuser = "token"\n'
        f'oauth_authorization_url = "{one.page}/oauth/authorize"\n'
        f'oauth_token_request_url = "{one.address}/oauth/token"'
    )
    assert one.seen == ["/oauth/authorize", "/oauth/token"]
    (form,) = one.forms
    assert (form["grant_type"], form["code"]) == (["authorization_code"], ["c-1"])
    assert form["code_verifier"]


@async_test
async def test_single_sign_on_in_a_browser(
    provider: tuple[Identity, Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second login uses the stored token, and opens no browser."""
    browsing(monkeypatch, tmp_path)
    one, place = provider
    table = 'authenticator = "externalbrowser"\nuser = "person"'
    await place.log_in(table)
    assert one.seen == ["/session/authenticator-request", "/sso"]
    await place.log_in(table)
    assert one.seen.count("/sso") == 1
