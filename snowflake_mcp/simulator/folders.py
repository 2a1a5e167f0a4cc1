"""A folder of data files as databases: CSV, Parquet and JSON lines become tables once."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.jobs import Job

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["BadFolder", "DataFile", "find_files", "load_files"]

DATABASE: Final = "DATA"
SCHEMA: Final = "PUBLIC"
"""Where a file goes whose folders do not say it."""

# Left to itself DuckDB's reader leaves out leading lines that do not fit the others. The whole
# file is looked at before types are chosen: a surprise in the last row is none.
_CSV: Final = "skip = 0, header = true, sample_size = -1, quote = '\"', escape = '\"'"
_READERS: Final = {
    ".csv": f"read_csv(?, delim = ',', {_CSV})",
    ".tsv": f"read_csv(?, delim = '\t', {_CSV})",
    ".parquet": "read_parquet(?)",
    ".jsonl": "read_json(?, format = 'newline_delimited', sample_size = -1, maximum_depth = 2)",
}
_READERS[".ndjson"] = _READERS[".jsonl"]
_PACKED: Final = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})
_BOUNDS: Final = (
    "SET GLOBAL memory_limit='512MB'",
    # Without a folder to spill to, a query beyond the limit fails and leaves no files behind.
    "SET GLOBAL temp_directory=''",
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_LEVELS: Final = 3


@dataclass(eq=False)
class BadFolder(Exception):
    """Data that cannot be loaded; ``problems`` has a line for each reason."""

    problems: Sequence[str]

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file and the table that it becomes."""

    path: Path
    reader: str
    """The DuckDB expression that reads it, with one parameter for the path."""
    database: str
    schema: str
    table: str

    @property
    def name(self) -> str:
        """The table in full."""
        return f"{self.place}.{_quoted(self.table)}"

    @property
    def place(self) -> str:
        """The schema in full."""
        return f"{_quoted(self.database)}.{_quoted(self.schema)}"


def find_files(root: Path) -> list[DataFile]:
    """The data files below ``root``: ``[DATABASE/[SCHEMA/]]table.csv`` and so on; blocks.

    Hidden files and files of other kinds are no data files.

    :raises BadFolder: with every reason; also when there is no data file at all.
    """
    problems: list[str] = []
    found: dict[str, DataFile] = {}
    try:
        paths = list(_walk(root, 1, problems))
    except OSError as error:
        raise BadFolder([f"{root}: {error.strerror or error}"]) from error
    for path in paths:
        stem, kind = _kind(path)
        if kind not in _READERS:
            continue
        parts = [*path.relative_to(root).parts[:-1], stem]
        problems += [
            f"{path}: {part!r} is no name for a database, schema or table; use letters, digits, _"
            for part in parts
            if not _NAME.fullmatch(part)
        ]
        names = [part.upper() for part in parts]
        database, schema, table = [*names[:-1], *(DATABASE, SCHEMA)[len(names) - 1 :], names[-1]]
        file = DataFile(path, _READERS[kind], database, schema, table)
        if file.name in found:
            problems.append(f"{path}: {found[file.name].path} is {file.name} already")
        found[file.name] = file
    if not found and not problems:
        problems.append(f"{root}: there is no file {', '.join(sorted(_READERS))} in it")
    if problems:
        raise BadFolder(problems)
    return list(found.values())


def load_files(connection: "Connection", files: Sequence[DataFile]) -> None:
    """Make a table of each file; blocks, before the instance is locked.

    From here on DuckDB has the memory that it will have when it is locked.

    :raises BadFolder: with a reason for every file that cannot be read.
    """
    for statement in _BOUNDS:
        connection.duck.execute(statement)
    problems: list[str] = []
    places: set[str] = set()
    for number, file in enumerate(files):
        try:
            for kind, place in (("DATABASE", _quoted(file.database)), ("SCHEMA", file.place)):
                if place not in places:
                    statement = f"CREATE {kind} IF NOT EXISTS {place}"
                    connection.run(Job(f"data-{number}", statement, "DEMO", 0))
                    places.add(place)
            _load(connection, file, number)
        except Exception as error:  # noqa: BLE001 DuckDB has a class for each way a file is bad
            problems.append(f"{file.path}: {_reason(error)}")
    if problems:
        raise BadFolder(problems)


