"""From a finished cursor to the collector: slices, limits and the decode gate."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, lru_cache, partial
from threading import Lock, Semaphore
from types import TracebackType
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from snowflake_mcp.warehouse import batching, columns, fetching, temporal, values
from snowflake_mcp.warehouse.results import (
    BatchCollector,
    Collector,
    Column,
    Cut,
    JsonValue,
    Reading,
)

__all__ = ["Extent", "OwnFaultError", "gate_of", "read"]

T = TypeVar("T")

_TYPE_NAMES: Final = {"FIXED": "NUMBER", "TEXT": "VARCHAR", "REAL": "FLOAT"}
_WITH_SCALE: Final = frozenset({"TIME", "TIMESTAMP_NTZ", "TIMESTAMP_LTZ", "TIMESTAMP_TZ"})

_REST: Final = 0.5
"""Of the time that a slice took: so long nobody converts."""
_MOST_REST_S: Final = 0.003

_Slices: TypeAlias = Generator[Callable[[], Any], None, None]
"""Each converts one slice when it is called: rows, or a record batch."""


class OwnFaultError(Exception):
    """A conversion or the collector failed, not the driver; ``__cause__`` is what it raised."""


class Extent(msgspec.Struct, frozen=True):
    """Which rows of a result to read."""

    max_rows: int
    offset: int = 0
    row_cap: int | None = None
    """A result of exactly so many rows may have been cut by Snowflake."""


def gate_of(width: int) -> AbstractContextManager[object]:
    """Lets so many threads convert at a time."""
    # A lock is the interpreter's own; a semaphore is a hundred steps of Python for each slice.
    return Lock() if width == 1 else Semaphore(width)


class _OwnWork:
    """What is done at the gate, again and again; the driver has no part in it if it fails."""

    __slots__ = ("_gate",)

    def __init__(self, gate: AbstractContextManager[object]) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._gate.__exit__(kind, error, trace)
        if isinstance(error, Exception):
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
    work = _OwnWork(gate)
    with work:
        collector.begin(described)
    # What isinstance finds with a protocol too, in a twentieth of the time.
    settle: Callable[[], None] | None = getattr(collector, "settle", None)
    source: _Slices
    if settle is not None and isinstance(collector, BatchCollector):
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
    try:
        for number, convert in enumerate(source):
            with work:
                began_s = time.thread_time()
                taken, left, goes_on = _give(collector, convert(), extent.max_rows - rows)
                if number >= fetching.BRISK_SLICES:
                    # The reactor gives the interpreter away at every system call, and gets it back
                    # after the step at hand of a slice. At the gate, so that none takes over.
                    rest_s = min(_MOST_REST_S, _REST * (time.thread_time() - began_s))
                    time.sleep(rest_s)  # noqa: TID251 - worker thread, see above
            rows += taken
            if taken:
                if settle is not None:
                    # Disks may be slow, and others wait for the gate.
                    with _OwnWork(nullcontext()):
                        settle()
                if not goes_on or not wanted():
                    cut = "collector"
                    break
            if left:
                cut = "rows"
                break
    finally:
        source.close()
    with work:
        value = collector.finish()
    return Reading(described, rows, _total(cursor, extent, rows, cut), cut, value)


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
    names = _names_of_types()
    return [names[column.type_code] for column in description]


@cache
def _names_of_types() -> Mapping[int, str]:
    from snowflake.connector import constants

    names: Mapping[int, str] = vars(constants)["FIELD_ID_TO_NAME"]
    return names


@lru_cache(512)
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
    try:
        for piece in source:
            yield partial(_itself, piece)
    finally:
        source.close()


def _itself(piece: Any) -> Any:
    return piece


def _arrow_slices(cursor: Any, kinds: Sequence[str], scales: Sequence[int], offset: int) -> _Slices:
    timezone = temporal.zone(fetching.session_timezone(cursor) if "TIMESTAMP_LTZ" in kinds else "")
    before = 0
    source = fetching.batches(cursor, offset)
    try:
        for batch in source:
            converters = [
                columns.converter(kind, scale, arrow_type, timezone)
                for kind, scale, arrow_type in zip(kinds, scales, batch.schema.types, strict=True)
            ]
            for piece in fetching.slices(batch, before):
                yield partial(_of_arrow, converters, piece)
            before += batch.num_rows
    finally:
        source.close()


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
