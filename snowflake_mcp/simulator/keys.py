"""Primary, unique and foreign keys: Snowflake keeps them as facts and enforces none of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

__all__ = ["Key", "added_keys", "take_keys"]

Named = Callable[[Any], tuple[str, ...]]
"""Gives the full path of the table that a node names."""


@dataclass(frozen=True, slots=True)
class Key:
    """One constraint of a table."""

    kind: str
    """PRIMARY KEY, UNIQUE or FOREIGN KEY"""
    columns: tuple[str, ...]
    name: str
    target: tuple[str, ...] = ()
    """Full path of the table that a foreign key refers to."""
    targets: tuple[str, ...] = ()
    """The columns there; empty: its primary key."""


def take_keys(create: Any, named: Named) -> list[Key]:
    """Take the keys out of CREATE TABLE, so that the engine does not enforce them.

    The columns of the primary key become NOT NULL, which Snowflake does enforce.
    """
    from sqlglot import exp

    if not isinstance(create.this, exp.Schema):
        return []
    found: list[Key] = []
    columns = {}
    for part in list(create.this.expressions):
        if isinstance(part, exp.ColumnDef):
            columns[_name(part.this)] = part
            found += _of_column(part, named)
        else:
            keys = _of_table(part, named)
            found += keys
            if keys:
                part.pop()
    for key in found:
        for name in key.columns if key.kind == "PRIMARY KEY" else ():
            column = columns.get(name)
            if column is not None and column.find(exp.NotNullColumnConstraint) is None:
                constraint = exp.ColumnConstraint(kind=exp.NotNullColumnConstraint())
                column.append("constraints", constraint)
    return found


def added_keys(alter: Any, named: Named) -> list[Key]:
    """The keys of ALTER TABLE ... ADD; empty when it adds something else."""
    from sqlglot import exp

    found = []
    for action in alter.args.get("actions") or ():
        if isinstance(action, exp.AddConstraint):
            for part in action.expressions:
                found += _of_table(part, named)
    return found


def _of_column(column: Any, named: Named) -> list[Key]:
    from sqlglot import exp

    found = []
    for constraint in list(column.args.get("constraints") or ()):
        kind = constraint.args.get("kind")
        name = constraint.name or _made_up()
        if isinstance(kind, exp.PrimaryKeyColumnConstraint):
            found.append(Key("PRIMARY KEY", (_name(column.this),), name))
        elif isinstance(kind, exp.UniqueColumnConstraint):
            found.append(Key("UNIQUE", (_name(column.this),), name))
        elif isinstance(kind, exp.Reference):
            found.append(_foreign((_name(column.this),), name, kind, named))
        else:
            continue
        constraint.pop()
    return found


def _of_table(part: Any, named: Named) -> list[Key]:
    from sqlglot import exp

    if isinstance(part, exp.Constraint):
        return [
            Key(key.kind, key.columns, _name(part.this), key.target, key.targets)
            for inner in part.expressions
            for key in _of_table(inner, named)
        ]
    if isinstance(part, exp.PrimaryKey):
        return [Key("PRIMARY KEY", _names(part.expressions), _made_up())]
    if isinstance(part, exp.UniqueColumnConstraint) and isinstance(part.this, exp.Schema):
        return [Key("UNIQUE", _names(part.this.expressions), _made_up())]
    if isinstance(part, exp.ForeignKey):
        columns = _names(part.expressions)
        return [_foreign(columns, _made_up(), part.args["reference"], named)]
    return []


def _foreign(columns: tuple[str, ...], name: str, reference: Any, named: Named) -> Key:
    from sqlglot import exp

    target = reference.this
    if isinstance(target, exp.Schema):
        return Key("FOREIGN KEY", columns, name, named(target.this), _names(target.expressions))
    return Key("FOREIGN KEY", columns, name, named(target))


def _names(nodes: Sequence[Any]) -> tuple[str, ...]:
    return tuple(_name(node) for node in nodes)


def _name(node: Any) -> str:
    from sqlglot import exp

    found = node if isinstance(node, exp.Identifier) else node.find(exp.Identifier)
    return str(found.name if found.quoted else found.name.upper())


def _made_up() -> str:
    """A name as Snowflake makes one up for a constraint without."""
    return f"SYS_CONSTRAINT_{uuid4()}"
