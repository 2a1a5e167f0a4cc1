"""A result as Arrow record batches of plain types, for collectors that write it down."""

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any, Final

from snowflake_mcp.warehouse import columns, exact, fetching, temporal, values
from snowflake_mcp.warehouse.results import BatchCollector

__all__ = ["BATCH_ROWS", "batches", "distinct"]

BATCH_ROWS: Final = 4_096
"""Columns that become text cell by cell hold the interpreter for some of these rows."""
_BATCH_BYTES: Final = 4 << 20


def batches(
    cursor: Any,
    kinds: Sequence[str],
    collector: BatchCollector,
    work: Callable[[], AbstractContextManager[None]],
    offset: int,
) -> Generator[Any, None, None]:
    """Record batches of one schema, each of at most ``BATCH_ROWS`` rows; blocks.

    ``work`` surrounds what converts. The collector is told the schema first.

    Raises:
        Exception: whatever the driver raises, or ``work`` makes of what converting raises.
    """
    import pyarrow as pa

    described = list(cursor.description)
    with work():
        names = distinct([values.text(str(column.name)) for column in described])
        targets = [
            pa.string()
            if collector.hides(place)
            else exact.arrow_type(kind, column.precision, column.scale, coarse=collector.coarse)
            for place, (kind, column) in enumerate(zip(kinds, described, strict=True))
        ]
        schema = pa.schema(list(zip(names, targets, strict=True)))
        collector.shape(schema)
    zone = temporal.zone(fetching.session_timezone(cursor) if "TIMESTAMP_LTZ" in kinds else "")

    def converted(place: int, array: Any) -> Any:
        kind, scale = kinds[place], described[place].scale or 0
        if not collector.hides(place):
            return exact.plain_column(names[place], kind, scale, array, targets[place], zone)
        shown = "TEXT" if kind in values.SEMI_STRUCTURED else kind
        cells = columns.converter(shown, scale, array.type, zone)(array)
        return pa.array(collector.hide(cells), pa.string())

    def made(place: int, cells: list[Any]) -> Any:
        if not collector.hides(place):
            return exact.from_cells(cells, kinds[place], targets[place])
        return pa.array(collector.hide([values.plain(cell) for cell in cells]), pa.string())

    if not fetching.is_arrow(cursor):
        for rows in fetching.python_rows(cursor, offset):
            with work():
                arrays = [
                    made(place, list(each)) for place, each in enumerate(zip(*rows, strict=True))
                ]
                batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
            yield batch
        return
    with closing(fetching.batches(cursor, offset)) as source:
        for whole in source:
            per_row = whole.nbytes // max(1, whole.num_rows) + 1
            step = max(1, min(BATCH_ROWS, _BATCH_BYTES // per_row))
            for start in range(0, whole.num_rows, step):
                piece = whole.slice(start, step)
                with work():
                    arrays = [converted(place, array) for place, array in enumerate(piece.columns)]
                    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
                yield batch


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number behind each that was there before: ``ID``, ``ID_2``."""
    given: list[str] = []
    for name in names:
        free, number = name, 1
        while free in given or (number > 1 and free in names):
            number += 1
            free = f"{name}_{number}"
        given.append(free)
    return given
