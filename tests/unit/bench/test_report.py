"""Tables of measurements, and the pages they are put into."""

import math
from pathlib import Path

import pytest

from bench.report import Table, Target, put, summarize


def a_table(title: str, number: float) -> Table:
    made = Table(title, "What it says.", ("what", "ms"))
    made.add("one", number)
    return made


def test_a_table_is_put_at_the_end_of_a_page(tmp_path: Path) -> None:
    """A page without its section keeps what it has, and a page that is not there is made."""
    page = tmp_path / "page.md"
    put(page, a_table("First", 1))
    put(page, a_table("Second", 2))
    text = page.read_text()
    assert text.startswith(f"{a_table('First', 1).heading}\n")
    assert text.count("Measured on ") == 2
    assert text.index("| one | 1 |") < text.index("| one | 2 |")


def test_a_page_says_how_it_was_measured(tmp_path: Path) -> None:
    """What is known of the moment stands with the machine, below the table."""
    page = tmp_path / "page.md"
    put(page, a_table("First", 1), " It was slow.")
    last = page.read_text().splitlines()[-1]
    assert last.startswith("Measured on ")
    assert last.endswith(". It was slow.")


def test_a_table_takes_the_place_of_its_section(tmp_path: Path) -> None:
    """Only the section of its title changes."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\nIntroduction.\n")
    for title, number in (("First", 1), ("Second", 2), ("Third", 3), ("Second", 4)):
        put(page, a_table(title, number))
    text = page.read_text()
    assert text.startswith("# Page\n\nIntroduction.\n")
    assert [line for line in text.splitlines() if line.startswith("| one")] == [
        "| one | 1 |",
        "| one | 4 |",
        "| one | 3 |",
    ]
    assert text.count("Measured on ") == 3


def test_the_older_connector_has_tables_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of one line never replace those of the other."""
    monkeypatch.setattr("bench.report.version", lambda _: "4.8.1")
    assert a_table("First", 1).heading == "## First (connector 4.8.1)"
    monkeypatch.setattr("bench.report.version", lambda _: "5.2.0")
    assert a_table("First", 1).heading == "## First"


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (Target("a", 5.999, 6), "**not met**: a: 5.99 (at least 6)"),
        (Target("a", 6.0, 6), "met: a: 6.00 (at least 6)"),
        (Target("a", 1.501, 1.5, " ms", at_most=True), "**not met**: a: 1.51 ms (at most 1.5 ms)"),
        (Target("a", 0.29, 1.5, " ms", at_most=True), "met: a: 0.29 ms (at most 1.5 ms)"),
        (Target("a", 5, 6, note="b: 7"), "**not met**: a: 5.00 (at least 6; b: 7)"),
        (Target("a", 6, 6, note="b: 7"), "met: a: 6.00 (at least 6)"),
        (Target("a", math.nan, 6), "**not met**: a: not measured (at least 6)"),
        (Target("a", math.nan, 6, at_most=True), "**not met**: a: not measured (at most 6)"),
    ],
)
def test_targets_are_rounded_against_us(target: Target, text: str) -> None:
    """What is not reached does not look as if it were."""
    assert str(target) == text


def test_targets_are_gathered_on_the_page(tmp_path: Path) -> None:
    """Each with where it comes from; gathering them again changes nothing."""
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n## Targets\n\nAll of them.\n\n## Last\n\nText.\n")
    table = a_table("Calls over HTTP/1.1", 1)
    table.targets += [Target("a", 1, 2), Target("b", 2, 2)]
    put(page, table)
    summarize(page)
    once = page.read_text()
    assert once.startswith(
        "# Page\n\n## Targets\n\nAll of them.\n\n"
        "- **not met**: a: 1.00 (at least 2) ([Calls over HTTP/1.1](#calls-over-http11))\n"
        "- met: b: 2.00 (at least 2) ([Calls over HTTP/1.1](#calls-over-http11))\n\n## Last\n"
    )
    summarize(page)
    assert page.read_text() == once
