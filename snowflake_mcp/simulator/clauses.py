"""Clauses of Snowflake's queries that the engine writes in another way."""

from typing import Any

__all__ = ["put_engine_clauses"]


def put_engine_clauses(query: Any) -> None:
    """Rewrite ORDER BY ALL, ASOF JOIN, RATIO_TO_REPORT and DATE_TRUNC; worker threads only."""
    from sqlglot import exp

    for order in list(query.find_all(exp.Order)):
        _order_by_all(order)
    for join in list(query.find_all(exp.Join)):
        if join.args.get("match_condition") is not None:
            _asof(join)
    for window in list(query.find_all(exp.Window)):
        function = window.this
        if isinstance(function, exp.Anonymous) and function.name.upper() == "RATIO_TO_REPORT":
            share = function.expressions[0]
            function.replace(exp.Sum(this=share.copy()))
            quotient = exp.Div(this=share.copy(), expression=exp.Placeholder())
            window.replace(quotient)
            quotient.set("expression", window)
    for node in list(query.find_all(exp.TimestampTrunc, exp.DateTrunc)):
        # DuckDB makes a TIMESTAMP of a DATE here, Snowflake keeps it a DATE.
        if not isinstance(node.this, exp.Literal):
            keeping = exp.Anonymous(this="cast_to_type")
            node.replace(keeping)
            keeping.set("expressions", [node, node.this.copy()])


def _order_by_all(order: Any) -> None:
    from sqlglot import exp

    if len(order.expressions) != 1:
        return
    column = order.expressions[0].this
    bare = isinstance(column, exp.Column) and not column.table and not column.this.quoted
    if bare and column.name.upper() == "ALL":
        column.replace(exp.Var(this="ALL"))


def _asof(join: Any) -> None:
    """Snowflake keeps rows without a match, and has the inequality in a clause of its own."""
    from sqlglot import exp

    condition = join.args["match_condition"]
    join.set("match_condition", None)
    join.set("side", "LEFT")
    others = join.args.get("on")
    join.set("on", condition if others is None else exp.and_(others, condition, copy=False))
