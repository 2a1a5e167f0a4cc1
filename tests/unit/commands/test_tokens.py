"""Making, listing and taking back tokens, without a server."""

import io
import tomllib
from pathlib import Path

import pytest

from snowflake_mcp.auth.caller import Unidentified
from snowflake_mcp.auth.token_file import read_tokens
from snowflake_mcp.auth.tokens import PREFIX, TokenTable
from snowflake_mcp.cli import main
from snowflake_mcp.commands.tokens import TokenCommand, TokenRequest, lifetime_s
from snowflake_mcp.parts import TokenOptions

NOW = 1_700_000_000.0
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz"


class Desk:
    """The command at a fixed time, and what it wrote."""

    def __init__(self, secret: str = "", known: list[str] | None = None) -> None:
        self.out, self.told = io.StringIO(), io.StringIO()
        self._command = TokenCommand(self.out, self.told, lambda: f"{secret}\n", lambda: NOW, known)

    def run(self, action: str, path: Path | None, **asked: str) -> str:
        """What came on standard output."""
        self.out.truncate(self.out.seek(0))
        self._command.run(TokenRequest(action, path, **asked))
        return self.out.getvalue()


def test_a_token_is_shown_once_and_counts(tmp_path: Path) -> None:
    """Standard output holds it alone, the file never."""
    path = tmp_path / "tokens.toml"
    desk = Desk()
    first = desk.run("new", path, principal="bi", expires="90d", note="for BI")
    second = desk.run("new", path, principal="bi")
    tokens = read_tokens(path)
    table = TokenTable(tokens)
    for shown, token in ((first, tokens[0]), (second, tokens[1])):
        assert shown == shown.strip() + "\n"
        assert table.check(shown.strip(), NOW) == token
        assert shown.strip().split("_", 2)[2] not in path.read_text() + desk.told.getvalue()
    assert tokens[0].expires == NOW + 90 * 86_400
    assert tokens[1].expires is None
    assert "reload" in desk.told.getvalue()


def test_a_token_is_taken_back(tmp_path: Path) -> None:
    """By its id; the others stay."""
    path = tmp_path / "tokens.toml"
    desk = Desk()
    gone, kept = (desk.run("new", path, principal="bi").strip() for _ in range(2))
    desk.run("revoke", path, token_id=gone.split("_")[1])
    table = TokenTable(read_tokens(path))
    assert table.check(kept, NOW).principal == "bi"
    with pytest.raises(Unidentified):
        table.check(gone, NOW)
    with pytest.raises(ValueError, match="no token of the id"):
        desk.run("revoke", path, token_id=gone.split("_")[1])


def test_the_list_has_no_hash(tmp_path: Path) -> None:
    """Ids, tables, times and notes, and which have expired."""
    path = tmp_path / "tokens.toml"
    desk = Desk()
    desk.run("new", path, principal="bi", expires="30m", note="for BI")
    text = path.read_text()
    path.write_text(text.replace("2023-11-14T22:43:20Z", "2023-11-14T22:13:20Z"))
    desk.run("new", path, principal="ana")
    (one, two) = desk.run("list", path).splitlines()
    assert "  bi  created 2023-11-14 22:13 UTC  expires 2023-11-14 22:13 UTC (expired)" in one
    assert one.endswith("  for BI")
    assert two.endswith("never expires")
    for token in read_tokens(path):
        assert token.digest.hex()[:12] not in one + two


def test_a_secret_of_one_s_own() -> None:
    """Its entry is printed; what is too short for a token is refused."""
    desk = Desk(SECRET)
    (entry,) = tomllib.loads(desk.run("hash", None, principal="bi", expires="never"))["tokens"]
    assert (entry["principal"], "expires" in entry) == ("bi", False)
    assert SECRET not in str(entry)
    assert f"{PREFIX}{entry['id']}_" in desk.told.getvalue()
    with pytest.raises(ValueError, match="32 to 512 characters"):
        Desk("secret").run("hash", None, principal="bi")


def test_a_table_that_is_not_there_is_noted(tmp_path: Path) -> None:
    """It may be written next."""
    desk = Desk(known=["ana"])
    desk.run("new", tmp_path / "t", principal="bi")
    assert "no [principals.bi] yet" in desk.told.getvalue()


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ({"principal": ""}, "--principal"),
        ({"principal": "bi", "expires": "90"}, "--expires"),
        ({"principal": "bi", "expires": "0d"}, "--expires"),
        ({"principal": "bi", "note": "a\nb"}, "--note"),
        ({"principal": "bi", "note": "x" * 201}, "--note"),
    ],
)
def test_what_cannot_be_a_token(tmp_path: Path, asked: dict[str, str], problem: str) -> None:
    """Nothing is written."""
    with pytest.raises(ValueError, match=problem):
        Desk().run("new", tmp_path / "t", **asked)
    assert not (tmp_path / "t").exists()
    with pytest.raises(ValueError, match="give --file"):
        Desk().run("new", None, principal="bi")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1_800), ("12h", 43_200), ("90d", 7_776_000), ("2w", 1_209_600), ("never", None)],
)
def test_lifetimes(text: str, seconds: float | None) -> None:
    """As people write them."""
    assert lifetime_s(text) == seconds


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file comes from the option or from the configuration, and the action is one of four."""
    path = tmp_path / "tokens.toml"
    config = tmp_path / "c.toml"
    config.write_text(f'[auth]\ntoken_file = "{path}"\n[principals.bi]\n')
    main(["token", "new", "--config", str(config), "--principal", "bi"])
    assert capsys.readouterr().out.startswith(PREFIX)
    main(["token", "list", "--file", str(path)])
    assert "  bi  " in capsys.readouterr().out
    options = TokenOptions()
    options.parseOptions(["revoke", "abcd", "--file", "x"])
    assert options.request == TokenRequest("revoke", Path("x"), token_id="abcd")
    for words in (["token", "dance"], ["token", "revoke"], ["token", "new", "--file", str(path)]):
        with pytest.raises(SystemExit, match=r"^snowflake-mcp: "):
            main(words)
