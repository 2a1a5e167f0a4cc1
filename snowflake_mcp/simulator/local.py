"""Statements answered here and not by the engine: USE, ALTER SESSION, SHOW, DESCRIBE, ..."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.columns import text_field
from snowflake_mcp.simulator.ddl import describe, full_path
from snowflake_mcp.simulator.describing import DESCRIBED, describe_other
from snowflake_mcp.simulator.explain import explain
from snowflake_mcp.simulator.failures import StatementFailed, not_supported
from snowflake_mcp.simulator.jobs import DEMO_ROLE, DEMO_WAREHOUSE, Job
from snowflake_mcp.simulator.lexical import Token, Words
from snowflake_mcp.simulator.listing import answer_show
from snowflake_mcp.simulator.objects import drop_keys
from snowflake_mcp.simulator.results import Rows, status_rows
from snowflake_mcp.simulator.show import parse_show

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["LOCAL", "Place"]

_DONE: Final = "Statement executed successfully."
_SCL: Final = 0x4000
_USE: Final = 0x4300


@dataclass(slots=True)
class Place:
    """Where a session stands: its current database, schema, role and warehouse."""

    database: str | None = None
    schema: str | None = None
    role: str = DEMO_ROLE
    warehouse: str = DEMO_WAREHOUSE
    in_transaction: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    """What ALTER SESSION set."""


def _use(connection: "Connection", found: Sequence[Token], _job: Job) -> Rows:
    words = Words(found[1:])
    place = connection.place
    if words.accept("ROLE"):
        place.role = words.name()
    elif words.accept("WAREHOUSE"):
        place.warehouse = words.name()
    elif words.accept("SECONDARY", "ROLES"):
        words.take()
    elif words.accept("SCHEMA"):
        _use_schema(connection, words.path())
    elif words.accept("DATABASE"):
        _use_database(connection, words.name())
    else:
        path = words.path()
        if len(path) == 1:
            _use_database(connection, path[0])
        else:
            _use_schema(connection, path)
    if not words.done:
        raise words.unexpected()
    return status_rows(_DONE, _USE)


def _use_database(connection: "Connection", database: str) -> None:
    if not connection.catalog.has_database(database):
        raise _no_object()
    has_public = connection.catalog.has_schema(database, "PUBLIC")
    connection.use(database, "PUBLIC" if has_public else None)


def _use_schema(connection: "Connection", path: Sequence[str]) -> None:
    if len(path) == 1 and connection.place.database is None:
        raise StatementFailed(
            "090105",
            "22000",
            "Cannot perform USE SCHEMA. This session does not have a current database. "
            "Call 'USE DATABASE', or use a qualified name.",
        )
    database, schema = (connection.place.database or "", path[0]) if len(path) == 1 else path[:2]
    if schema == "INFORMATION_SCHEMA" or not connection.catalog.has_schema(database, schema):
        raise _no_object()
    connection.use(database, schema)


def _no_object() -> StatementFailed:
    return StatementFailed(
        "002043",
        "02000",
        "SQL compilation error:\nObject does not exist, or operation cannot be performed.",
    )


def _alter(connection: "Connection", found: Sequence[Token], _job: Job) -> Rows | None:
    words = Words(found[1:])
    if words.accept("SESSION"):
        return status_rows(_DONE, _SCL)
    if words.accept("WAREHOUSE"):
        return _alter_warehouse(words)
    if words.accept("TABLE"):
        words.accept("IF", "EXISTS")
        path = words.path()
        if words.accept("DROP") and words.peek() in {"PRIMARY", "UNIQUE", "FOREIGN", "CONSTRAINT"}:
            return drop_keys(connection, full_path(connection, path), words)
        return None
    if words.peek() in {"TABLE", "VIEW"}:
        return None
    raise not_supported(f"ALTER {words.peek() or 'of this object'}")


def _alter_warehouse(words: Words) -> Rows:
    """Accepted without effect: the one warehouse always runs."""
    if words.accept("IF", "EXISTS"):
        pass
    if words.peek() not in {"SUSPEND", "RESUME", "SET", "ABORT"} and words.name() != DEMO_WAREHOUSE:
        raise _no_object()
    if words.peek() not in {"SUSPEND", "RESUME", "SET", "UNSET", "ABORT"}:
        raise words.unexpected()
    return status_rows(_DONE, _SCL)


def _show(connection: "Connection", found: Sequence[Token], job: Job) -> Rows:
    return answer_show(parse_show(found), connection, job)


def _describe(connection: "Connection", found: Sequence[Token], job: Job) -> Rows:
    words = Words(found[1:])
    kind = ""
    while words.peek(1) not in {"", ".", "("} or words.peek() in DESCRIBED:
        kind = f"{kind} {words.take().keyword}".strip()
    path = words.path()
    if words.accept("TYPE", "="):
        words.take()
    if words.accept("("):
        # The types of the arguments of a function.
        while not words.accept(")"):
            words.take()
    if not words.done:
        raise words.unexpected()
    if kind in {"", "TABLE", "VIEW"}:
        return describe(connection, kind or "TABLE", path)
    return describe_other(connection, kind, path, job)


def _call(_connection: "Connection", found: Sequence[Token], _job: Job) -> Rows:
    # SYSTEM$WAIT has become the text it answers by now; see waits.py.
    if len(found) == 2 and found[1].kind == "string":
        return Rows([text_field("SYSTEM$WAIT")], 0, cells=[[found[1].value]])
    raise not_supported("calling procedures")


def _start(connection: "Connection", found: Sequence[Token], _job: Job) -> Rows:
    words = Words(found[1:])
    if not words.accept("TRANSACTION"):
        raise words.unexpected()
    connection.fakesnow_run("BEGIN")
    connection.place.in_transaction = True
    return status_rows(_DONE, 0x5000)


Local = Callable[["Connection", Sequence[Token], Job], Rows | None]

LOCAL: Final[Mapping[str, Local]] = {
    "USE": _use,
    "ALTER": _alter,
    "SHOW": _show,
    "DESC": _describe,
    "DESCRIBE": _describe,
    "EXPLAIN": explain,
    "CALL": _call,
    "START": _start,
}
"""By first keyword. A function gives None to leave the statement to the engine."""
