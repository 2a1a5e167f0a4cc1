"""The formats of exports: rows or record batches become bytes; worker threads only."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from snowflake_mcp.exports.draft import Draft

__all__ = ["BATCHES", "BatchWriter", "CsvWriter", "JsonLinesWriter", "RowWriter"]

Cell = bool | int | float | str | None
"""Of a row, once nested values are JSON text."""

BATCHES: Final = frozenset({"arrow", "parquet"})
"""The formats that take record batches; the others take rows."""
_GROUP_ROWS: Final = 65_536
_GROUP_BYTES: Final = 16 << 20
"""Where a group of rows ends, in the file and in memory: whichever comes first."""


class RowWriter(Protocol):
    """Writes rows of text formats."""

    head: bytes
    """What comes before all rows."""

    def encode(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        """The bytes of these rows."""


class CsvWriter:
    """RFC 4180 with LF at the ends of lines: NULL is nothing, the empty text is ``""``."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names`` of the columns, each another one."""
        self.head = (",".join(map(_quoted, names)) + "\n").encode()

    def encode(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        """The bytes of these rows."""
        return "".join([",".join([_cell(value) for value in row]) + "\n" for row in rows]).encode()


class JsonLinesWriter:
    """One JSON object a line, with every column, in their order."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names`` of the columns, each another one."""
        self.head = b""
        self._names = names
        self._encoder = msgspec.json.Encoder()

    def encode(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        """The bytes of these rows."""
        names = self._names
        return self._encoder.encode_lines([dict(zip(names, row, strict=True)) for row in rows])


class BatchWriter:
    """Parquet (Snappy) or an Arrow IPC file (LZ4), group by group."""

    def __init__(self, draft: Draft, format: str, schema: Any) -> None:  # noqa: A002 - as the tool has it
        import pyarrow as pa
        from pyarrow import parquet

        self._schema = schema
        self._pending: list[Any] = []
        self._rows = self._bytes = 0
        self._close: Callable[[], None]
        if format == "parquet":
            written = parquet.ParquetWriter(draft, schema, compression="snappy", version="2.6")
            self._put: Callable[[Any], None] = lambda table: written.write_table(
                table, row_group_size=_GROUP_ROWS
            )
            self._close = written.close
        else:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            stream = pa.ipc.new_file(draft, schema, options=options)
            self._put = lambda table: stream.write_table(table.combine_chunks())
            self._close = stream.close

    def add(self, batch: Any) -> None:
        """Take a record batch; nothing is written yet."""
        self._pending.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes

    def settle(self) -> None:
        """Write a group where there is enough for one."""
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._write()

    def close(self) -> None:
        """Write the rest, and the end of the file."""
        if self._pending:
            self._write()
        self._close()

    def _write(self) -> None:
        import pyarrow as pa

        pending, self._pending = self._pending, []
        self._rows = self._bytes = 0
        self._put(pa.Table.from_batches(pending, schema=self._schema))


def _cell(value: Cell) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else msgspec.json.encode(value).decode()


def _quoted(text: str) -> str:
    # Searches in C: this runs once for each text of a result.
    if text and not ("," in text or '"' in text or "\n" in text or "\r" in text):
        return text
    return '"' + text.replace('"', '""') + '"'
