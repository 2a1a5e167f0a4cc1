"""Results: what a statement gave, its answer as bytes, and the bounded store that keeps them."""

import base64
import mmap
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from snowflake_mcp.simulator.arrow import gzipped, to_ipc
from snowflake_mcp.simulator.columns import Field, text_field
from snowflake_mcp.simulator.ids import new_token

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "CHUNK_ROWS",
    "INLINE_ROWS",
    "Result",
    "ResultStore",
    "Rows",
    "make_result",
    "status_rows",
]

INLINE_ROWS: Final = 4_000
"""A result of more rows is cut into chunks."""

FIRST_ROWS: Final = 1_000
"""Rows of a chunked result that travel inside the answer itself."""

CHUNK_ROWS: Final = 16_384

KEPT_S: Final = 24 * 3_600.0
"""How long a result can be read."""

_INLINE_BYTES: Final = 4 << 20
_CHUNK_BYTES: Final = 8 << 20
_IN_USE_S: Final = 60.0
_HARD_FACTOR: Final = 4


@dataclass(frozen=True, slots=True)
class Rows:
    """What a statement gave: an Arrow table, or cells of text where Snowflake sends JSON."""

    fields: Sequence[Field]
    statement_type: int
    table: "pa.Table | None" = None
    """DuckDB's own types; turned into Snowflake's when it is sent."""
    cells: Sequence[Sequence[str | None]] = ()
    file: mmap.mmap | None = None
    """Where the table is, if it is not in memory."""

    def as_table(self) -> Any:
        """The rows as an Arrow table, for statements that read them; worker threads only."""
        import pyarrow as pa

        if self.table is not None:
            return self.table
        columns = list(zip(*self.cells, strict=True)) or [() for _ in self.fields]
        arrays = [
            pa.array(cells, pa.string()).cast(pa.int64())
            if field.type == "fixed"
            else pa.array(cells, pa.string())
            for field, cells in zip(self.fields, columns, strict=True)
        ]
        return pa.Table.from_arrays(arrays, names=[field.name for field in self.fields])


def status_rows(message: str, statement_type: int) -> Rows:
    """The one-row answer of a statement that only reports that it is done."""
    return Rows([text_field("status")], statement_type, cells=[[message]])


@dataclass(slots=True)
class Result:
    """A finished statement's answer, and the rows that did not fit into it."""

    body: bytes
    """The whole JSON answer."""
    rows: int
    fields: Sequence[Field] = ()
    table: "pa.Table | None" = None
    cells: Sequence[Sequence[str | None]] = ()
    secret: str = ""
    """Part of the chunk addresses, in the place of a stage's signature."""
    chunks: list[tuple[int, int]] = field(default_factory=list)
    """First row and number of rows of each chunk."""
    statement_type: int = 0x1000
    file: mmap.mmap | None = None
    """Where the table is, if it is not in memory."""

    @property
    def size(self) -> int:
        """Bytes this result holds in memory."""
        return len(self.body) + (0 if self.file is not None else self._rows_size)

    @property
    def filed_size(self) -> int:
        """Bytes this result holds in a file."""
        return 0 if self.file is None else self._rows_size

    @property
    def _rows_size(self) -> int:
        return 0 if self.table is None else int(self.table.nbytes)

    def as_rows(self) -> Rows:
        """The rows as they were given; nothing is copied."""
        return Rows(self.fields, self.statement_type, self.table, self.cells, self.file)

    def as_table(self) -> Any:
        """The rows as an Arrow table, for RESULT_SCAN; worker threads only."""
        return Rows(self.fields, 0, self.table, self.cells).as_table()

    def chunk(self, number: int) -> bytes:
        """Chunk ``number`` as gzipped Arrow; blocks, worker threads only."""
        start, length = self.chunks[number]
        data = gzipped(to_ipc(_batches(self.table, start, length), self.fields))
        if self.file is not None:
            # Otherwise what has been read once counts as memory of the process until it ends.
            self.file.madvise(mmap.MADV_DONTNEED)
        return data


