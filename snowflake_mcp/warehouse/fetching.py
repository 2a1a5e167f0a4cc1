"""Reading a finished statement's rows off the driver, as Arrow where it has Arrow.

The batches are Snowflake's own encoding (unscaled integers, epoch and fraction, zone offset),
taken before the driver converts them: its Arrow conversion drops a timestamp's zone, and its
row conversion holds the interpreter for seconds. The lines keep them in different places, hence
the private names, which live only here; ``rows`` is the public way for everything else.
"""

from base64 import b64decode
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Final

from snowflake_mcp.warehouse.connect import connector_line

__all__ = [
    "BRISK_SLICES",
    "SLICE_ROWS",
    "batches",
    "is_arrow",
    "python_rows",
    "session_timezone",
    "slices",
]

SLICE_ROWS: Final = 500
"""Rows converted in one go; larger slices make the reactor wait for the interpreter."""

BRISK_SLICES: Final = 2
"""The first ones: they are converted without a rest, and most results have no more. What follows
takes a while anyway, and is cut finer: the reactor asks for the interpreter at every system call,
and gets it no sooner than the longest step of a slice ends."""
_FINER: Final = 2
"""Each slice has its price: at 4 a large result costs half as much again, at 2 a tenth."""
_SLICE_CELLS: Final = 5_000
_SLICE_BYTES: Final = 1 << 18
"""Of Arrow; as Python values a slice takes several times as much, and about a millisecond."""


def slices(batch: Any, before: int = 0) -> Iterator[Any]:
    """The parts of a record batch to convert in one go: fewer rows when they are large.

    So many rows of the result came ``before`` those of the batch.
    """
    rows: int = batch.num_rows
    step = max(1, min(SLICE_ROWS, _SLICE_CELLS // max(1, batch.num_columns)))
    if rows <= step and not before and batch.nbytes <= _SLICE_BYTES:
        if rows:
            yield batch
        return
    start = 0
    while start < rows:
        taken = step if before + start < BRISK_SLICES * step else max(1, step // _FINER)
        yield from _small(batch.slice(start, taken))
        start += taken


def _small(piece: Any) -> Iterator[Any]:
    """The piece, or its halves: one row may be larger than all others."""
    rows = piece.num_rows
    if rows == 1 or piece.nbytes <= _SLICE_BYTES:
        yield piece
    else:
        yield from _small(piece.slice(0, rows // 2))
        yield from _small(piece.slice(rows // 2))


def is_arrow(cursor: Any) -> bool:
    """Whether the result came as Arrow; DML, and SHOW on a real account, come as JSON."""
    if getattr(cursor, "_query_result_format", None) != "arrow":
        return False
    return connector_line() == "4.8" or hasattr(cursor, "_result_set")


def batches(cursor: Any, offset: int = 0) -> Generator[Any, None, None]:
    """Record batches in Snowflake's encoding, downloaded as they are asked for; blocks.

    They begin with row ``offset``; chunks that lie wholly before it are not downloaded.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    import pyarrow as pa

    if connector_line() == "5":
        for before, stream in _streams_of_5(cursor, offset):
            with pa.RecordBatchReader._import_from_c(stream) as reader:  # noqa: SLF001 - C data API
                yield from _behind(reader, before) if before else reader
        return
    for before, part in _parts(cursor, offset):
        data = part._data  # noqa: SLF001 - see above
        if data is None:
            data = part._download(connection=cursor.connection).content  # noqa: SLF001
        elif isinstance(data, str):
            data = b64decode(data)
        if data:
            with pa.ipc.open_stream(data) as reader:
                yield from _behind(reader, before)


def _streams_of_5(cursor: Any, offset: int) -> Iterator[tuple[int, int]]:
    """Addresses of Arrow streams, and the rows to pass over in each."""
    if not offset:
        # One stream over everything: the driver downloads some chunks ahead.
        yield 0, cursor._result_set.get_arrow_stream_ptr()  # noqa: SLF001 - see above
        return
    for before, part in _parts(cursor, offset):
        yield before, part._fetch_arrow_stream_ptr(cursor.connection)  # noqa: SLF001 - see above


def _parts(cursor: Any, offset: int) -> Iterator[tuple[int, Any]]:
    """The parts of the result from row ``offset`` on, with the rows of each that come before."""
    before = offset
    for part in cursor.get_result_batches() or ():
        if before and before >= part.rowcount:
            before -= part.rowcount
            continue
        yield before, part
        before = 0


def _behind(reader: Any, before: int) -> Iterator[Any]:
    """The batches of a stream without its first ``before`` rows."""
    for batch in reader:
        if before >= batch.num_rows:
            before -= batch.num_rows
            continue
        yield batch.slice(before) if before else batch
        before = 0


def python_rows(cursor: Any, offset: int = 0) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Slices of rows from row ``offset`` on as Python values; blocks.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    while offset > 0 and (passed := cursor.fetchmany(min(offset, SLICE_ROWS))):
        offset -= len(passed)
    while rows := cursor.fetchmany(SLICE_ROWS):
        start = size = 0
        for at, row in enumerate(rows):
            here = sum(len(cell) for cell in row if isinstance(cell, (str, bytes)))
            if size + here > _SLICE_BYTES and at > start:
                yield rows[start:at]
                start, size = at, 0
            size += here
        yield rows[start:]


def session_timezone(cursor: Any) -> str:
    """The session's TIMEZONE, for TIMESTAMP_LTZ; empty when the driver does not know it."""
    if connector_line() == "5":
        return str(cursor.timezone or "")
    # The cursor of 4.8 learns it from execute() only.
    return str(cursor.connection._session_parameters.get("TIMEZONE", ""))  # noqa: SLF001 - see top
