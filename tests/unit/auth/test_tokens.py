"""Static tokens: their form, their check, their file."""

import hmac
import os
import stat
from pathlib import Path

import pytest

from snowflake_mcp.auth import tokens
from snowflake_mcp.auth.caller import Unidentified
from snowflake_mcp.auth.token_file import TokenFileError, entry_text, read_tokens, write_tokens
from snowflake_mcp.auth.tokens import Token, TokenTable, bearer_of, digest_of, new_id, new_secret

NOW = 1_000.0


def made(**changes: object) -> tuple[Token, str]:
    """A token and what its client sends."""
    secret = new_secret()
    fields = {"id": new_id(), "principal": "bi", "digest": digest_of(secret), "created": 10.0}
    token = Token(**{**fields, **changes})  # type: ignore[arg-type]  # the test says which
    return token, bearer_of(token.id, secret)


def test_each_token_of_a_principal_counts() -> None:
    """So that one can be made before the other is taken back."""
    (one, first), (two, second) = made(), made()
    table = TokenTable([one, two])
    assert table.check(first, NOW) is one
    assert table.check(second, NOW) is two
    assert first.startswith(tokens.PREFIX)


def test_a_token_ends_when_it_says() -> None:
    """At that second, not after it."""
    token, bearer = made(expires=NOW)
    table = TokenTable([token])
    assert table.check(bearer, NOW - 0.001) is token
    with pytest.raises(Unidentified, match="expired") as caught:
        table.check(bearer, NOW)
    assert (caught.value.status, caught.value.error) == (401, "invalid_token")
    assert table.still(token.id, token.digest, NOW - 0.001)
    assert not table.still(token.id, token.digest, NOW)


def test_what_is_not_known_is_told_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown id costs one hash and one comparison like a wrong secret, and says the same."""
    work: list[str] = []
    compare, hashed = hmac.compare_digest, tokens.digest_of

    def hash_one(secret: str) -> bytes:
        work.append("hash")
        return hashed(secret)

    def compare_two(one: bytes, two: bytes) -> bool:
        work.append("compare")
        return compare(one, two)

    monkeypatch.setattr(tokens, "digest_of", hash_one)
    monkeypatch.setattr(hmac, "compare_digest", compare_two)
    token, bearer = made(expires=1.0)
    table = TokenTable([token])
    said = set()
    for wrong in (bearer + "x", bearer_of("0000", "y"), bearer_of(token.id, ""), "", "smcp_"):
        with pytest.raises(Unidentified) as caught:
            table.check(wrong, NOW)
        said.add((caught.value.code, str(caught.value)))
        assert work == ["hash", "compare"]
        work.clear()
    assert said == {("invalid_token", "The token is not known.")}


@pytest.mark.parametrize(
    ("secret", "why"),
    [("short", "characters"), ("a" * 40, "random"), ("x y" * 20, "letters"), (new_secret(), "")],
)
def test_a_secret_that_somebody_brings(secret: str, why: str) -> None:
    """Long enough, of what a header may hold, and not one letter over and over."""
    assert why in tokens.weakness(secret)
    assert bool(tokens.weakness(secret)) == bool(why)


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    """Times to the second; nobody but the owner may read it, and it holds no token."""
    path = tmp_path / "tokens.toml"
    (one, bearer), (two, _) = made(expires=5_000.0, note='for "BI" \\ é'), made(principal="a.b@c")
    write_tokens(path, [one, two])
    assert read_tokens(path) == [one, two]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert bearer.split("_", 2)[2] not in path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.toml"]


def test_a_file_that_cannot_be_written_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one takes its name only when it is complete."""
    path = tmp_path / "tokens.toml"
    token, _ = made()
    write_tokens(path, [token])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_tokens(path, [])
    assert read_tokens(path) == [token]
    assert [each.name for each in tmp_path.iterdir()] == ["tokens.toml"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("sha256:", "md5:"), "hash is"),
        (('id = "', 'id = "A'), "id has 4 to 32"),
        (('principal = "bi"', 'principal = ""'), "names a table"),
        (("created = ", 'created = "x" #'), "created is a time"),
        (("created = ", "made = "), "not known: 'made'"),
        (("[[tokens]]", "[[token]]"), "nothing else"),
        (("[[tokens]]", "[[tokens]"), "not valid TOML"),
        (("created = ", "# created = "), "created is missing"),
        (("principal = ", "note = 1\nprincipal = "), "note is a text"),
    ],
)
def test_an_entry_that_cannot_be_used_is_told_without_its_hash(
    tmp_path: Path, change: tuple[str, str], problem: str
) -> None:
    """By file and number."""
    path = tmp_path / "tokens.toml"
    token, _ = made()
    path.write_text(entry_text(token).replace(*change))
    with pytest.raises(TokenFileError, match=problem) as caught:
        read_tokens(path)
    assert token.digest.hex()[:20] not in str(caught.value)


def test_files_that_are_no_token_files(tmp_path: Path) -> None:
    """Missing, doubled ids, far too large."""
    path = tmp_path / "tokens.toml"
    with pytest.raises(TokenFileError, match="No such file"):
        read_tokens(path)
    token, _ = made()
    path.write_text(entry_text(token) * 2)
    with pytest.raises(TokenFileError, match="an id twice"):
        read_tokens(path)
    path.write_bytes(b"#" * (1 << 20) + b"#")
    with pytest.raises(TokenFileError, match="larger"):
        read_tokens(path)


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    """Whatever zone the server stands in."""
    path = tmp_path / "tokens.toml"
    token, _ = made(expires=86_400.0)
    path.write_text(entry_text(token).replace("Z\n", "\n"))
    assert read_tokens(path)[0].expires == 86_400.0
