"""Tables in markdown, and what machine they were made on."""

import math
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

__all__ = ["Table", "Target", "machine", "percentile", "put", "summarize"]

_TARGETS = "Targets:"
_SUMMARY = "## Targets"
_PACKAGES = ("twisted", "autobahn", "snowflake-connector-python", "fakesnow", "duckdb", "pyarrow")


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` percent do not exceed, not interpolated; of none, NaN."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)]


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure is to reach, and whether it does; never rounded in its favour."""

    text: str
    figure: float
    bound: float
    unit: str = ""
    at_most: bool = False
    note: str = ""
    """What else to know of it; of one that is not met, why."""

    @property
    def met(self) -> bool:
        """Whether the figure reaches the bound; what was not measured does not."""
        return self.figure <= self.bound if self.at_most else self.figure >= self.bound

    def __str__(self) -> str:
        away = math.ceil if self.at_most else math.floor
        shown = "not measured"
        if not math.isnan(self.figure):
            # As far as six digits reach, it is the figure itself that is rounded.
            shown = f"{away(round(self.figure * 100, 4)) / 100:,.2f}{self.unit}"
        way = "at most" if self.at_most else "at least"
        verdict = "met" if self.met else "**not met**"
        note = f"; {self.note}" if self.note and not self.met else ""
        return f"{verdict}: {self.text}: {shown} ({way} {self.bound:g}{self.unit}{note})"


@dataclass(slots=True)
class Table:
    """One measurement: what was done, and rows of numbers."""

    title: str
    text: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def add(self, label: str, *numbers: float) -> None:
        """Add a row; numbers are shortened to what is worth reading."""
        self.rows.append((label, *map(_short, numbers)))

    @property
    def heading(self) -> str:
        """The title, and the connector's line where that is not the primary one."""
        line = version("snowflake-connector-python")
        return f"## {self.title}" + (f" (connector {line})" if line.startswith("4.") else "")

    def __str__(self) -> str:
        lines = [self.heading, "", self.text, "", _row(self.columns)]
        lines.append(_row(["---", *["---:"] * (len(self.columns) - 1)]))
        lines += map(_row, self.rows)
        if self.targets:
            lines += ["", _TARGETS, "", *(f"- {target}" for target in self.targets)]
        return "\n".join([*lines, ""])


def machine() -> str:
    """Processor, memory, versions: what a figure means nothing without."""
    cores = os.cpu_count() or 0
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{cores} cores ({names[0] if names else platform.machine()}), {memory_gib:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {packages}."
    )


def _short(number: float) -> str:
    if math.isnan(number):
        return "none"
    if isinstance(number, int) or number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def put(page: Path, table: Table, more: str = "") -> None:
    """Put the table into a page of markdown, in place of the section of its title, or at the end.

    The line under the table says on what it was measured, and ``more``.
    """
    section = f"{table}\nMeasured on {machine()}{more}\n"
    text = page.read_text() if page.exists() else ""
    heading = f"{table.heading}\n"
    before, found, rest = text.partition(heading)
    if not found:
        page.write_text(f"{text.rstrip()}\n\n{section}" if text else section)
        return
    _, further, after = rest.partition("\n## ")
    page.write_text(before + section + (f"\n## {after}" if further else ""))


def summarize(page: Path) -> None:
    """Gather the targets of all sections of a page in its section of targets."""
    lines = []
    title = ""
    for line in page.read_text().splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
        elif line.startswith(("- met: ", "- **not met**: ")) and f"## {title}" != _SUMMARY:
            lines.append(f"{line} ([{title}](#{_anchor(title)}))")
    text, found, rest = page.read_text().partition(f"{_SUMMARY}\n")
    if not found:
        raise ValueError(f"{page} has no section {_SUMMARY}")
    introduction = rest.lstrip().partition("\n\n")[0]
    _, further, after = rest.partition("\n## ")
    body = "\n".join([_SUMMARY, "", introduction, "", *lines, ""])
    page.write_text(text + body + (f"\n## {after}" if further else ""))


def _anchor(title: str) -> str:
    kept = "".join(each for each in title.lower() if each.isalnum() or each in " -_")
    return kept.replace(" ", "-")
