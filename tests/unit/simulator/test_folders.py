"""Data folders: which file becomes which table, and what is said of those that cannot."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.simulator.__main__ import parser
from snowflake_mcp.simulator.folders import BadFolder, find_files
from tests.unit.simulator.conftest import WAIT_S, Connect, serving

DOCS = Path(__file__).resolve().parents[3] / "docs" / "simulator.md"


def fill(folder: Path, files: dict[str, str | bytes]) -> Path:
    """Write the files; the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def refused(folder: Path) -> list[str]:
    """What the process says about a folder that it cannot use."""
    ended = subprocess.run(
        [sys.executable, "-m", "snowflake_mcp.simulator", "--stay", "--data", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WAIT_S,
        check=False,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    return [line.removeprefix(f"{folder}/") for line in ended.stderr.splitlines()]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A simulator with a folder of data."""
    events = '{"id":1,"tags":["a"],"o":{"x":1}}\n{"id":2,"big":12345678901234567890,"o":{"y":2}}\n'
    folder = fill(
        tmp_path_factory.mktemp("data"),
        {
            "orders.csv": 'id,name,Unit Price,born\n1,"B, ""x""",1.5,2020-01-02\n2,,,\n',
            "notes.txt": "no table",
            ".hidden.csv": "a\n1\n",
            "shop/select.tsv": "a\tb\n1\t2\n",
            "shop/sales/events.jsonl.gz": gzip.compress(events.encode()),
        },
    )
    import pyarrow as pa
    import pyarrow.parquet as pq

    exact = pa.array(["1.50"]).cast(pa.decimal128(5, 2))
    pq.write_table(pa.table({"d": exact, "l": [[1, 2]]}), folder / "shop/sales/odd.parquet")
    yield from serving("--data", str(folder))


@pytest.fixture
def data(port: int, connect: Connect) -> Any:
    """A cursor on the data."""
    return connect(port=port, database="DATA", schema="PUBLIC").cursor()


def test_files_become_tables(data: Any) -> None:
    """By their place; other files do not."""
    data.execute("show terse tables in account")
    tables = {(row[3], row[4], row[1]) for row in data.fetchall()}
    assert tables == {
        ("DATA", "PUBLIC", "ORDERS"),
        ("SHOP", "PUBLIC", "SELECT"),
        ("SHOP", "SALES", "EVENTS"),
        ("SHOP", "SALES", "ODD"),
    }


def test_values_and_names_survive(data: Any) -> None:
    """Quotes, NULLs, nested values and numbers beyond 64 bits."""
    rows = data.execute('select id, name, "Unit Price", born::text from orders').fetchall()
    assert rows == [(1, 'B, "x"', 1.5, "2020-01-02"), (2, None, None, None)]
    assert data.execute('select * from shop.public."SELECT"').fetchall() == [(1, 2)]
    rows = data.execute("select big::text, o:x, tags[0] from shop.sales.events").fetchall()
    assert rows == [(None, "1", '"a"'), ("12345678901234567890", None, None)]
    described = data.execute("describe table shop.sales.odd").fetchall()
    assert [row[:2] for row in described] == [("D", "NUMBER(5,2)"), ("L", "ARRAY")]


def test_files_are_out_of_reach_afterwards(data: Any, tmp_path: Path) -> None:
    """The folder was read before the door was locked."""
    import snowflake.connector

    fill(tmp_path, {"late.csv": "sesame\n1\n"})
    with pytest.raises(snowflake.connector.errors.ProgrammingError):
        data.execute(f"select * from read_csv('{tmp_path}/late.csv')")


def test_every_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One line for each, with the path and the reason."""
    fill(
        tmp_path,
        {
            "uneven.csv": "a,b\n1,2\n3,4,5\n",
            "empty.csv": "",
            "latin.csv": b"a\n\xe9t\xe9\n",
            "cut.jsonl": '{"a":1}\n{"a":\n',
            "plain.jsonl.gz": '{"a":1}\n',
            "no.parquet": "nothing of the kind",
        },
    )
    problems = dict(line.split(": ", 1) for line in refused(tmp_path))
    assert list(problems) == [
        "cut.jsonl",
        "empty.csv",
        "latin.csv",
        "no.parquet",
        "plain.jsonl.gz",
        "uneven.csv",
    ]
    assert problems["uneven.csv"].startswith("not every line has as many values as the first")
    assert problems["empty.csv"] == "the file is empty"
    assert "utf-8" in problems["latin.csv"]


def test_names_and_places_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    """Names, doubles, depth: all problems at once."""
    folder = fill(
        tmp_path,
        {
            "a.csv": "x\n1\n",
            "A.jsonl": "{}\n",
            "two words.csv": "x\n1\n",
            "1/t.csv": "x\n1\n",
            "d/s/deeper/t.csv": "x\n1\n",
        },
    )
    with pytest.raises(BadFolder) as bad:
        find_files(folder)
    told = [problem.removeprefix(f"{folder}/") for problem in bad.value.problems]
    assert [problem.split(": ")[0] for problem in told] == [
        "d/s/deeper",
        "1/t.csv",
        "a.csv",
        "two words.csv",
    ]
    assert "'two words' is no name" in told[3]
    assert told[2].endswith('A.jsonl is "DATA"."PUBLIC"."A" already')


def test_a_folder_without_data_is_told(tmp_path: Path) -> None:
    """Empty, or not there."""
    assert "there is no file .csv" in refused(tmp_path)[0]
    assert refused(tmp_path / "nowhere") == [f"{tmp_path}/nowhere: No such file or directory"]


def test_every_option_is_documented() -> None:
    """Each has a row in the table, with its default if that is a number or a name."""
    text = DOCS.read_text()
    for action in parser()._actions:
        if action.dest == "help":
            continue
        name = action.option_strings[0]
        rows = [line for line in text.splitlines() if line.startswith(f"| `{name}")]
        assert len(rows) == 1, name
        if action.default not in (None, False):
            assert rows[0].endswith(f"| {action.default} |")


def test_an_address_in_use_is_told(port: int) -> None:
    """One sentence and status 1."""
    ended = subprocess.run(
        [sys.executable, "-m", "snowflake_mcp.simulator", "--stay", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WAIT_S,
        check=False,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"
