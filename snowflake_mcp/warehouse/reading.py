"""From a finished cursor to the collector: slices, limits and the decode gate."""

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from snowflake_mcp.warehouse import batching, columns, fetching, temporal, values
from snowflake_mcp.warehouse.results import (
    BatchCollector,
    Collector,
    Column,
    Cut,
    JsonValue,
    Reading,
)

__all__ = ["Extent", "OwnFaultError", "read"]

T = TypeVar("T")

_TYPE_NAMES: Final = {"FIXED": "NUMBER", "TEXT": "VARCHAR", "REAL": "FLOAT"}
_WITH_SCALE: Final = frozenset({"TIME", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"})

_BRISK_SLICES: Final = 2
"""Read without a pause: together they take no longer than a turn of the reactor may."""
_PAUSE_S: Final = 0.0001

_Slices: TypeAlias = Generator[Callable[[], Any], None, None]
"""Each converts one slice when it is called: rows, or a record batch."""


class OwnFaultError(Exception):
    """A conversion or the collector failed, not the driver; ``__cause__`` is what it raised."""


@dataclass(frozen=True, slots=True)
class Extent:
    """Which rows of a result to read."""

    max_rows: int
    offset: int = 0
    row_cap: int | None = None
    """A result of exactly so many rows may have been cut by Snowflake."""


@contextmanager
def _own_work(gate: AbstractContextManager[object]) -> Iterator[None]:
    with gate:
        try:
            yield
        except Exception as error:
            raise OwnFaultError from error


def read(
    cursor: Any,
    collector: Collector[T],
    extent: Extent,
    gate: AbstractContextManager[object],
    wanted: Callable[[], bool],
) -> Reading[T]:
    """Give the rows to the collector until it, the limit or the result ends; worker threads only.

    ``gate`` is held while a slice is converted, so that few threads compete with the reactor
    for the interpreter; never while waiting for the network. ``wanted`` is asked between
    slices; when it says no, reading stops as if the collector had enough.

    Raises:
        OwnFaultError: the collector raised, or a value could not be converted.
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    # Asked once: a driver makes it anew each time.
    description = cursor.description or ()
    kinds = _kinds(description)
    described = _columns(description, kinds)
    with _own_work(gate):
        collector.begin(described)
    # What isinstance finds with a protocol too, in a twentieth of the time.
    settle: Callable[[], None] | None = getattr(collector, "settle", None)
    source: _Slices
    if settle is not None and isinstance(collector, BatchCollector):
        work = partial(_own_work, gate)
        source = _made(batching.batches(cursor, kinds, collector, work, extent.offset))
    else:
        shown = kinds if settle is None else _as_text(kinds)
        if fetching.is_arrow(cursor):
            scales = [column.scale or 0 for column in description]
            source = _arrow_slices(cursor, shown, scales, extent.offset)
        else:
            source = _python_slices(cursor, shown, extent.offset)
    rows = 0
    cut: Cut | None = None
    with closing(source):
        for number, convert in enumerate(source):
            if number >= _BRISK_SLICES:
                # Who waits for the interpreter, or for this core, gets it only at an interval:
                # without a pause each reactor turn is late by the work of several slices.
                time.sleep(_PAUSE_S)  # noqa: TID251 - worker thread, see above
            with _own_work(gate):
                taken, left, goes_on = _give(collector, convert(), extent.max_rows - rows)
            rows += taken
            if taken:
                if settle is not None:
                    # Disks may be slow, and others wait for the gate.
                    with _own_work(nullcontext()):
                        settle()
                if not goes_on or not wanted():
                    cut = "collector"
                    break
            if left:
                cut = "rows"
                break
    with _own_work(gate):
        value = collector.finish()
    return Reading(
        columns=described,
        rows=rows,
        total_rows=_total(cursor, extent, rows, cut),
        cut=cut,
        value=value,
    )


def _give(collector: Collector[Any], rows: Any, most: int) -> tuple[int, int, bool]:
    """Give the collector as many of the rows; returns how many, those left, and if it goes on.

    The rows end with this call: while a thread waits for the gate it holds no slice, so that
    the garbage collector, which holds the interpreter, has next to nothing to look through.
    """
    fitting = rows[:most]
    taken = len(fitting)
    return taken, len(rows) - taken, collector.add(fitting) if taken else True


def _columns(description: Sequence[Any], kinds: Sequence[str]) -> tuple[Column, ...]:
    """The columns as Snowflake describes them, with their types as in DDL."""
    return tuple(
        Column(
            name=values.text(str(column.name)),
            type=_type_text(kind, column.precision, column.scale, column.internal_size),
            nullable=column.is_nullable is not False,
        )
        for kind, column in zip(kinds, description, strict=True)
    )


def _kinds(description: Sequence[Any]) -> list[str]:
    from snowflake.connector import constants

    names: Any = vars(constants)["FIELD_ID_TO_NAME"]

    return [str(names[column.type_code]) for column in description]


def _type_text(kind: str, precision: int | None, scale: int | None, size: int | None) -> str:
    name = _TYPE_NAMES.get(kind, kind)
    if kind == "FIXED":
        return name if precision is None else f"{name}({precision},{scale or 0})"
    if kind in {"TEXT", "BINARY"}:
        return f"{name}({size})" if size else name
    if kind in _WITH_SCALE:
        return name if scale is None else f"{name}({scale})"
    return name


def _as_text(kinds: Sequence[str]) -> list[str]:
    return ["TEXT" if kind in values.SEMI_STRUCTURED else kind for kind in kinds]


def _made(source: Generator[Any, None, None]) -> _Slices:
    """What has been converted already, in the form of what has not."""
    with closing(source):
        for piece in source:
            yield partial(_itself, piece)


def _itself(piece: Any) -> Any:
    return piece


def _arrow_slices(cursor: Any, kinds: Sequence[str], scales: Sequence[int], offset: int) -> _Slices:
    timezone = temporal.zone(fetching.session_timezone(cursor) if "TIMESTAMP_LTZ" in kinds else "")
    with closing(fetching.batches(cursor, offset)) as batches:
        for batch in batches:
            converters = [
                columns.converter(kind, scale, field.type, timezone)
                for kind, scale, field in zip(kinds, scales, batch.schema, strict=True)
            ]
            for piece in fetching.slices(batch):
                yield partial(_of_arrow, converters, piece)


def _of_arrow(converters: Sequence[columns.Converter], piece: Any) -> list[tuple[JsonValue, ...]]:
    cells = [convert(column) for convert, column in zip(converters, piece.columns, strict=True)]
    return list(zip(*cells, strict=True))


def _python_slices(cursor: Any, kinds: Sequence[str], offset: int) -> _Slices:
    for piece in fetching.python_rows(cursor, offset):
        yield partial(_of_cells, kinds, piece)


def _of_cells(
    kinds: Sequence[str], piece: Sequence[tuple[Any, ...]]
) -> list[tuple[JsonValue, ...]]:
    return [
        tuple(values.plain(cell, kind) for cell, kind in zip(row, kinds, strict=True))
        for row in piece
    ]


def _total(cursor: Any, extent: Extent, rows: int, cut: Cut | None) -> int | None:
    read = extent.offset + rows
    if cut is None and (rows or not extent.offset):
        total = read
    else:
        total = cursor.rowcount
        if not isinstance(total, int) or (cut is not None and total <= read):
            return None
    # A result that is as long as Snowflake was told to keep may have been longer.
    return None if total == extent.row_cap else total
