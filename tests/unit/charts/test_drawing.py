"""The drawing child: what it draws, and what it can no longer do once it draws."""

import base64
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from snowflake_mcp.charts.lines import Answer, Field, Kind, Look, Question, Ready

LOOK = Look(800, 500, 8, 20)
MEMORY = str(1 << 30)
MODULE = ("-m", "snowflake_mcp.charts.child")
FIELDS = [Field("T", "date"), Field("N", "number"), Field("C", "text")]
ROWS: list[list[Any]] = [
    [f"2026-{month:02d}-01", month * value, name]
    for month in range(1, 13)
    for value, name in ((1, "web"), (20.5, "$app$ \\alpha"), (300, "東京 \u202e<b>"))
]
KINDS: list[tuple[Kind, int, list[int], int | None]] = [
    ("line", 0, [1], 2),
    ("line", 2, [1], None),
    ("bar", 2, [1], None),
    ("bar", 0, [1], 2),
    ("scatter", 1, [1], 2),
    ("histogram", 1, [], None),
    ("histogram", 0, [], None),
    ("heatmap", 2, [0], 1),
]

WITHOUT_WRITING_AND_EXECUTING = """
import ctypes, runpy, sys
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0
sys.argv = [sys.argv[0], *sys.argv[1:]]
runpy.run_module("snowflake_mcp.charts.child", run_name="__main__")
"""
"""PR_SET_MDWE: what MemoryDenyWriteExecute of systemd does, from kernel 6.3 on."""


class Child:
    """A child on two pipes."""

    def __init__(self, folder: Path, *command: str) -> None:
        environ = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(folder)}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-s", *(command or MODULE), MEMORY, "10"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environ,
        )
        self.line()

    def line(self) -> Any:
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        assert self.process.stderr is not None
        assert text, self.process.stderr.read().decode()
        return msgspec.json.decode(text, type=Ready | Answer)

    def ask(self, question: Question) -> Answer:
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(question) + b"\n")
        self.process.stdin.flush()
        answer = self.line()
        assert isinstance(answer, Answer)
        assert answer.number == question.number
        return answer

    def end(self) -> int:
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()
        return self.process.wait(10)


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """One for all tests here: it starts for half a second."""
    started = Child(tmp_path_factory.mktemp("charts"))
    yield started
    assert started.end() == 0


def question(kind: Kind, x: int, y: list[int], color: int | None, **more: Any) -> Question:
    return Question(7, kind, more.pop("look", LOOK), FIELDS, x, y, color, ROWS, **more)


def size(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


@pytest.mark.parametrize("log", ["", "y"])
@pytest.mark.parametrize(("kind", "x", "y", "color"), KINDS)
def test_every_kind_is_drawn_twice_alike(
    child: Child, kind: Kind, x: int, y: list[int], color: int | None, log: str
) -> None:
    """The same data is the same picture, with no trace of when and where it was made."""
    asked = question(kind, x, y, color, title="$\\frac{$ <b>&amp;", log=log)
    first, second = child.ask(asked), child.ask(asked)
    assert first == second
    assert (first.problem, first.facts is None) == ("", False)
    png = base64.b64decode(first.png)
    assert size(png) == (800, 500)
    assert b"tEXt" not in png
    assert b"tIME" not in png


def test_the_size_is_that_of_the_settings(child: Child) -> None:
    """In pixels."""
    answer = child.ask(question("line", 0, [1], 2, look=Look(300, 200, 2, 2)))
    assert size(base64.b64decode(answer.png)) == (300, 200)


def test_data_that_no_axis_can_hold_ends_no_child(child: Child) -> None:
    """Whatever comes, there is an answer, and the next picture is drawn."""
    huge = [["2026-01-01", "9e299", "a"], ["0001-01-01", "-9e299", "b"], ["9999-12-31", 5e-324, ""]]
    for number, (kind, x, y, color) in enumerate(KINDS):
        for rows in (huge, [], [[None, None, None]], [["x", [1], {"a": 2}]]):
            log = "xy" if number % 2 else ""
            answer = child.ask(Question(7, kind, LOOK, FIELDS, x, y, color, rows, "", log))
            assert answer.png or not answer.facts or not answer.facts.points
            assert not answer.problem or "SQL" in answer.problem or kind == "histogram", answer
    assert child.ask(question("line", 0, [1], 2)).png


def test_a_warm_child_can_open_nothing(child: Child) -> None:
    """Neither a file nor a socket, nor make a file longer; its memory and cores are bounded."""
    pid = child.process.pid
    child.ask(question("line", 0, [1], 2))
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (1 << 30, 1 << 30)
    assert 0 < resource.prlimit(pid, resource.RLIMIT_CPU)[0] < 60
    assert len(os.listdir(f"/proc/{pid}/task")) == 1  # noqa: PTH208 - of another process


def test_it_draws_where_no_memory_may_be_written_and_executed(child: Child, tmp_path: Path) -> None:
    """As under MemoryDenyWriteExecute of systemd, with the same picture."""
    strict = Child(tmp_path, "-c", WITHOUT_WRITING_AND_EXECUTING)
    asked = question("line", 0, [1], 2)
    assert strict.ask(asked).png == child.ask(asked).png
    assert strict.end() == 0


def test_settings_that_somebody_left_do_not_count(child: Child, tmp_path: Path) -> None:
    """Neither those in the folder where the server stands nor those of its user."""
    (tmp_path / "matplotlibrc").write_text("figure.facecolor: black\nfont.size: 40\n")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        other = Child(Path(tempfile.gettempdir()))
    finally:
        os.chdir(before)
    asked = question("line", 0, [1], 2)
    assert other.ask(asked).png == child.ask(asked).png
    assert other.end() == 0


def test_nothing_stays_behind_and_seconds_are_counted(tmp_path: Path) -> None:
    """The library's folder is gone before the first picture; each has its seconds of processor.

    The kernel counts them, so that a child whose server has gone ends all the same.
    """
    started = Child(tmp_path)
    assert list(tmp_path.iterdir()) == []
    pid = started.process.pid
    assert os.readlink(f"/proc/{pid}/cwd") == "/"  # noqa: PTH115 - of another process
    unbounded = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert resource.prlimit(pid, resource.RLIMIT_CPU) == unbounded
    started.ask(question("bar", 2, [1], None))
    soft, _ = resource.prlimit(pid, resource.RLIMIT_CPU)
    assert 11 <= soft <= 25
    assert started.end() == 0


def test_the_lines_are_json() -> None:
    """What the server writes is what the child reads, with rows that a worker has encoded."""
    asked = msgspec.structs.replace(question("line", 0, [1], 2), rows=msgspec.Raw(b"[[1,2,3]]"))
    assert json.loads(msgspec.json.encode(asked))["rows"] == [[1, 2, 3]]
