"""Filters of Cortex Search as conditions of SQL.

https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-search/query-cortex-search-service
"""

from collections.abc import Sequence
from typing import Any, Final

from snowflake_mcp.simulator.frontdesk import Refused

__all__ = ["condition"]

_COMPARISONS: Final = {"@eq": "=", "@gte": ">=", "@lte": "<="}
_DEPTH: Final = 10


def condition(given: Any, attributes: Sequence[str], depth: int = 0) -> str:
    """The condition that a filter is.

    :raises Refused: 400 for what is none, and for a column that is no attribute.
    """
    if not isinstance(given, dict) or len(given) != 1 or depth > _DEPTH:
        raise _bad("a filter is an object with one operator")
    ((operator, value),) = given.items()
    if operator in ("@and", "@or"):
        if not isinstance(value, list) or not value:
            raise _bad(f"{operator} takes a list of filters")
        joint = f" {operator[1:].upper()} "
        return "(" + joint.join(condition(each, attributes, depth + 1) for each in value) + ")"
    if operator == "@not":
        return f"(NOT {condition(value, attributes, depth + 1)})"
    if operator not in _COMPARISONS or not isinstance(value, dict) or len(value) != 1:
        raise _bad(f"{str(operator)[:40]} is no operator, or takes one column")
    ((column, wanted),) = value.items()
    if column not in attributes:
        raise _bad(f"{str(column)[:100]} is no attribute of the service")
    if isinstance(wanted, str):
        literal = "'" + wanted.replace("\\", "\\\\").replace("'", "''") + "'"
    elif isinstance(wanted, int | float) and not isinstance(wanted, bool):
        literal = repr(wanted)
    else:
        raise _bad("a value is a text or a number")
    return f"({column} {_COMPARISONS[operator]} {literal})"


def _bad(message: str) -> Refused:
    return Refused(400, "390400", f"filter: {message}")
