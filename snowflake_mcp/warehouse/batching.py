"""A result as Arrow record batches of plain types, for collectors that write it down."""

from collections.abc import Generator, Sequence
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
    work: AbstractContextManager[None],
    offset: int,
) -> Generator[Any, None, None]:
    """Record batches of one schema, each of at most ``BATCH_ROWS`` rows; blocks.

    ``work`` surrounds what converts, each time. The collector is told the schema first.

    Raises:
        Exception: whatever the driver raises, or ``work`` makes of what converting raises.
    """
    plain = _Plain(cursor, kinds, collector)
    if not fetching.is_arrow(cursor):
        with work:
            plain.begin()
        for rows in fetching.python_rows(cursor, offset):
            with work:
                batch = plain.of_cells(rows)
            yield batch
        return
    with closing(fetching.batches(cursor, offset)) as source:
        for whole in source:
            per_row = whole.nbytes // max(1, whole.num_rows) + 1
            step = max(1, min(BATCH_ROWS, _BATCH_BYTES // per_row))
            with work:
                plain.begin(whole.schema.types)
            for start in range(0, whole.num_rows, step):
                with work:
                    batch = plain.of_arrays(whole.slice(start, step).columns)
                yield batch
    with work:
        plain.begin()


class _Plain:
    """Makes batches of one schema from what the driver has; worker threads only."""

    def __init__(self, cursor: Any, kinds: Sequence[str], collector: BatchCollector) -> None:
        self._kinds = kinds
        self._described = list(cursor.description)
        self._names = distinct([values.text(str(column.name)) for column in self._described])
        self._collector = collector
        self._zone = temporal.zone(
            fetching.session_timezone(cursor) if "TIMESTAMP_LTZ" in kinds else ""
        )
        self._schema: Any = None

    def begin(self, arrow_types: Sequence[Any] | None = None) -> None:
        """Decide the schema, as far as it is not, and tell it to the collector."""
        import pyarrow as pa

        if self._schema is not None:
            return
        types = arrow_types or [None] * len(self._names)
        fields = [
            pa.field(name, self._target(place, arrow_type))
            for place, (name, arrow_type) in enumerate(zip(self._names, types, strict=True))
        ]
        self._schema = pa.schema(fields)
        self._collector.shape(self._schema)

    def _target(self, place: int, arrow_type: Any) -> Any:
        import pyarrow as pa

        kind, column, collector = self._kinds[place], self._described[place], self._collector
        # DECFLOAT is described like a whole number.
        floats = kind == "FIXED" and arrow_type is not None and pa.types.is_struct(arrow_type)
        if collector.hides(place) or floats:
            return pa.string()
        return exact.arrow_type(kind, column.precision, column.scale, coarse=collector.coarse)

    def of_arrays(self, arrays: Sequence[Any]) -> Any:
        """A batch from columns in Snowflake's encoding."""
        import pyarrow as pa

        made = []
        for place, array in enumerate(arrays):
            kind, scale = self._kinds[place], self._described[place].scale or 0
            target = self._schema.types[place]
            if self._collector.hides(place):
                shown = "TEXT" if kind in values.SEMI_STRUCTURED else kind
                cells = columns.converter(shown, scale, array.type, self._zone)(array)
                made.append(pa.array(self._collector.hide(cells), target))
            else:
                name = self._names[place]
                made.append(exact.plain_column(name, kind, scale, array, target, self._zone))
        return pa.RecordBatch.from_arrays(made, schema=self._schema)

    def of_cells(self, rows: Sequence[tuple[Any, ...]]) -> Any:
        """A batch from the driver's Python values."""
        import pyarrow as pa

        made = []
        for place, each in enumerate(zip(*rows, strict=True)):
            target = self._schema.types[place]
            if self._collector.hides(place):
                shown = self._collector.hide([values.plain(cell) for cell in each])
                made.append(pa.array(shown, target))
            else:
                made.append(exact.from_cells(list(each), self._kinds[place], target))
        return pa.RecordBatch.from_arrays(made, schema=self._schema)


def distinct(names: Sequence[str]) -> list[str]:
    """The names, with a number behind each that was there before: ``ID``, ``ID_2``."""
    given: dict[str, None] = {}
    known = set(names)
    for name in names:
        free, number = name, 1
        while free in given or (number > 1 and free in known):
            number += 1
            free = f"{name}_{number}"
        given[free] = None
    return list(given)
