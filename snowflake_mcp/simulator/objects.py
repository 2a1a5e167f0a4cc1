"""Statements that make, change and drop objects: what is refused, and what is remembered."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.failures import missing_object, not_supported
from snowflake_mcp.simulator.information import complete_information_schema
from snowflake_mcp.simulator.keys import Key, added_keys, take_keys
from snowflake_mcp.simulator.lexical import Token, Words
from snowflake_mcp.simulator.results import Rows, status_rows

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection
    from snowflake_mcp.simulator.notes import Path

__all__ = ["check_statement", "drop_keys", "instead_of_engine", "remember", "without_keys"]

_KINDS: Final = frozenset({"TABLE", "VIEW", "SCHEMA", "DATABASE", "SEQUENCE"})
_DDL: Final = 0x6000


def check_statement(expression: Any, found: Sequence[Token]) -> None:
    """Refuse what the engine would do wrongly, or would do to the host's files.

    :raises StatementFailed: 000002
    """
    from sqlglot import exp

    if isinstance(expression, exp.Command):
        words = f"{expression.this} {expression.expression or ''}".upper().split()
        raise not_supported(f"the statement {' '.join(words[:2])[:60]}")
    if isinstance(expression, exp.Create | exp.Drop):
        kind = str(expression.args.get("kind") or "").upper()
        if kind not in _KINDS:
            verb = type(expression).__name__.upper()
            raise not_supported(f"{verb} {kind or 'of this object'}")
        if kind == "DATABASE" and any(token.keyword in {"CLONE", "FROM"} for token in found):
            raise not_supported("CREATE DATABASE from another place")
    allowed = (
        exp.Alter,
        exp.Comment,
        exp.Commit,
        exp.Create,
        exp.Delete,
        exp.Drop,
        exp.Insert,
        exp.Merge,
        exp.Rollback,
        exp.Set,
        exp.Show,
        exp.Transaction,
        exp.TruncateTable,
        exp.Update,
    )
    unset = isinstance(expression, exp.Alias) and expression.this.name.upper() == "UNSET"
    if not unset and not isinstance(expression, allowed):
        raise not_supported(f"the statement {type(expression).__name__.upper()}")


def instead_of_engine(expression: Any, connection: "Connection") -> Rows | None:
    """Answer statements about databases and schemas that fakesnow gets wrong; None for others."""
    from sqlglot import exp

    kind = str(expression.args.get("kind") or "").upper()
    if isinstance(expression, exp.Comment) and kind in {"DATABASE", "SCHEMA"}:
        path = _path(expression.this, connection, kind)
        connection.catalog.notes.set_comment(path, expression.expression.name)
        return status_rows("Statement executed successfully.", _DDL)
    if isinstance(expression, exp.Comment):
        connection.fakesnow_run(expression.sql(dialect="snowflake"))
        return status_rows("Statement executed successfully.", _DDL)
    if isinstance(expression, exp.Drop) and kind == "DATABASE":
        return _drop_database(expression, connection)
    if isinstance(expression, exp.Alter):
        added = added_keys(expression, lambda node: _path(node, connection, "TABLE"))
        if added:
            path = connection.catalog.find(_path(expression.this, connection, "TABLE")).path
            _add_keys(path, added, connection)
            return status_rows("Statement executed successfully.", _DDL)
    return None


def _add_keys(path: "Path", added: list[Key], connection: "Connection") -> None:
    notes = connection.catalog.notes
    notes.set_keys(path, [key for table, key in notes.all_keys() if table == path] + added)


def drop_keys(connection: "Connection", path: "Path", words: Words) -> Rows:
    """ALTER TABLE ... DROP PRIMARY KEY, UNIQUE (...), FOREIGN KEY (...) or CONSTRAINT ...

    ``words`` stand behind DROP.
    """
    table = connection.catalog.find(path).path
    notes = connection.catalog.notes
    kept = [key for owner, key in notes.all_keys() if owner == table]
    if words.accept("CONSTRAINT"):
        name = words.name()
        left = [key for key in kept if key.name != name]
        if left == kept:
            raise missing_object("Constraint", name)
    else:
        kind = "UNIQUE" if words.accept("UNIQUE") else f"{words.take().keyword} KEY"
        words.accept("KEY")
        left = [key for key in kept if key.kind != kind]
    notes.set_keys(table, left)
    return status_rows("Statement executed successfully.", _DDL)


def without_keys(expression: Any, connection: "Connection") -> list[Key]:
    """Take the keys out of a CREATE TABLE; :func:`remember` wants them back."""
    from sqlglot import exp

    if not isinstance(expression, exp.Create):
        return []
    return take_keys(expression, lambda node: _path(node, connection, "TABLE"))


def _drop_database(expression: Any, connection: "Connection") -> Rows:
    target = _targets(expression)[0]
    (name,) = _path(target, connection, "DATABASE")
    if not connection.catalog.has_database(name):
        if expression.args.get("exists"):
            return status_rows(
                f"Drop statement executed successfully ({name} already dropped).",
                _DDL,
            )
        raise missing_object("Database", name)
    connection.leave_database(name)
    connection.duck.execute(f"DETACH {_quoted(name)}")
    connection.catalog.notes.forget((name,))
    return status_rows(f"{name} successfully dropped.", _DDL)


def _targets(drop: Any) -> Sequence[Any]:
    targets: Sequence[Any] = drop.args.get("tables") or drop.expressions or [drop.this]
    return targets


def remember(
    expression: Any,
    sql: str,
    found: Sequence[Token],
    connection: "Connection",
    keys: list[Key],
) -> None:
    """Note what DuckDB will not keep of an object that was just made, changed or dropped."""
    from sqlglot import exp

    kind = str(expression.args.get("kind") or "").upper()
    if isinstance(expression, exp.Create):
        source = _view_query(sql, found) if kind == "VIEW" else ""
        _created(expression, kind, source, connection)
        if keys:
            connection.catalog.notes.set_keys(_path(expression.this.this, connection, kind), keys)
    elif isinstance(expression, exp.Alter):
        _renamed(expression, connection)
    elif isinstance(expression, exp.Drop):
        for target in _targets(expression):
            connection.catalog.notes.forget(_path(target, connection, kind))
    elif isinstance(expression, exp.Transaction):
        connection.place.in_transaction = True
    elif isinstance(expression, exp.Commit | exp.Rollback):
        connection.place.in_transaction = False


def _renamed(alter: Any, connection: "Connection") -> None:
    from sqlglot import exp

    for action in alter.args.get("actions") or ():
        if isinstance(action, exp.AlterRename):
            path = _path(alter.this, connection, "TABLE")
            connection.catalog.notes.move(path, _path(action.this, connection, "TABLE"))


def _view_query(sql: str, found: Sequence[Token]) -> str:
    """The query of CREATE VIEW as it was written."""
    depth = 0
    for token in found:
        if token.text in {"(", ")"}:
            depth += 1 if token.text == "(" else -1
        elif depth == 0 and token.keyword == "AS":
            return sql[token.end : found[-1].end].strip()
    return ""


def _created(expression: Any, kind: str, source: str, connection: "Connection") -> None:
    from sqlglot import exp

    target = expression.this.this if isinstance(expression.this, exp.Schema) else expression.this
    path = _path(target, connection, kind)
    notes = connection.catalog.notes
    notes.set_created(path, datetime.now(UTC), source)
    comment = expression.find(exp.SchemaCommentProperty)
    if kind in {"DATABASE", "SCHEMA"} and comment is not None:
        notes.set_comment(path, comment.this.name)
    if kind == "DATABASE":
        complete_information_schema(connection.duck, path[0], notes.created(path))
        connection.duck.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(path[0])}.PUBLIC")
        connection.use(path[0], "PUBLIC")
    elif kind == "SCHEMA":
        connection.use(*path)
    elif isinstance(expression.this, exp.Schema):
        _note_columns(expression.this.expressions, path, connection)


def _note_columns(columns: Sequence[Any], path: "Path", connection: "Connection") -> None:
    from sqlglot import exp

    for column in columns:
        if not isinstance(column, exp.ColumnDef):
            continue
        name = column.name if column.this.quoted else column.name.upper()
        declared = _declared(column.args.get("kind"))
        if declared:
            connection.catalog.notes.set_type(path, name, declared)
        comment = column.find(exp.CommentColumnConstraint)
        if comment is not None:
            where = ".".join(_quoted(part) for part in (*path, name))
            text = comment.this.name.replace("'", "''")
            connection.duck.execute(f"COMMENT ON COLUMN {where} IS '{text}'")


def _declared(kind: Any) -> str:
    """A declared type where DuckDB's own would not tell it."""
    from sqlglot import exp

    plain = {
        exp.DataType.Type.OBJECT: "OBJECT",
        exp.DataType.Type.ARRAY: "ARRAY",
        exp.DataType.Type.MAP: "MAP",
        exp.DataType.Type.GEOGRAPHY: "GEOGRAPHY",
        exp.DataType.Type.GEOMETRY: "GEOMETRY",
    }
    with_scale = {
        exp.DataType.Type.TIME: "TIME",
        exp.DataType.Type.TIMESTAMP: "TIMESTAMP_NTZ",
        exp.DataType.Type.TIMESTAMPNTZ: "TIMESTAMP_NTZ",
        exp.DataType.Type.TIMESTAMPTZ: "TIMESTAMP_TZ",
        exp.DataType.Type.TIMESTAMPLTZ: "TIMESTAMP_LTZ",
    }
    if kind is None:
        return ""
    if kind.this in with_scale:
        scale = kind.expressions[0].name if kind.expressions else "9"
        return f"{with_scale[kind.this]}({scale})"
    return plain.get(kind.this, "")


def _path(target: Any, connection: "Connection", kind: str) -> "Path":
    """The full name an object has in a statement, with the session's place put in."""
    parts = [part.name if part.quoted else part.name.upper() for part in target.parts if part.name]
    place = connection.place
    here = [place.database or "", place.schema or ""]
    depth = {"DATABASE": 1, "SCHEMA": 2}.get(kind, 3)
    parts = parts[-depth:]
    missing = depth - len(parts)
    return (*here[: max(0, missing)], *parts)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