def _walk(folder: Path, level: int, problems: list[str]) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif level < _LEVELS:
            yield from _walk(path, level + 1, problems)
        else:
            problems.append(f"{path}: folders go down to DATABASE/SCHEMA and no deeper")


def _kind(path: Path) -> tuple[str, str]:
    """Name of the table and kind of the file."""
    plain = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    kind = plain.suffix.lower()
    if plain is not path and kind not in _PACKED:
        kind = ""
    return plain.stem, kind


_UNEVEN: Final = (
    "not every line has as many values as the first, or a quote is never closed; columns are "
    "separated by commas (.csv) or tabs (.tsv), quotes inside quotes are doubled"
)
_LEAD: Final = re.compile(r"^(?:SQL compilation error:\n|[A-Z][A-Za-z ]* Error: )+")
_ASIDES: Final = ("Original Line", "Possible", "LINE ")


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, StatementFailed) else str(error)
    if "detect the CSV parsing dialect" in text:
        return _UNEVEN
    lines = [line.strip() for line in _LEAD.sub("", text).splitlines()]
    told = [line for line in lines if line and not line.startswith(_ASIDES)]
    return ". ".join(line.rstrip(".") for line in told[:2]) or type(error).__name__


def _load(connection: "Connection", file: DataFile, number: int) -> None:
    if not file.path.stat().st_size:
        raise BadFolder(["the file is empty"])
    described = connection.duck.execute(
        f"DESCRIBE SELECT * FROM {file.reader}",  # noqa: S608 one of the readers above
        [str(file.path)],
    ).fetchall()
    columns = [(str(row[0]), str(row[1])) for row in described]
    names = [name.upper() if _NAME.fullmatch(name) else name for name, _ in columns]
    twice = {name for name in names if [other.upper() for other in names].count(name.upper()) > 1}
    if twice:
        raise StatementFailed("002025", "42S21", f"more than one column {min(twice)}")
    types = [_declared(kind) for _, kind in columns]
    declared = ", ".join(f"{_quoted(name)} {kind}" for name, kind in zip(names, types, strict=True))
    connection.run(Job(f"data-{number}-t", f"CREATE TABLE {file.name} ({declared})", "DEMO", 0))
    values = ", ".join(_value(name, kind) for (name, _), kind in zip(columns, types, strict=True))
    try:
        connection.duck.execute(
            f"INSERT INTO {file.name} SELECT {values} FROM {_reader(file, columns)}",  # noqa: S608
            [str(file.path)],
        )
    except Exception:
        connection.run(Job(f"data-{number}-d", f"DROP TABLE {file.name}", "DEMO", 0))
        raise


def _reader(file: DataFile, columns: Sequence[tuple[str, str]]) -> str:
    if not file.reader.startswith("read_json"):
        return file.reader
    # As JSON, nested values stay as they were written, without the keys that other rows have.
    types = ", ".join(
        f"{_literal(name)}: {_literal('JSON' if _declared(kind) in _NESTED else kind)}"
        for name, kind in columns
    )
    return f"read_json(?, format = 'newline_delimited', columns = {{{types}}})"


_NESTED: Final = frozenset({"ARRAY", "OBJECT", "VARIANT"})
_TYPES: Final = {
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BLOB": "BINARY",
    "JSON": "VARIANT",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ",
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "TIMESTAMP_NTZ"),
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"),
        "NUMBER(38,0)",
    ),
    # The engine keeps a NUMBER(38,0) in 64 bits.
    "UBIGINT": "NUMBER(20,0)",
    "HUGEINT": "NUMBER(37,0)",
    "UHUGEINT": "NUMBER(37,0)",
}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


def _declared(kind: str) -> str:
    if found := _DECIMAL.fullmatch(kind):
        return f"NUMBER({found[1]},{found[2]})"
    if kind.endswith("]"):
        return "ARRAY"
    if kind.startswith(("STRUCT", "MAP")):
        return "OBJECT"
    return _TYPES.get(kind, "VARCHAR")


def _value(name: str, declared: str) -> str:
    column = _quoted(name)
    if declared in _NESTED:
        return f"to_json({column})"
    return f"CAST({column} AS VARCHAR)" if declared == "VARCHAR" else column


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
