"""Which cases are measured, and what becomes of one that fails."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import growth
from bench.report import Table, Target


def one() -> Iterator[Table]:
    table = Table("One", "Text.", ("what", "ms"))
    table.targets.append(Target("a", 1, 2))
    yield table


def failing() -> Iterator[Table]:
    yield Table("Begun", "Text.", ("what", "ms"))
    raise RuntimeError("it broke")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, failing: bench.Case = failing) -> None:
    monkeypatch.setattr(bench, "_WITH_TARGETS", {"failing": failing, "one": one})
    monkeypatch.setattr(bench, "_GROWTH", "one")
    monkeypatch.setattr(bench, "end_on_sigterm", lambda: None)
    monkeypatch.setattr(growth, "measure", lambda *_: one())
    # pytest-timeout has the alarm for itself.
    monkeypatch.setattr(signal, "alarm", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["bench", *arguments])
    bench.main()


@pytest.mark.parametrize("way", [["one"], ["--only", "one"]])
def test_one_case_is_written_into_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: list[str]
) -> None:
    """With its targets gathered, and nothing else."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n## Targets\n\nAll of them.\n")
    run(monkeypatch, *way, "--write", str(page))
    text = page.read_text()
    assert text.count("- **not met**: a: 1.00 (at least 2)") == 2
    assert "Begun" not in text


def test_a_case_that_fails_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What it had is printed, the rest is measured, and the status says it."""
    with pytest.raises(SystemExit, match="failed: failing"):
        run(monkeypatch)
    printed = capsys.readouterr()
    assert "## Begun" in printed.out
    assert "## One" in printed.out
    assert "it broke" in printed.err


def test_an_unknown_case_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is measured."""
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, "nothing")


def test_a_run_ends_by_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What lasts too long is left out with all that would follow, and the status says so."""

    def late() -> Iterator[Table]:
        signal.raise_signal(signal.SIGALRM)
        yield Table("Never", "Text.", ("what", "ms"))

    before = signal.getsignal(signal.SIGALRM)
    try:
        with pytest.raises(SystemExit, match="124"):
            run(monkeypatch, "one", "failing", failing=late)
    finally:
        signal.signal(signal.SIGALRM, before)
    printed = capsys.readouterr()
    assert "## One" in printed.out
    assert "not done within 25 min" in printed.err