def make_result(rows: Rows, query_id: str, facts: Mapping[str, object], base: str) -> Result:
    """The answer for ``rows``; blocks, worker threads only.

    ``facts`` are the fields about the session (finalDatabaseName, ...), ``base`` the address
    that clients reach this server by.
    """
    kind = rows.statement_type
    data: dict[str, object] = {
        **facts,
        "rowtype": [field.rowtype() for field in rows.fields],
        "queryId": query_id,
        "statementTypeId": kind,
        "numberOfBinds": 0,
        "arrayBindSupported": False,
        "version": 1,
    }
    if rows.table is None:
        total = len(rows.cells)
        data |= {
            "total": total,
            "returned": total,
            "queryResultFormat": "json",
            "rowset": rows.cells,
        }
        body = _success(data)
        return Result(body, total, rows.fields, cells=rows.cells, statement_type=kind)
    table = rows.table
    total = table.num_rows
    result = Result(
        *(b"", total, rows.fields, table),
        secret=new_token(),
        statement_type=kind,
        file=rows.file,
    )
    inline = total
    if total > INLINE_ROWS or table.nbytes > _INLINE_BYTES:
        per_row = max(1, table.nbytes // max(1, total))
        inline = min(FIRST_ROWS, _INLINE_BYTES // per_row, total)
        step = max(1, min(CHUNK_ROWS, _CHUNK_BYTES // per_row))
        result.chunks = [(start, min(step, total - start)) for start in range(inline, total, step)]
        data["chunks"] = [
            {
                "url": f"{base}/chunk/{query_id}/{result.secret}/{number}",
                "rowCount": length,
                "uncompressedSize": length * per_row,
                "compressedSize": length * per_row // 2,
            }
            for number, (_, length) in enumerate(result.chunks)
        ]
        data["chunkHeaders"] = {}
    data |= {
        "total": total,
        "returned": total,
        "queryResultFormat": "arrow",
        "rowsetBase64": base64.b64encode(to_ipc(_batches(table, 0, inline), rows.fields)).decode(),
    }
    result.body = _success(data)
    return result


def _batches(table: Any, start: int, length: int) -> list[Any]:
    # Connector 4.8 crashes on a batch without rows, so none is ever sent.
    batches = table.slice(start, length).to_batches(max_chunksize=CHUNK_ROWS)
    return [batch for batch in batches if batch.num_rows]


def _success(data: Mapping[str, object]) -> bytes:
    return msgspec.json.encode({"data": data, "code": None, "message": None, "success": True})


@dataclass(slots=True)
class _Stored:
    result: Result
    made_at: float
    touched_at: float


class ResultStore:
    """The newest results, bounded in number, bytes and age; reactor thread only.

    A result that was read or made less than a minute ago makes room only when four times the
    bytes are held: its client may still be fetching the chunks. The newest result is always
    kept, however large. After 24 hours a result is gone, as on Snowflake.
    """

    def __init__(
        self, max_results: int, max_bytes: int, max_filed_bytes: int, now: Callable[[], float]
    ) -> None:
        """``max_bytes`` in memory, ``max_filed_bytes`` in files.

        ``now`` gives seconds on a clock that never jumps.
        """
        self._max_results = max_results
        self._max_bytes = max_bytes
        self._max_filed_bytes = max_filed_bytes
        self._now = now
        self._results: OrderedDict[str, _Stored] = OrderedDict()
        self._bytes = 0
        self._filed_bytes = 0

    @property
    def size(self) -> int:
        """Bytes held in memory now."""
        return self._bytes

    @property
    def filed_size(self) -> int:
        """Bytes held in files now."""
        return self._filed_bytes

    def __len__(self) -> int:
        return len(self._results)

    def put(self, query_id: str, result: Result) -> None:
        """Keep ``result``; the least recently read ones make room."""
        now = self._now()
        self._results[query_id] = _Stored(result, now, now)
        self._bytes += result.size
        self._filed_bytes += result.filed_size
        while len(self._results) > 1 and self._must_drop():
            self._drop(next(iter(self._results)))

    def get(self, query_id: str) -> Result | None:
        """The result, or None when it was never there, is too old or had to make room."""
        stored = self._results.get(query_id)
        if stored is None:
            return None
        stored.touched_at = self._now()
        if stored.touched_at - stored.made_at >= KEPT_S:
            self._drop(query_id)
            return None
        self._results.move_to_end(query_id)
        return stored.result

    def _drop(self, query_id: str) -> None:
        result = self._results.pop(query_id).result
        self._bytes -= result.size
        self._filed_bytes -= result.filed_size

    def _must_drop(self) -> bool:
        fullness = max(self._bytes / self._max_bytes, self._filed_bytes / self._max_filed_bytes)
        if fullness > _HARD_FACTOR:
            return True
        over = len(self._results) > self._max_results or fullness > 1
        oldest = next(iter(self._results.values()))
        return over and self._now() - oldest.touched_at >= _IN_USE_S
