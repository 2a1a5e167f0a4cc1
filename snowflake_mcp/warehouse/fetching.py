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

__all__ = ["SLICE_ROWS", "batches", "is_arrow", "python_rows", "session_timezone", "slice_rows"]

SLICE_ROWS: Final = 500
"""Rows converted in one go; larger slices make the reactor wait for the interpreter."""

_SLICE_BYTES: Final = 4 << 20
"""Of Arrow; as Python values a slice takes several times as much."""


def slice_rows(batch: Any) -> int:
    """How many rows of a record batch to convert in one go: fewer when they are large."""
    per_row = batch.nbytes // max(1, batch.num_rows) + 1
    return int(max(1, min(SLICE_ROWS, _SLICE_BYTES // per_row)))


def is_arrow(cursor: Any) -> bool:
    """Whether the result came as Arrow; DML, and SHOW on a real account, come as JSON."""
    if getattr(cursor, "_query_result_format", None) != "arrow":
        return False
    return connector_line() == "4.8" or hasattr(cursor, "_result_set")


def batches(cursor: Any) -> Generator[Any, None, None]:
    """Record batches in Snowflake's encoding, downloaded as they are asked for; blocks.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    import pyarrow as pa

    if connector_line() == "5":
        stream = cursor._result_set.get_arrow_stream_ptr()  # noqa: SLF001 - see above
        with pa.RecordBatchReader._import_from_c(stream) as reader:  # noqa: SLF001 - C data API
            yield from reader
        return
    for part in cursor.get_result_batches() or ():
        data = part._data  # noqa: SLF001 - see above
        if data is None:
            data = part._download(connection=cursor.connection).content  # noqa: SLF001
        elif isinstance(data, str):
            data = b64decode(data)
        if data:
            with pa.ipc.open_stream(data) as reader:
                yield from reader


def python_rows(cursor: Any) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Slices of rows as Python values; blocks.

    Raises:
        Exception: whatever the driver raises; ``errors.classify`` knows it.
    """
    while rows := cursor.fetchmany(SLICE_ROWS):
        yield rows


def session_timezone(cursor: Any) -> str:
    """The session's TIMEZONE, for TIMESTAMP_LTZ; empty when the driver does not know it."""
    if connector_line() == "5":
        return str(cursor.timezone or "")
    # The cursor of 4.8 learns it from execute() only.
    return str(cursor.connection._session_parameters.get("TIMEZONE", ""))  # noqa: SLF001 - see top
