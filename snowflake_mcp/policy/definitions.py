"""CREATE, ALTER, DROP, UNDROP, TRUNCATE and COMMENT of ordinary objects: the forms that pass."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.functions import BUILT_IN
from snowflake_mcp.policy.query import judge_query
from snowflake_mcp.policy.reference import Level, Reference
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import TYPES, words
from snowflake_mcp.policy.write import Reader, Write

__all__ = ["ORDINARY", "judge_definition"]

ORDINARY: Final = frozenset(
    {
        "DYNAMIC TABLE",
        "EXTERNAL TABLE",
        "FILE FORMAT",
        "MATERIALIZED VIEW",
        "SCHEMA",
        "SEQUENCE",
        "STREAM",
        "TABLE",
        "VIEW",
    }
)
"""Kinds of object that the tier ddl drops; it makes and alters fewer."""
_MADE: Final = frozenset({"MATERIALIZED VIEW", "SCHEMA", "SEQUENCE", "TABLE", "VIEW"})
_EXAMPLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "CREATE": "CREATE TABLE db.schema.t (a NUMBER, b VARCHAR) or CREATE VIEW v AS SELECT 1",
        "ALTER": "ALTER TABLE t ADD COLUMN c NUMBER, RENAME TO u, SET COMMENT = 'text'",
        "DROP": "DROP TABLE IF EXISTS db.schema.t",
        "UNDROP": "UNDROP TABLE db.schema.t",
        "TRUNCATE": "TRUNCATE TABLE db.schema.t",
        "COMMENT": "COMMENT ON TABLE db.schema.t IS 'text'",
    }
)
_OPENING: Final = TYPES | BUILT_IN | words("AUTOINCREMENT BY IDENTITY KEY LINEAR UNIQUE")
"""Words before a bracket in the definition of a table that call nothing unknown."""
_SETTINGS: Final = words(
    """
    CHANGE_TRACKING COMMENT DATA_RETENTION_TIME_IN_DAYS ENABLE_SCHEMA_EVOLUTION
    MAX_DATA_EXTENSION_TIME_IN_DAYS
    """
)
_PLAIN: Final = {Kind.WORD, Kind.QUOTED, Kind.STRING, Kind.NUMBER}
_SIGNS: Final = words("( ) , . = - + ::")


def judge_definition(tokens: Sequence[Token], kind: str, at: int, calls: list[Called]) -> Write:
    """What is known of a statement about an object of ``kind``, which ends before ``at``.

    The name of every function that it calls is added to ``calls``.

    Raises:
        WriteFormError: it has another form than those that are known.
    """
    verb = tokens[0].word
    write = Write(f"{verb} {kind}".lower(), Tier.DDL)
    reader = Reader(tokens, at, _EXAMPLES[verb])
    _FORMS[verb](reader, kind, write, calls)
    return write


def _level(kind: str) -> Level:
    return Level.SCHEMA if kind == "SCHEMA" else Level.OBJECT


def _create(reader: Reader, kind: str, write: Write, calls: list[Called]) -> None:
    if kind not in _MADE:
        reader.fail(f"This server makes no {kind.lower()}: what it holds cannot be judged.")
    reader.take("IF", "NOT", "EXISTS")
    write.references.append(reader.object(_level(kind)))
    if kind == "SCHEMA":
        if reader.take("CLONE"):
            write.references.append(reader.object(Level.SCHEMA))
        reader.take("WITH", "MANAGED", "ACCESS")
        _settings(reader)
        reader.end()
        return
    write.has_tree = True
    rest = reader.left
    body = _body(rest)
    if body is not None:
        if kind not in {"MATERIALIZED VIEW", "TABLE", "VIEW"}:
            reader.fail()
        write.findings += judge_query(rest[body:], calls)
        rest = rest[: body - 1]
    elif kind in {"MATERIALIZED VIEW", "VIEW"}:
        reader.at = len(reader.tokens)
        reader.fail()
    _flat(Reader(rest, 0, reader.example), write)


def _body(tokens: Sequence[Token]) -> int | None:
    """Where the query after a top-level AS begins."""
    depth = 0
    for at, token in enumerate(tokens[:-1]):
        if token.text in {"(", ")"}:
            depth += 1 if token.text == "(" else -1
        elif token.word == "AS" and not depth and token.kind is Kind.WORD:
            return at + 1
    return None


def _flat(reader: Reader, write: Write) -> None:
    """Columns and options: names, literals, types, and calls of listed built-ins alone."""
    tokens = reader.tokens
    for at, token in enumerate(tokens):
        reader.at = at
        if token.kind not in _PLAIN and token.text not in _SIGNS:
            reader.fail()
        before = tokens[at - 1] if at else None
        if token.word in {"CLONE", "LIKE", "REFERENCES"} and token.kind is Kind.WORD:
            reader.at = at + 1
            write.references.append(reader.object())
        elif token.text == "(" and before is not None and before.kind in _PLAIN:
            known = before.kind is Kind.WORD and before.word in _OPENING
            if not known and not _named(tokens, at - 1):
                reader.fail()


def _named(tokens: Sequence[Token], last: int) -> bool:
    """Whether the name that ends at ``last`` is a table whose columns a key refers to."""
    while last > 1 and tokens[last - 1].text == ".":
        last -= 2
    return last > 0 and tokens[last - 1].word == "REFERENCES"


def _alter(reader: Reader, kind: str, write: Write, _calls: list[Called]) -> None:
    if kind not in _MADE:
        reader.fail(f"This server alters no {kind.lower()}.")
    reader.take("IF", "EXISTS")
    level = _level(kind)
    write.references.append(reader.object(level))
    if reader.take("RENAME", "TO") or reader.take("SWAP", "WITH"):
        write.references.append(reader.object(level))
    elif reader.take("SET"):
        _settings(reader)
    elif reader.take("UNSET"):
        while reader.one_of("SECURE", *sorted(_SETTINGS)) and reader.take(","):
            pass
    elif kind == "TABLE":
        _columns(reader)
    reader.end()


def _settings(reader: Reader) -> None:
    if reader.take("SECURE"):
        return
    while reader.one_of(*sorted(_SETTINGS)):
        reader.need("=")
        reader.value(Kind.STRING, Kind.NUMBER, Kind.WORD)
        reader.take(",")


def _columns(reader: Reader) -> None:
    if reader.take("RENAME", "COLUMN"):
        reader.value(Kind.WORD, Kind.QUOTED)
        reader.need("TO")
        reader.value(Kind.WORD, Kind.QUOTED)
    elif reader.take("CLUSTER", "BY"):
        reader.names()
    elif reader.take("DROP", "CLUSTERING", "KEY"):
        return
    elif reader.take("DROP"):
        reader.take("COLUMN")
        reader.take("IF", "EXISTS")
        reader.value(Kind.WORD, Kind.QUOTED)
        while reader.take(","):
            reader.value(Kind.WORD, Kind.QUOTED)
    elif reader.take("ADD"):
        reader.take("COLUMN")
        reader.take("IF", "NOT", "EXISTS")
        reader.value(Kind.WORD, Kind.QUOTED)
        _type(reader)
        _constraints(reader)
    elif reader.one_of("ALTER", "MODIFY"):
        reader.take("COLUMN")
        reader.value(Kind.WORD, Kind.QUOTED)
        if reader.take("SET", "DATA", "TYPE") or reader.take("TYPE"):
            _type(reader)
        elif reader.take("COMMENT"):
            reader.value(Kind.STRING)
        elif not (
            reader.take("SET", "NOT", "NULL")
            or reader.take("DROP", "NOT", "NULL")
            or reader.take("DROP", "DEFAULT")
            or reader.take("UNSET", "COMMENT")
        ):
            reader.fail()
    else:
        reader.fail()


def _type(reader: Reader) -> None:
    if reader.here.word not in TYPES:
        reader.fail()
    reader.at += 1
    if reader.take("("):
        while reader.here.kind is Kind.NUMBER or reader.here.text == ",":
            reader.at += 1
        reader.need(")")


def _constraints(reader: Reader) -> None:
    while True:
        if reader.take("NOT", "NULL") or reader.take("NULL"):
            continue
        if reader.take("DEFAULT"):
            reader.take("-")
            if reader.here.word not in {"FALSE", "NULL", "TRUE"} or reader.here.kind is Kind.QUOTED:
                reader.value(Kind.STRING, Kind.NUMBER)
            else:
                reader.at += 1
        elif reader.take("COMMENT"):
            reader.value(Kind.STRING)
        else:
            return


def _drop(reader: Reader, kind: str, write: Write, _calls: list[Called]) -> None:
    reader.take("IF", "EXISTS")
    write.references.append(reader.object(_level(kind)))
    reader.one_of("CASCADE", "RESTRICT")
    reader.end()


def _undrop(reader: Reader, kind: str, write: Write, _calls: list[Called]) -> None:
    write.references.append(reader.object(_level(kind)))
    reader.end()


def _truncate(reader: Reader, _kind: str, write: Write, _calls: list[Called]) -> None:
    reader.take("IF", "EXISTS")
    write.references.append(reader.object())
    reader.end()


def _comment(reader: Reader, kind: str, write: Write, _calls: list[Called]) -> None:
    reference = reader.object(_level(kind))
    if kind == "COLUMN":
        reference = Reference(Level.OBJECT, reference.path[:-1], reference.token, is_table=True)
    write.references.append(reference)
    reader.need("IS")
    reader.value(Kind.STRING)
    reader.end()


_FORMS: Final[Mapping[str, Callable[[Reader, str, Write, list[Called]], None]]] = MappingProxyType(
    {
        "CREATE": _create,
        "ALTER": _alter,
        "DROP": _drop,
        "UNDROP": _undrop,
        "TRUNCATE": _truncate,
        "COMMENT": _comment,
    }
)
