"""From a cursor to the collector: what is held meanwhile, and when it is let go."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from snowflake_mcp.warehouse import reading
from snowflake_mcp.warehouse.results import JsonValue
from tests.unit.warehouse.collecting import Kept

_TEXT = SimpleNamespace(
    name="A", type_code=2, precision=None, scale=None, internal_size=10, is_nullable=True
)


class _Cursor:
    """A finished statement with so many rows of one text."""

    description = (_TEXT,)

    def __init__(self, rows: int) -> None:
        self.rowcount = rows
        self._rows = [(str(at),) for at in range(rows)]

    def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
        taken, self._rows = self._rows[:count], self._rows[count:]
        return taken


class _Gate:
    """Counts how often it is entered."""

    def __init__(self) -> None:
        self.entered = 0
        self.inside = False

    def __enter__(self) -> None:
        self.entered += 1
        self.inside = True

    def __exit__(self, *reason: object) -> None:
        self.inside = False


def test_a_slice_is_converted_and_taken_at_one_go() -> None:
    """So only the thread at the gate has rows: those that wait for it hold none."""
    gate = _Gate()
    inside = []

    class Collector(Kept):
        def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
            inside.append(gate.inside)
            return super().add(rows)

    collector = Collector()
    made = reading.read(_Cursor(1_200), collector, reading.Extent(5_000), gate, lambda: True)
    assert collector.slices == [500, 500, 200]
    assert inside == [True] * 3
    assert gate.entered == 3 + len(("begin", "finish"))
    assert (made.rows, made.total_rows, made.cut) == (1_200, 1_200, None)


def test_few_slices_are_read_without_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A result of a thousand rows waits for nobody; from the third slice on others get a turn."""
    rests: list[float] = []
    monkeypatch.setattr("time.sleep", rests.append)
    for rows, expected in ((10, 0), (1_000, 0), (1_001, 1), (2_600, 4)):
        rests.clear()
        reading.read(_Cursor(rows), Kept(), reading.Extent(5_000), _Gate(), lambda: True)
        assert len(rests) == expected


def test_a_rest_is_taken_at_the_gate_and_as_long_as_half_the_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Meanwhile no other thread converts; but no slice, however long, is followed by a long one."""
    gate = _Gate()
    rests: list[tuple[bool, float]] = []
    # Each slice takes a millisecond more than the one before, the last a second.
    moments = iter([0, 0.001, 0.002, 0.004, 0.004, 0.007, 0.007, 0.011, 0.011, 1.0])
    monkeypatch.setattr("time.thread_time", lambda: next(moments))
    monkeypatch.setattr("time.sleep", lambda rest_s: rests.append((gate.inside, rest_s)))
    monkeypatch.setattr("snowflake_mcp.warehouse.fetching.BRISK_SLICES", 0)
    reading.read(_Cursor(2_500), Kept(), reading.Extent(5_000), gate, lambda: True)
    assert [at_the_gate for at_the_gate, _ in rests] == [True] * 5
    assert [rest_s for _, rest_s in rests] == pytest.approx([0.0005, 0.001, 0.0015, 0.002, 0.003])


def test_the_gate_lets_in_as_many_as_it_says() -> None:
    """And whoever leaves makes room for one."""
    for width in (1, 2, 3):
        gate: Any = reading.gate_of(width)
        for _ in range(width):
            assert gate.acquire(blocking=False)
        assert not gate.acquire(blocking=False)
        gate.release()
        with gate:
            assert not gate.acquire(blocking=False)


def test_what_fails_at_the_gate_is_told_from_what_the_driver_raises() -> None:
    """The collector's own error comes with its cause, and the gate is free again."""

    class Failing(Kept):
        def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
            raise ValueError("no")

    class Breaking(_Cursor):
        def fetchmany(self, count: int) -> list[tuple[Any, ...]]:
            raise BrokenPipeError

    gate = _Gate()
    with pytest.raises(reading.OwnFaultError) as caught:
        reading.read(_Cursor(1), Failing(), reading.Extent(10), gate, lambda: True)
    assert isinstance(caught.value.__cause__, ValueError)
    assert not gate.inside
    with pytest.raises(BrokenPipeError):
        reading.read(Breaking(1), Kept(), reading.Extent(10), gate, lambda: True)
    assert not gate.inside
