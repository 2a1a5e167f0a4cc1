"""What a file of an export says, and what the connector says past the server, to be compared."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv, parquet

from tests.support.simulator import Endpoint

__all__ = ["COLUMNS", "MANY", "ROWS", "Digest", "digest_of_file", "digest_of_rows", "statement"]

COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "ID": ("number", "4 * E.EVENT_ID + F.N"),
    "OCCURRED_AT": ("time", "E.OCCURRED_AT"),
    "CUSTOMER_ID": ("number", "E.CUSTOMER_ID"),
    "EVENT_TYPE": ("text", "E.EVENT_TYPE"),
    "DURATION_MS": ("number", "E.DURATION_MS"),
    "AMOUNT": ("number", "(E.EVENT_ID * 0.25)::NUMBER(12,2)"),
    "RATIO": ("float", "E.EVENT_ID::FLOAT / 7"),
    "EVEN": ("bool", "MOD(E.EVENT_ID, 2) = 0"),
    "DAY": ("date", "E.OCCURRED_AT::DATE"),
    "NOTE": ("text", "CASE MOD(E.EVENT_ID, 3) WHEN 0 THEN '' WHEN 1 THEN 'a, \"b\" ☃' END"),
}
"""Kind and expression of each column: numbers of all sorts, NULL beside the empty text."""
_FOURFOLD: Final = (
    "CROSS JOIN (SELECT 1 AS N UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) F"
)
ROWS: Final = 1_000_000
Digest = tuple[int, int]
"""How many rows, and a number that is the same for the same rows in any order."""


def statement(where: str = "") -> str:
    """The statement, of ``ROWS`` rows; fewer with a condition on E."""
    columns = ", ".join(f"{sql} AS {name}" for name, (_, sql) in COLUMNS.items())
    return f"SELECT {columns} FROM DEMO.PRODUCT.EVENTS E {_FOURFOLD} {where}".rstrip()


MANY: Final = statement()


def digest_of_rows(endpoint: Endpoint, sql: str) -> Digest:
    """Of what the connector gives for it, past the server; blocks."""
    with closing(endpoint.connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(sql)

        def rows() -> Iterator[Sequence[Any]]:
            while some := cursor.fetchmany(10_000):
                yield from some

        return _digest(rows())


def digest_of_file(path: Path) -> Digest:
    """Of what another reader finds in it; blocks."""
    return _digest(_READERS[path.suffix](path))


def _digest(rows: Iterable[Sequence[Any]]) -> Digest:
    kinds = [_WORDS[kind] for kind, _ in COLUMNS.values()]
    count = total = 0
    for row in rows:
        words = [
            "\0" if value is None else word(value) for word, value in zip(kinds, row, strict=True)
        ]
        hashed = hashlib.blake2b("\x1f".join(words).encode(), digest_size=16).digest()
        count, total = count + 1, (total + int.from_bytes(hashed, "big")) % (1 << 128)
    return count, total


def _moment(value: Any) -> str:
    return (value if isinstance(value, datetime) else datetime.fromisoformat(value)).isoformat()


_WORDS: Final[Mapping[str, Callable[[Any], str]]] = {
    "number": lambda value: format(Decimal(str(value)), "f"),
    "float": lambda value: repr(float(value)),
    "bool": lambda value: str(value).lower(),
    "time": _moment,
    "date": lambda value: value.isoformat() if isinstance(value, date) else value,
    "text": str,
}


def _batches(batches: Iterable[Any]) -> Iterator[Sequence[Any]]:
    for batch in batches:
        columns = [
            # Nanoseconds that Python's own type has no place for would be an error here.
            (column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column)
            for column in batch.columns
        ]
        yield from zip(*(column.to_pylist() for column in columns), strict=True)


def _parquet(path: Path) -> Iterator[Sequence[Any]]:
    yield from _batches(parquet.ParquetFile(path).iter_batches())


def _arrow(path: Path) -> Iterator[Sequence[Any]]:
    with pa.memory_map(str(path)) as mapped:
        file = pa.ipc.open_file(mapped)
        yield from _batches(file.get_batch(at) for at in range(file.num_record_batches))


def _csv(path: Path) -> Iterator[Sequence[Any]]:
    texts = csv.ConvertOptions(
        column_types=dict.fromkeys(COLUMNS, pa.string()),
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
    )
    yield from _batches(csv.open_csv(path, convert_options=texts))


def _jsonl(path: Path) -> Iterator[Sequence[Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (list(json.loads(line).values()) for line in lines)


_READERS: Final[Mapping[str, Callable[[Path], Iterator[Sequence[Any]]]]] = {
    ".parquet": _parquet,
    ".arrow": _arrow,
    ".csv": _csv,
    ".jsonl": _jsonl,
}
