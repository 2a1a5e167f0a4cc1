"""Statements made at random, run where values are known: none that passes shows or tells one."""

import random
from typing import Any

import duckdb
import pytest

from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.columns import columns_like
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.terms import Terms

MASKS = ("EMAIL",)
TERMS = Terms(65_536, frozenset(CAPABILITIES), mask_columns=MASKS)
PATTERNS = columns_like(MASKS)
COUNT = 4_000


class Author:
    """Writes queries over ``t(id, email, note)`` and ``u(id, x)`` that try to get at ``email``."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def query(self, depth: int = 0) -> str:
        """One query; deeper ones are smaller."""
        made = f"SELECT {self._one('', '', 'DISTINCT ')}{self._columns(depth)} FROM "
        made += self._source(depth)
        if self._chance(0.2):
            made += f" WHERE {self._condition(depth)}"
        if self._chance(0.1):
            made += " GROUP BY " + self._one("1", "email", "ALL")
        if self._chance(0.1):
            made += " ORDER BY " + self._one("1", "email", "id")
        if self._chance(0.15) and depth < 2:
            made += self._one(" UNION ALL ", " UNION ", " EXCEPT ") + self.query(depth + 1)
        if depth == 0 and "c1" in made:
            names = self._one("", "", "(p, q, r)", "(p)")
            made = f"WITH c1{names} AS ({self.query(1)}) {made}"
        return made

    def _one(self, *words: str) -> str:
        return self._random.choice(words)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _columns(self, depth: int) -> str:
        columns = []
        for _ in range(self._random.randint(1, 3)):
            column = self._expression(depth)
            if column.endswith("*"):
                column += self._one("", "", " EXCLUDE (email)")
            elif self._chance(0.4):
                column += self._one(" AS ", " ") + self._one("a", "email", "id", "note")
            columns.append(column)
        return ", ".join(columns)

    def _expression(self, depth: int) -> str:
        kind = self._random.randrange(10)
        if kind < 3:
            return self._one("email", "t.email", "s.email", "c1.email")
        if kind < 6:
            return self._one("*", "t.*", "s.*", "c1.*", "id", "note", "x", "1", "COUNT(*)", "$1")
        if depth > 1:
            return self._one("max(email)", "'SECRET1'", "id")
        inner = self._expression(depth + 1)
        nested = f"({self.query(depth + 1)})"
        case = f"CASE WHEN {self._condition(depth)} THEN 1 ELSE 0 END"
        return self._one(f"lower({inner})", f"coalesce({inner}, 'z')", f"({inner})", nested, case)

    def _condition(self, depth: int) -> str:
        inside = f"id IN ({self.query(depth + 1)})" if depth < 2 else "1 = 1"
        return self._one(
            "email = 'SECRET1'", "email LIKE 'S%'", "id > 0", inside, "EXISTS (SELECT * FROM t)"
        )

    def _source(self, depth: int) -> str:
        if depth > 2:
            return self._one("t", "u", "c1")
        inner = f"({self.query(depth + 1)})"
        return self._one(
            "t",
            "t",
            "t AS s",
            "t AS s(p, q, r)",
            "t JOIN u USING (id)",
            "t NATURAL JOIN (SELECT 'SECRET1' AS email) z",
            "c1",
            f"{inner} AS s",
            f"{inner} AS s",
            f"{inner} AS s(p, q)",
        )


def answer(database: duckdb.DuckDBPyConnection, sql: str, values: str) -> list[str] | None:
    """What the server would show, sorted, where emails begin so; ``None``: it cannot be run."""
    database.execute("UPDATE t SET email = ? || id", [values])
    try:
        cursor = database.execute(sql)
        names = [str(column[0]) for column in cursor.description or ()]
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    except duckdb.Error:
        return None
    return sorted(
        str(
            [
                "***" if PATTERNS.mask(name) else value
                for name, value in zip(names, row, strict=True)
            ]
        )
        for row in rows
    )


@pytest.mark.full
@pytest.mark.parametrize("seed", range(3))
def test_no_answer_depends_on_a_masked_value(seed: int) -> None:
    """Other values, the same answer: so nothing of them is shown, and nobody can ask for them."""
    database = duckdb.connect()
    database.execute("CREATE TABLE t (id INTEGER, email VARCHAR, note VARCHAR)")
    database.execute("INSERT INTO t VALUES (1, '', 'a'), (2, '', 'b')")
    database.execute("CREATE TABLE u (id INTEGER, x VARCHAR)")
    database.execute("INSERT INTO u VALUES (1, 'p'), (2, 'q')")
    author, ran = Author(seed), 0
    for _ in range(COUNT):
        sql = author.query()
        if not assess(sql, TERMS).allowed:
            continue
        shown = answer(database, sql, "SECRET")
        ran += shown is not None
        assert shown == answer(database, sql, "OTHER"), sql
    assert ran > COUNT // 50
