"""Snowflake's plan of a query, as EXPLAIN USING JSON gives it: for budgets and for advice."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from snowflake_mcp.warehouse.results import Column, JsonValue

__all__ = ["EXPLAIN", "Operation", "Plan", "PlanCollector", "size"]

EXPLAIN: Final = "EXPLAIN USING JSON "
"""Before a query: compiles it, runs nothing and wakes no warehouse."""
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB", "PB")


class Operation(msgspec.Struct, rename="camel"):
    """One operation of a plan; what is not said of it is empty.

    docs.snowflake.com/en/sql-reference/sql/explain; plans of before 2023 have one ``parent``.
    """

    operation: str
    id: int = 0
    parent_operators: list[int] = []
    parent: int | None = None
    objects: list[str] = []
    alias: str | None = None
    expressions: list[str] = []
    join_key: str | None = None
    partitions_total: int | None = None
    partitions_assigned: int | None = None
    bytes_assigned: int | None = None

    @property
    def above(self) -> int | None:
        """The operation that takes what this one gives; ``None``: the last one."""
        return self.parent_operators[0] if self.parent_operators else self.parent


@dataclass(frozen=True, slots=True)
class Plan:
    """What Snowflake's compiler says of a query; numbers are the most that it reads."""

    partitions: int
    partitions_total: int
    scan_bytes: int
    operations: tuple[Operation, ...] = ()


class _Stats(msgspec.Struct, rename="camel"):
    partitions_assigned: int
    bytes_assigned: int
    partitions_total: int = 0


class _Whole(msgspec.Struct):
    stats: _Stats = msgspec.field(name="GlobalStats")
    operations: object = msgspec.field(name="Operations", default=None)


class PlanCollector:
    """Collects the one text that EXPLAIN USING JSON gives; worker thread only."""

    def __init__(self, *, operations: bool = False) -> None:
        """``operations``: read them, too, and not only the totals."""
        self._wanted = operations
        self._plan: Plan | None = None

    def begin(self, columns: Sequence[Column]) -> None:
        """Nothing to learn: there is one column."""

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take the one row, whether the driver gives it as text or as JSON."""
        for row in rows:
            try:
                value = msgspec.json.decode(row[0]) if isinstance(row[0], str) else row[0]
                whole = msgspec.convert(value, _Whole)
            except (msgspec.DecodeError, IndexError):
                return False
            self._plan = Plan(
                whole.stats.partitions_assigned,
                whole.stats.partitions_total,
                whole.stats.bytes_assigned,
                tuple(_operations(whole)) if self._wanted else (),
            )
        return True

    def finish(self) -> Plan | None:
        """The plan; ``None`` when it had another form."""
        return self._plan


def _operations(whole: _Whole) -> list[Operation]:
    steps = whole.operations if isinstance(whole.operations, list) else []
    found = []
    for each in (each for step in steps if isinstance(step, list) for each in step):
        try:
            found.append(msgspec.convert(each, Operation))
        except msgspec.ValidationError:
            # A kind of operation with members of another form: its name is worth having.
            name = each.get("operation") if isinstance(each, dict) else None
            found.append(Operation(name if isinstance(name, str) else "?"))
    return found


def size(count: int) -> str:
    """A number of bytes for people: ``3.84 MB``."""
    amount, unit = float(count), 0
    while amount >= 1_000 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1_000, unit + 1
    return f"{amount:.4g} {_UNITS[unit]}"
