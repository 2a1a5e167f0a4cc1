"""What the clients of a soak ask, and which answers to it are right."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from bench.lag import MILLION

__all__ = ["TROUBLE", "Answer", "Statement", "choose", "problem"]

TROUBLE: Final = frozenset({"auth", "busy", "cancelled", "timeout", "unavailable"})
"""Failures that any call may meet while the account misbehaves or everybody asks at once."""

_QUERY: Final = "execute_query"


@dataclass(frozen=True, slots=True)
class Statement:
    """One tool call."""

    kind: str
    tool: str
    arguments: Mapping[str, Any]
    rows: list[list[Any]] | None = None
    """Exactly what an answer must have, where that is known."""
    failures: frozenset[str] = frozenset()
    """What it must fail with, if anything."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any transport, as far as it is looked at."""

    family: str
    """``ok``, or the kind of the failure."""
    text: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)


def _sql(kind: str, sql: str, *failures: str, limit: int = 100) -> Statement:
    return Statement(kind, _QUERY, {"query": sql, "limit": limit}, failures=frozenset(failures))


def _quick(random: Random, name: str) -> Statement:
    n = random.randrange(1_000)
    sql = f"SELECT '{name}' AS NAME, {n} AS N, {n} * {n} AS SQUARE"
    return Statement("quick", _QUERY, {"query": sql}, rows=[[name, n, n * n]])


def _grouped(random: Random, _: str) -> Statement:
    least = random.randrange(500)
    return _sql(
        "grouped",
        "SELECT STATUS, COUNT(*) AS N, SUM(TOTAL_AMOUNT) AS TOTAL FROM DEMO.SALES.ORDERS "
        f"WHERE TOTAL_AMOUNT > {least} GROUP BY 1 ORDER BY 2 DESC",
    )


def _catalog(random: Random, _: str) -> Statement:
    place = {"database": "DEMO", "schema": random.choice(["SALES", "PRODUCT", "FINANCE"])}
    if random.random() < 0.5:
        return Statement("catalog", "list_tables", place)
    table = {"database": "DEMO", "schema": "PRODUCT", "table_name": "EVENTS"}
    return Statement("catalog", "describe_table", table)


def _check(_: Random, name: str) -> Statement:
    return Statement("check", "check_sql", {"query": f"SELECT '{name}' AS NAME"})


def _slow(random: Random, _: str) -> Statement:
    return _sql("slow", f"SELECT SYSTEM$WAIT({random.randint(1, 4)})")


def _large(random: Random, _: str) -> Statement:
    rows = random.choice([2_000, 5_000, 10_000])
    return _sql("large", f"SELECT * FROM DEMO.PRODUCT.EVENTS LIMIT {rows}", limit=rows)


def _cut(_: Random, __: str) -> Statement:
    return _sql("cut short", MILLION, limit=10_000)


def _missing(random: Random, _: str) -> Statement:
    sql = f"SELECT * FROM DEMO.SALES.NOT_THERE_{random.randrange(100)}"
    return _sql("missing object", sql, "missing_object")


def _dividing(_: Random, __: str) -> Statement:
    sql = "SELECT 1 / (COUNT(*) - COUNT(*)) AS X FROM DEMO.SALES.REGIONS"
    return _sql("division by zero", sql, "statement")


def _refused(random: Random, _: str) -> Statement:
    texts = [
        "DELETE FROM DEMO.SALES.ORDERS",
        "SELECT 1; SELECT 2",
        "CREATE TABLE DEMO.SALES.X (A INT)",
        "SELEC 1",
    ]
    return _sql("refused", random.choice(texts), "refused")


_MIX: Final[Mapping[Callable[[Random, str], Statement], int]] = {
    _quick: 50,
    _grouped: 10,
    _catalog: 8,
    _check: 4,
    _slow: 6,
    _large: 5,
    _cut: 1,
    _missing: 6,
    _dividing: 4,
    _refused: 6,
}
"""How many of a hundred calls are of each kind."""


def choose(random: Random, name: str) -> Statement:
    """The next call; ``name`` tells it from all others."""
    (make,) = random.choices(list(_MIX), weights=list(_MIX.values()))
    return make(random, name)


def problem(statement: Statement, answer: Answer) -> str | None:
    """What is wrong with the answer, or ``None``."""
    if answer.family == "ok":
        if statement.failures:
            return f"{statement.kind}: should fail, did not"
        if statement.rows is not None and answer.content.get("rows") != statement.rows:
            return f"{statement.kind}: {answer.content.get('rows')} instead of {statement.rows}"
        return None
    if answer.family in TROUBLE or answer.family in statement.failures:
        return None
    return f"{statement.kind}: {answer.family}: {answer.text[:300]}"
