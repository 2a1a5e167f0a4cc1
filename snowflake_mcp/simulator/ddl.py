"""GET_DDL and DESCRIBE: objects told as Snowflake tells them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.absent import is_absent
from snowflake_mcp.simulator.catalog import ColumnEntry, Entry
from snowflake_mcp.simulator.columns import text_field
from snowflake_mcp.simulator.failures import StatementFailed, missing_object, not_supported
from snowflake_mcp.simulator.keys import Key
from snowflake_mcp.simulator.lexical import Words, tokens
from snowflake_mcp.simulator.notes import Path
from snowflake_mcp.simulator.results import Rows

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["describe", "full_path", "get_ddl", "table_ddl", "view_ddl"]

_DESCRIBE: Final = 0x4500
_PLAIN: Final = re.compile(r"[A-Z_][A-Z0-9_$]*")


def full_path(connection: "Connection", names: Sequence[str]) -> Path:
    """Three names, the missing ones from the session's place.

    :raises StatementFailed: 090105 when the session has no place to complete them from.
    """
    place = connection.place
    here = [place.database or "", place.schema or ""]
    path = (*here[: 3 - len(names)], *names)[-3:]
    if not all(path[:2]):
        raise StatementFailed(
            "090105",
            "22000",
            "This session does not have a current database. "
            "Call 'USE DATABASE', or use a qualified name.",
        )
    return path


def get_ddl(connection: "Connection", kind: str, name: str) -> str:
    """The statement that would make a table or view.

    :raises StatementFailed: a kind that has no DDL here, or an object that is not there.
    """
    kind = kind.upper().replace("_", " ")
    if kind == "SCHEMA":
        return _schema_ddl(connection, full_path(connection, [*Words(tokens(name)).path(), ""]))
    if is_absent(kind):
        raise missing_object(kind.title(), name)
    if kind not in {"TABLE", "VIEW"}:
        raise not_supported(f"GET_DDL of {kind[:40]}")
    path = full_path(connection, Words(tokens(name)).path())
    entry = connection.catalog.find(path)
    if entry.kind != kind:
        raise missing_object(kind.title(), ".".join(path))
    columns = connection.catalog.columns(*path)
    if kind == "VIEW":
        return view_ddl(entry, columns)
    keys = [
        key
        for constraint in ("PRIMARY KEY", "UNIQUE", "FOREIGN KEY")
        for _, key in connection.catalog.keys(constraint, path)
    ]
    return table_ddl(entry, columns, keys)


def _schema_ddl(connection: "Connection", path: Path) -> str:
    database, schema = path[:2]
    if not connection.catalog.has_schema(database, schema):
        raise missing_object("Schema", f"{database}.{schema}")
    found = [*connection.catalog.tables(database, schema)]
    found += connection.catalog.views(database, schema)
    parts = [f"create or replace schema {_shown(schema)};"]
    for entry in found:
        name = ".".join(map(_quoted, entry.path))
        parts.append(get_ddl(connection, entry.kind, name))
    return "\n\n".join(parts)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def table_ddl(entry: Entry, columns: Sequence[ColumnEntry], keys: Sequence[Key]) -> str:
    """CREATE TABLE as GET_DDL writes it."""
    lines = [_column_line(column) for column in columns]
    for key in keys:
        given = "" if key.name.startswith("SYS_CONSTRAINT_") else f"constraint {_shown(key.name)} "
        line = f"\t{given}{key.kind.lower()} ({', '.join(map(_shown, key.columns))})"
        if key.target:
            owner = ".".join(map(_shown, key.target))
            line += f" references {owner}({','.join(map(_shown, key.targets))})"
        lines.append(line)
    body = ",\n".join(lines)
    ending = f"\n)COMMENT={_text(entry.comment)}\n;" if entry.comment else "\n);"
    return f"create or replace TABLE {_shown(entry.name)} (\n{body}{ending}"


def view_ddl(entry: Entry, columns: Sequence[ColumnEntry]) -> str:
    """CREATE VIEW as GET_DDL writes it."""
    lines = ",\n".join(
        f"\t{_shown(column.name)}" + (f" COMMENT {_text(column.comment)}" if column.comment else "")
        for column in columns
    )
    comment = f" COMMENT={_text(entry.comment)}\n" if entry.comment else " "
    return f"create or replace view {_shown(entry.name)}(\n{lines}\n){comment}as {entry.text};"


def _column_line(column: ColumnEntry) -> str:
    line = f"\t{_shown(column.name)} {column.type}"
    if not column.nullable:
        line += " NOT NULL"
    if column.default is not None:
        line += f" DEFAULT {column.default}"
    if column.comment:
        line += f" COMMENT {_text(column.comment)}"
    return line


def _shown(name: str) -> str:
    if _PLAIN.fullmatch(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_COLUMNS: Final = (
    "name",
    "type",
    "kind",
    "null?",
    "default",
    "primary key",
    "unique key",
    "check",
    "expression",
    "comment",
    "policy name",
    "privacy domain",
)


def describe(connection: "Connection", kind: str, names: Sequence[str]) -> Rows:
    """DESCRIBE TABLE and DESCRIBE VIEW: one row for each column.

    :raises StatementFailed: 002003 when there is no such object.
    """
    path = full_path(connection, names)
    entry = connection.catalog.find(path)
    if kind == "VIEW" and entry.kind != "VIEW":
        raise missing_object("View", ".".join(path))
    cells = [
        [
            column.name,
            column.type,
            "COLUMN",
            "Y" if column.nullable else "N",
            column.default,
            "Y" if column.primary_key else "N",
            "Y" if column.unique_key else "N",
            None,
            None,
            column.comment or None,
            None,
            None,
        ]
        for column in connection.catalog.columns(*path)
    ]
    return Rows([text_field(name) for name in _COLUMNS], _DESCRIBE, cells=cells)
