"""The list of logins: what it may say, and the token checks that no connector gets wrong."""

from pathlib import Path
from typing import Any

import jwt
import pytest

from snowflake_mcp.simulator.credentials import BadLogins, Logins, read_logins
from snowflake_mcp.simulator.failures import StatementFailed
from tests.support import keys

NOW = 1_800_000_000.0


def logins(tmp_path: Path, text: str) -> Logins:
    path = tmp_path / "logins.toml"
    path.write_text(text)
    return read_logins(path, lambda: NOW)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "has no [users.NAME]"),
        ("[users", "cannot be read: TOMLDecodeError"),
        ('[users.a]\npasword = "x"', "users.a.pasword is unknown or of the wrong type"),
        ("[users.a]\npassword = 1", "users.a.password is unknown or of the wrong type"),
        ('[users.a]\npublic_keys = ["x"]', "users.a.public_keys has one that is no PEM"),
    ],
)
def test_a_list_that_cannot_be_used(text: str, why: str, tmp_path: Path) -> None:
    """A mistake in it would let a test pass that tries nothing."""
    with pytest.raises(BadLogins) as caught:
        logins(tmp_path, text)
    assert str(caught.value).endswith(why)


def test_a_list_that_is_not_there(tmp_path: Path) -> None:
    """It is not taken for an empty one."""
    with pytest.raises(BadLogins, match="FileNotFoundError"):
        read_logins(tmp_path / "none", lambda: NOW)


def signed(key: int = 1, **claims: Any) -> dict[str, Any]:
    """A login with a token of that key."""
    pem = keys.public_pem(1).decode()
    said = {
        "iss": f"ACME.KEY.{keys.fingerprint(pem.encode())}",
        "sub": "ACME.KEY",
        "iat": NOW,
        "exp": NOW + 60,
        **claims,
    }
    said = {name: value for name, value in said.items() if value is not None}
    token = jwt.encode(said, keys.pem(key).decode(), "RS256")
    return {
        "AUTHENTICATOR": "SNOWFLAKE_JWT",
        "ACCOUNT_NAME": "acme.eu-central-1",
        "LOGIN_NAME": "key",
        "TOKEN": token,
    }


@pytest.mark.parametrize(
    ("login", "ok"),
    [
        (signed(), True),
        (signed(iat=NOW + 30), True),
        (signed(2), False),
        (signed(exp=NOW), False),
        (signed(exp=NOW + 7_200), False),
        (signed(iat=NOW + 120, exp=NOW + 180), False),
        (signed(iss="ACME.KEY.SHA256:x"), False),
        (signed(sub="ACME.OTHER"), False),
        (signed(sub=None), False),
        (signed() | {"LOGIN_NAME": "other"}, False),
        (signed() | {"TOKEN": "x.y.z"}, False),
        (signed() | {"TOKEN": jwt.encode({"iss": "x"}, "k" * 32, "HS256")}, False),
    ],
)
def test_signed_tokens(login: dict[str, Any], ok: bool, tmp_path: Path) -> None:
    """Signature, issuer with fingerprint, subject and times all count."""
    desk = logins(tmp_path, f"[users.key]\npublic_keys = ['''{keys.public_pem(1).decode()}''']")
    if ok:
        assert desk.check(login, None) == {}
        return
    with pytest.raises(StatementFailed) as caught:
        desk.check(login, None)
    assert caught.value.code == "390144"


def test_a_token_to_keep_is_one_users(tmp_path: Path) -> None:
    """What was given to one user for the second factor serves nobody else."""
    user = 'password = "p"\npasscode = "123456"\n'
    desk = logins(tmp_path, f"[users.ann]\n{user}[users.bob]\n{user}")
    wish = {"CLIENT_REQUEST_MFA_TOKEN": True}
    ann = {"LOGIN_NAME": "ann", "PASSWORD": "p"}
    kept = desk.check({**ann, "PASSCODE": "123456", "SESSION_PARAMETERS": wish}, None)
    assert desk.check({**ann, "TOKEN": kept["mfaToken"]}, None) == {}
    with pytest.raises(StatementFailed, match="394508"):
        desk.check({**ann, "LOGIN_NAME": "bob", "TOKEN": kept["mfaToken"]}, None)
