"""EXPLAIN: a plan in the shape of Snowflake's, of the tables a query reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from snowflake_mcp.simulator.columns import Field, text_field
from snowflake_mcp.simulator.failures import syntax_error
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.lexical import Token, Words
from snowflake_mcp.simulator.results import Rows

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["Step", "explain", "plan_text"]

_EXPLAIN: Final = 0x4600
_BYTES_PER_ROW: Final = 64
_PARTITION_ROWS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a plan."""

    number: int
    parent: int | None
    operation: str
    name: str = ""
    expressions: tuple[str, ...] = ()
    rows: int = 0

    @property
    def partitions(self) -> int:
        """Micro-partitions that a table of so many rows might have."""
        return -(-self.rows // _PARTITION_ROWS) if self.name else 0

    @property
    def size(self) -> int:
        """Bytes that a table of so many rows might have."""
        return self.rows * _BYTES_PER_ROW


def explain(connection: "Connection", found: Sequence[Token], job: Job) -> Rows:
    """EXPLAIN [USING TABULAR | JSON | TEXT] query; compiles the query, runs nothing."""
    words = Words(found[1:])
    form = "TABULAR"
    at = 1
    if words.accept("USING"):
        form = words.take().keyword
        at = 3
    if form not in {"TABULAR", "JSON", "TEXT"}:
        raise syntax_error(f"syntax error: EXPLAIN USING {form}.")
    if len(found) <= at:
        raise words.unexpected()
    sql = job.sql[found[at].start : found[-1].end]
    columns, tables, operations = connection.compiled(sql, found[at:], job)
    steps = [Step(0, None, "Result", expressions=tuple(columns))]
    for number, (operation, expression) in enumerate(operations, 1):
        steps.append(
            Step(number, number - 1, operation, expressions=(expression,) * bool(expression))
        )
    last = len(operations)
    steps += [
        Step(number, last, "TableScan", ".".join(entry.path), rows=entry.rows or 0)
        for number, entry in enumerate(tables, last + 1)
    ]
    if form == "JSON":
        return Rows([text_field("content")], _EXPLAIN, cells=[[_plan_json(steps)]])
    if form == "TEXT":
        return Rows([text_field("content")], _EXPLAIN, cells=[[plan_text(steps)]])
    return _table(steps)


def _totals(steps: Sequence[Step]) -> dict[str, int]:
    partitions = sum(step.partitions for step in steps)
    return {
        "partitionsTotal": partitions,
        "partitionsAssigned": partitions,
        "bytesAssigned": sum(step.size for step in steps),
    }


def _plan_json(steps: Sequence[Step]) -> str:
    operations = []
    for step in steps:
        facts: dict[str, Any] = {"id": step.number, "operation": step.operation}
        if step.parent is not None:
            facts["parentOperators"] = [step.parent]
        if step.expressions:
            facts["expressions"] = step.expressions
        if step.name:
            facts |= {
                "objects": [step.name],
                "partitionsAssigned": step.partitions,
                "partitionsTotal": step.partitions,
                "bytesAssigned": step.size,
            }
        operations.append(facts)
    plan = {"GlobalStats": _totals(steps), "Operations": [operations]}
    return msgspec.json.encode(plan).decode()


def plan_text(steps: Sequence[Step]) -> str:
    """The plan as EXPLAIN USING TEXT writes it."""
    lines = ["GlobalStats:"]
    lines += [f"    {name}={value}" for name, value in _totals(steps).items()]
    lines.append("Operations:")
    for step in steps:
        depth = "     " if step.parent is None else "          "
        line = f"1:{step.number}{depth}->{step.operation}"
        if step.name:
            line += f"  {step.name}  {{partitionsTotal={step.partitions}, "
            line += f"partitionsAssigned={step.partitions}, bytesAssigned={step.size}}}"
        if step.expressions:
            line += "  " + ", ".join(step.expressions)
        lines.append(line)
    return "\n".join(lines) + "\n"


_NUMBERS: Final = ("step", "id", "partitionsTotal", "partitionsAssigned", "bytesAssigned")
_HEADER: Final = (
    "step",
    "id",
    "parentOperators",
    "operation",
    "objects",
    "alias",
    "expressions",
    "partitionsTotal",
    "partitionsAssigned",
    "bytesAssigned",
)


def _table(steps: Sequence[Step]) -> Rows:
    totals = _totals(steps)
    counts = [str(value) for value in totals.values()]
    cells: list[list[str | None]] = [[None, None, None, "GlobalStats", None, None, None, *counts]]
    for step in steps:
        scan = [str(step.partitions), str(step.partitions), str(step.size)]
        cells.append(
            [
                "1",
                str(step.number),
                None if step.parent is None else f"[{step.parent}]",
                step.operation,
                step.name or None,
                None,
                ", ".join(step.expressions) or None,
                *(scan if step.name else [None, None, None]),
            ]
        )
    fields = [
        Field(name, "fixed", precision=38, scale=0) if name in _NUMBERS else text_field(name)
        for name in _HEADER
    ]
    return Rows(fields, _EXPLAIN, cells=cells)
