"""What a plan does with the tables it reads, told from the outermost query's clauses."""

from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["operations"]


def operations(query: Any) -> Sequence[tuple[str, str]]:
    """Name and expression of each operation above the scans, the last one first.

    Names are Snowflake's. Subqueries are not looked into.
    """
    from sqlglot import exp

    select = query
    while isinstance(select, exp.Subquery):
        select = select.this
    if isinstance(select, exp.SetOperation):
        return [("UnionAll", "")]
    return list(_clauses(select)) if isinstance(select, exp.Select) else []


def _clauses(select: Any) -> Iterator[tuple[str, str]]:
    from sqlglot import exp

    ordered, limited = select.args.get("order"), select.args.get("limit")
    if ordered:
        keys = ", ".join(each.sql(dialect="snowflake") for each in ordered.expressions)
        yield "SortWithLimit" if limited else "Sort", keys
    elif limited:
        yield "Limit", limited.expression.sql(dialect="snowflake")
    grouped = select.args.get("group")
    if grouped or any(each.find(exp.AggFunc) for each in select.expressions):
        keys = grouped.expressions if grouped else []
        yield "Aggregate", ", ".join(each.sql(dialect="snowflake") for each in keys)
    filtered = select.args.get("where")
    for join in reversed(select.args.get("joins") or []):
        yield _join(join, filtered)
    if filtered:
        yield "Filter", filtered.this.sql(dialect="snowflake")


def _join(join: Any, filtered: Any) -> tuple[str, str]:
    from sqlglot import exp

    condition, using = join.args.get("on"), join.args.get("using")
    if condition is None and not using and join.method != "NATURAL":
        name = join.this.alias_or_name
        # FROM a, b WHERE a.x = b.x is a join by x all the same.
        for equal in filtered.find_all(exp.EQ) if filtered else ():
            sides = {column.table.upper() for column in equal.find_all(exp.Column)}
            if name.upper() in sides and len(sides) > 1:
                return "InnerJoin", equal.sql(dialect="snowflake")
        return "CartesianJoin", ""
    kind = f"{join.side.capitalize()}OuterJoin" if join.side else "InnerJoin"
    if condition is not None:
        return kind, condition.sql(dialect="snowflake")
    return kind, ", ".join(each.name for each in using or [])
