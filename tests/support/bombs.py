"""Texts that make parsers of SQL run for minutes or out of memory."""

from typing import Final

__all__ = ["BOMBS"]

BOMBS: Final = {
    "joins": "SELECT * FROM t" + " JOIN t" * 40,
    "subqueries": "SELECT * FROM " + "(SELECT * FROM " * 10_000 + "t" + ")" * 10_000,
    "open brackets": "(" * 65_000,
    "object types": "SELECT a::" + "OBJECT(a " * 26 + "INT" + ")" * 26,
    "froms": "SELECT a " + "FROM " * 13_000,
    "nots": "SELECT " + "NOT " * 16_000 + "1",
    "cases": "SELECT " + "CASE WHEN " * 6_000 + "1",
    "additions": "SELECT 1" + "+1" * 9_990,
    "calls": "SELECT " + ", ".join(["ABS(1)"] * 4_000),
    "unions": "SELECT 1" + " UNION SELECT 1" * 4_000,
}
