"""SEMANTIC_VIEW(...) in a query, turned into the query over tables that it stands for.

https://docs.snowflake.com/en/sql-reference/constructs/semantic_view
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from snowflake_mcp.simulator.failures import StatementFailed, missing_object, syntax_error
from snowflake_mcp.simulator.semantics import SEMANTIC_VIEWS, Member, SemanticView

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["put_semantic_views", "semantic_yaml"]


def put_semantic_views(query: Any, connection: "Connection") -> None:
    """Replace each one in its place; worker threads only.

    :raises StatementFailed: there is no such view or member, or they do not go together.
    """
    from sqlglot import exp

    for node in list(query.find_all(exp.SemanticView)):
        table = node.parent
        alias = table.args.get("alias")
        table.replace(
            exp.Subquery(
                this=_query(node, connection),
                alias=alias or exp.TableAlias(this=exp.to_identifier("SEMANTIC_VIEW")),
            )
        )


def semantic_yaml(path: Sequence[str]) -> str:
    """The view as the YAML of a semantic model.

    :raises StatementFailed: there is none of this name.
    """
    view = SEMANTIC_VIEWS.get(tuple(path))
    if view is None:
        raise missing_object("Semantic view", ".".join(path))
    lines = [f"name: {path[-1]}", f"description: {view.comment}", "tables:"]
    for table, base in view.tables.items():
        database, schema, name = base.split(".")
        lines += [
            f"  - name: {table}",
            "    base_table:",
            f"      database: {database}",
            f"      schema: {schema}",
            f"      table: {name}",
        ]
        for kind in ("dimensions", "facts", "metrics"):
            members = [each for each in getattr(view, kind) if each.table == table]
            if members:
                lines.append(f"    {kind}:")
            for each in members:
                lines += [f"      - name: {each.name}", f"        expr: {each.sql}"]
    return "\n".join(lines) + "\n"


def _query(node: Any, connection: "Connection") -> Any:
    import sqlglot
    from sqlglot import exp

    view = _view(node.this, connection)
    chosen = {
        kind: _chosen(node.args.get(kind) or (), getattr(view, kind))
        for kind in ("dimensions", "metrics", "facts")
    }
    if chosen["metrics"] and chosen["facts"]:
        raise syntax_error("syntax error: FACTS and METRICS cannot both be given.")
    if not any(chosen.values()):
        raise syntax_error("syntax error: DIMENSIONS, METRICS or FACTS is missing.")
    columns = [
        exp.alias_(sqlglot.parse_one(member.sql, dialect="snowflake"), name, quoted=True)
        for kind in ("dimensions", "facts", "metrics")
        for name, member in chosen[kind]
    ]
    made = sqlglot.parse_one(f"SELECT 1 FROM {view.source}", dialect="snowflake")  # noqa: S608 ours
    made.set("expressions", columns)
    if node.args.get("where") is not None:
        made.set("where", exp.Where(this=_condition(node.args["where"], view)))
    if chosen["facts"]:
        return made
    places = [exp.Literal.number(at + 1) for at in range(len(chosen["dimensions"]))]
    if places:
        made.set("group", exp.Group(expressions=places))
    return made


def _view(table: Any, connection: "Connection") -> SemanticView:
    place = connection.place
    parts = [table.args.get("catalog"), table.args.get("db"), table.this]
    names = [
        "" if part is None else part.name if part.quoted else part.name.upper() for part in parts
    ]
    path = (names[0] or place.database or "", names[1] or place.schema or "", names[2])
    found = SEMANTIC_VIEWS.get(path)
    if found is None or not connection.catalog.has_schema(*path[:2]):
        raise missing_object("Semantic view", ".".join(path))
    return found


def _chosen(items: Sequence[Any], members: Sequence[Member]) -> list[tuple[str, Member]]:
    """The members that a clause names, with the names of their columns."""
    from sqlglot import exp

    found = []
    for item in items:
        inner = item.this if isinstance(item, exp.Alias) else item
        if isinstance(inner, exp.Column) and isinstance(inner.this, exp.Star):
            owner = _name(inner.args["table"])
            found += [(each.name, each) for each in members if each.table == owner]
            continue
        member = _member(inner, members)
        alias = item.args["alias"] if isinstance(item, exp.Alias) else None
        found.append((member.name if alias is None else _name(alias), member))
    return found


def _member(column: Any, members: Sequence[Member]) -> Member:
    from sqlglot import exp

    if isinstance(column, exp.Column):
        owner = column.args.get("table")
        for each in members:
            if each.name == _name(column.this) and (owner is None or each.table == _name(owner)):
                return each
    text = column.sql(dialect="snowflake")[:100]
    raise StatementFailed(
        "000904", "42000", f"SQL compilation error: error line 0\ninvalid identifier '{text}'"
    )


def _condition(where: Any, view: SemanticView) -> Any:
    import sqlglot
    from sqlglot import exp

    whole = exp.Paren(this=where.copy())
    for column in list(whole.find_all(exp.Column)):
        member = _member(column, (*view.dimensions, *view.facts))
        column.replace(exp.Paren(this=sqlglot.parse_one(member.sql, dialect="snowflake")))
    return whole


def _name(identifier: Any) -> str:
    name = str(identifier.name)
    return name if identifier.quoted else name.upper()
