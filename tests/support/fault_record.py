"""Collects what the tests of faults showed and writes docs/faults.md from it: a pytest plugin.

A test says which row it shows with ``@pytest.mark.fault("F-06", "how it is made")`` and what it
saw with the fixture ``measured``. ``--faults-page=FILE`` writes the page when the run is over; with
a blank for the sign pytest, which does not know the option yet, takes the file for tests to run.
"""

import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, cast

import pytest

from tests.support.faults import FAULTS

__all__ = ["Measured", "Showing", "measured", "page"]

Figure = tuple[str, float, str]
"""What, how much, and in which unit."""

_PROPERTY: Final = "measured"
_KEY: Final = pytest.StashKey["_Record"]()

_HEAD: Final = """\
# Faults

What the server promises when something around it breaks, and what was measured when it was broken
on purpose: real processes, real sockets and signals, the embedded endpoint or a scripted one in
place of Snowflake. `make faults` writes this page; nobody edits it.

Last run: {when}, snowflake-mcp {product}, Python {python}, snowflake-connector-python {connector},
Twisted {twisted}, {cores} cores that did other work as well. Where a figure has a bound, the test
fails beyond the bound or, where it says so, beyond the bound with room for slow machines.

| id | fault | made by | promise and bound | measured | shown by | result |
|---|---|---|---|---|---|---|
"""
_TAIL: Final = """
Tests are named without their folder `tests/process/`. p50 and max are over all samples of the run.
"""


@dataclass
class Showing:
    """One test that shows a row."""

    test: str
    injected: str
    outcome: str = "not run"
    figures: list[Figure] = field(default_factory=list)


class Measured:
    """Takes down figures of one test."""

    def __init__(self, properties: list[tuple[str, object]]) -> None:
        self._properties = properties

    def __call__(
        self,
        what: str,
        value: float,
        unit: str = "s",
        *,
        bound: float | None = None,
        slack: float = 1.0,
        case: str = "",
    ) -> None:
        """Note a figure; fail when it is beyond its bound times the slack for slow machines."""
        self._properties.append((_PROPERTY, (what, value, unit)))
        if bound is not None:
            told = f"{what} {case}: {value:g} {unit}, promised {bound:g} {unit}"
            assert value <= bound * slack, told


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Where a test leaves its figures for the page of faults."""
    return Measured(request.node.user_properties)


class _Record:
    """What this run has shown so far."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Showing]] = defaultdict(dict)
        self._of_test: dict[str, list[Showing]] = defaultdict(list)

    def collected(self, item: pytest.Item) -> None:
        """Note which rows a test shows; the cases of a parametrised test are one."""
        name = item.nodeid.partition("[")[0].removeprefix("tests/process/")
        for mark in item.iter_markers("fault"):
            fault_id, injected = mark.args
            assert fault_id in FAULTS, f"{item.nodeid}: no fault {fault_id}"
            showing = self.rows[fault_id].setdefault(name, Showing(name, injected))
            self._of_test[item.nodeid].append(showing)

    def reported(self, report: pytest.TestReport) -> None:
        """Note how a test ended and what it measured."""
        for showing in self._of_test.get(report.nodeid, ()):
            if report.failed:
                showing.outcome = "FAIL"
            elif report.when == "call" and report.passed and showing.outcome != "FAIL":
                showing.outcome = "pass"
            if report.when == "teardown":
                showing.figures += [
                    cast(Figure, figure)
                    for name, figure in report.user_properties
                    if name == _PROPERTY
                ]


def page(rows: Mapping[str, Iterable[Showing]], facts: Mapping[str, object]) -> str:
    """The page as text."""
    lines = []
    for fault_id, fault in FAULTS.items():
        showings = sorted(rows.get(fault_id, ()), key=lambda showing: showing.test)
        outcomes = {showing.outcome for showing in showings}
        if not showings:
            result = "not shown"
        elif "FAIL" in outcomes:
            result = "FAIL"
        else:
            result = "pass" if outcomes == {"pass"} else "not run"
        cells = [
            fault_id,
            fault.what,
            "; ".join(dict.fromkeys(showing.injected for showing in showings)) or "-",
            fault.promise,
            _figures([figure for showing in showings for figure in showing.figures]) or "-",
            "<br>".join(f"`{showing.test}`" for showing in showings) or "-",
            f"{result}. {fault.not_shown}" if fault.not_shown else result,
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n")
    return _HEAD.format(**facts) + "".join(lines) + _TAIL


def _figures(figures: Sequence[Figure]) -> str:
    samples: dict[tuple[str, str], list[float]] = defaultdict(list)
    for what, value, unit in figures:
        samples[what, unit].append(value)
    told = []
    for (what, unit), values in samples.items():
        if len(values) == 1:
            told.append(f"{what} {_shown(values[0])} {unit}".rstrip())
        elif len(set(values)) == 1:
            told.append(f"{what} {_shown(values[0])} {unit}".rstrip() + f" (n={len(values)})")
        else:
            middle, most = _shown(statistics.median(values)), _shown(max(values))
            most = f"{most} {unit}".rstrip()
            told.append(f"{what} p50 {middle}, max {most} (n={len(values)})")
    return "; ".join(told)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """--faults-page=FILE."""
    parser.addoption("--faults-page", type=Path, help="write what the tests of faults showed here")


def pytest_configure(config: pytest.Config) -> None:
    """Begin a record."""
    config.stash[_KEY] = record = _Record()
    config.pluginmanager.register(_Reports(record))


class _Reports:
    """Hears how tests end."""

    def __init__(self, record: _Record) -> None:
        self._record = record

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._record.reported(report)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Iterator[None]:
    """Note the rows of what will run; what -m leaves out is gone by now."""
    yield
    for item in items:
        config.stash[_KEY].collected(item)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the page, if that was asked for."""
    path = session.config.getoption("--faults-page")
    if path is None:
        return
    facts: dict[str, Any] = {
        "when": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "product": version("snowflake-mcp-server"),
        "python": platform.python_version(),
        "connector": version("snowflake-connector-python"),
        "twisted": version("twisted"),
        "cores": os.cpu_count(),
    }
    rows = {name: found.values() for name, found in session.config.stash[_KEY].rows.items()}
    path.write_text(page(rows, facts))
