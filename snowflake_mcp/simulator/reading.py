"""Rows taken from the engine, within bounds."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from snowflake_mcp.simulator.columns import Field, fields_for
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.filing import Filing
from snowflake_mcp.simulator.results import CHUNK_ROWS, Rows

__all__ = ["MAX_RESULT_BYTES", "read_rows", "text_rows"]

MAX_RESULT_BYTES: Final = 192 << 20
"""A larger result is refused: DuckDB's own limit does not count it."""

_SELECT: Final = 0x1000


def read_rows(
    relation: Any, fields: Sequence[Field], cap: int | None, checkpoint: Callable[[], None]
) -> Rows:
    """The rows of a relation, streamed so that both bounds hold before memory is spent."""
    reader = relation.to_arrow_reader(max(1, CHUNK_ROWS if cap is None else min(cap, CHUNK_ROWS)))
    filing = Filing(reader.schema)
    rows = 0
    try:
        while cap is None or rows < cap:
            batch = next(reader, None)
            if batch is None:
                break
            checkpoint()
            if cap is not None and rows + batch.num_rows > cap:
                batch = batch.slice(0, cap - rows)
            filing.add(batch)
            rows += batch.num_rows
            if filing.size > MAX_RESULT_BYTES:
                raise StatementFailed(
                    "100082",
                    "54000",
                    f"The result is larger than the {MAX_RESULT_BYTES >> 20} MB that the demo "
                    "warehouse keeps. Select fewer rows or columns.",
                )
        return Rows(fields, _SELECT, filing.table(), file=filing.file)
    finally:
        filing.close()
        # Until its reader is closed DuckDB takes no further statement on the connection.
        reader.close()


def text_rows(table: Any, kind: int) -> Rows:
    """The few rows that fakesnow answers with, as the text that Snowflake sends."""
    whole = ("int", "uint", "decimal")
    fields = fields_for(
        table.column_names,
        ["BIGINT" if str(column.type).startswith(whole) else "VARCHAR" for column in table.schema],
    )
    columns = [column.to_pylist() for column in table.columns]
    cells = [
        [None if value is None else str(value) for value in row]
        for row in zip(*columns, strict=True)
    ]
    return Rows(fields, kind, cells=cells)
