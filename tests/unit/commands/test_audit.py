"""``snowflake-mcp audit``: verify and show, with exit statuses that a script can go by."""

from io import StringIO
from pathlib import Path

import pytest

from snowflake_mcp.cli import main as command
from snowflake_mcp.commands.audit import CANNOT, CHANGED, main
from snowflake_mcp.ops.chain import Sealer
from snowflake_mcp.ops.journal import Journal

KEY = b"k" * 32


def filled(folder: Path, key: bytes = b"") -> Path:
    path = folder / "audit.jsonl"
    now = iter(range(1_700_000_000, 1_800_000_000, 60))
    made = Journal(path, 0, 1, Sealer(key), lambda: float(next(now)))
    made.open()
    for principal, outcome in (("ann", "ok"), ("bob", "refused"), ("ann", "timeout")):
        made.write(
            "tools/call",
            {
                "principal": principal,
                "tool": "execute_query\x1b[2J",
                "outcome": outcome,
                "rows": 3,
                "queries": [{"id": "01b0", "state": "success"}],
                "objects": ["D.S.T"],
            },
        )
    made.close()
    return path


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    status = main(arguments, out, {})
    return status, out.getvalue()


def test_a_whole_chain_is_ok(tmp_path: Path) -> None:
    """Counts, span and the last hash, which may be compared with one kept elsewhere."""
    status, said = run("verify", str(filled(tmp_path)))
    assert status == 0
    assert said.startswith("ok: 3 records, 1 to 3, 2023-11-14T22:13:20.000Z to 2023-11-14T22:15:20")
    assert "have no key" in said


def test_a_key_is_taken_from_a_file(tmp_path: Path) -> None:
    """With the right one there is nothing to warn of; with another nothing fits."""
    path = filled(tmp_path, KEY)
    for key, status in ((KEY, 0), (b"x" * 32, CHANGED)):
        (tmp_path / "key").write_bytes(key)
        got, said = run("verify", "--key-file", str(tmp_path / "key"), str(path))
        assert (got, "have no key" in said) == (status, False)


def test_a_changed_record_is_named(tmp_path: Path) -> None:
    """Status 2, and the first line that does not fit."""
    path = filled(tmp_path)
    path.write_text(path.read_text().replace('"bob"', '"eve"'))
    status, said = run("verify", str(path))
    assert status == CHANGED
    assert said.startswith(f"BROKEN after 1 records: {path}, line 2: record 2 is not what was")


def test_without_files_the_configuration_names_them(tmp_path: Path) -> None:
    """The file of audit.file and what it was rotated to, with the key of audit.key_file."""
    path = filled(tmp_path, KEY)
    path.rename(tmp_path / "audit.jsonl.1")
    filled_again = Journal(path, 0, 1, Sealer(KEY), lambda: 1_700_001_000.0)
    filled_again.open()
    filled_again.write("server.stop", {})
    filled_again.close()
    (tmp_path / "key").write_bytes(KEY)
    config = tmp_path / "c.toml"
    config.write_text(f'[audit]\nfile = "{path}"\nkey_file = "{tmp_path / "key"}"\n')
    status, said = run("verify", "--config", str(config))
    assert (status, said[:27]) == (0, "ok: 4 records, 1 to 4, 2023")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "/nowhere/audit.jsonl"], "/nowhere/audit.jsonl: No such file or directory"),
        (["verify"], "audit.file is not set: name the files"),
        (["verify", "--key-file", "/nowhere/key", "x"], "the key: /nowhere/key cannot be read"),
        (["verify", "--config", "/nowhere/c.toml"], "/nowhere/c.toml: cannot be read"),
    ],
)
def test_what_cannot_be_checked_is_not_called_broken(arguments: list[str], said: str) -> None:
    """Status 1: the question was wrong, not the answer."""
    status, text = run(*arguments)
    assert status == CANNOT
    assert text.startswith(said)


def test_wrong_words_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Through the console command, with status 1."""
    with pytest.raises(SystemExit) as ended:
        command(["audit", "burn"])
    assert ended.value.code == CANNOT
    assert "invalid choice: 'burn'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ([], ["1", "2", "3"]),
        (["--principal", "ann"], ["1", "3"]),
        (["--outcome", "refused"], ["2"]),
        (["--since", "2023-11-14T22:14"], ["2", "3"]),
        (["--until", "2023-11-14T22:14"], ["1"]),
        (["--tool", "nothing"], []),
    ],
)
def test_records_are_shown_as_lines(tmp_path: Path, filters: list[str], numbers: list[str]) -> None:
    """Whom, when, what, how it ended; whatever a caller said does nothing to a terminal."""
    status, said = run("show", *filters, str(filled(tmp_path)))
    assert status == 0
    assert [line.split()[0] for line in said.splitlines()] == numbers
    assert "\x1b" not in said
    if not filters:
        assert "ann tools/call execute_query\\x1b[2J ok 3 rows 01b0 success D.S.T" in said


def test_whole_records_are_shown_as_json(tmp_path: Path) -> None:
    """For other programs, with their hashes."""
    _, said = run("show", "--json", "--principal", "bob", str(filled(tmp_path)))
    assert '"hash": "' in said
    assert len(said.splitlines()) == 1
