"""The objects of a verdict: everything that a statement names, and nothing that it defines."""

from typing import Final

import pytest

from snowflake_mcp.policy.verdict import Objects
from tests.unit.policy.support import ALLOWED, judge

__all__ = ["PLACES", "objects"]


def objects(sql: str, *granted: str) -> Objects:
    verdict = judge(sql, *granted)
    assert verdict.refusals == ()
    return verdict.objects


def test_names_are_given_as_sql_takes_them() -> None:
    """Folded or quoted, with the parts that the statement writes."""
    found = objects(
        'SELECT f.x, "lower", COUNT(*) FROM b, c.d, db..e, "My db".s."T ""1""" AS f, '
        "LATERAL FLATTEN(input => b.v), TABLE(my.udf(1)), @St/p, '@%t/x', "
        "IDENTIFIER('q.\"W e\".z'), TABLE('p.t')",
        "udf",
    )
    assert found == Objects(
        databases=('"My db"', "DB", "Q"),
        schemas=('"My db".S', "C", "P", 'Q."W e"'),
        tables=('"My db".S."T ""1"""', "B", "C.D", "DB..E", "P.T", 'Q."W e".Z'),
        stages=("@%t", "@St"),
        functions=("COUNT", "FLATTEN", "MY.UDF"),
        columns=('"lower"', "V", "X"),
    )


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        ("WITH a AS (SELECT 1) SELECT * FROM a", ()),
        ("WITH a AS (SELECT 1) SELECT * FROM s.a", ("S.A",)),
        ('WITH a AS (SELECT 1) SELECT * FROM "a"', ('"a"',)),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", ("A",)),
        ("WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a, b", ("B",)),
        ("WITH a AS (SELECT 1), b AS (SELECT * FROM a) SELECT * FROM b", ()),
        ("WITH RECURSIVE r AS (SELECT 1 UNION ALL SELECT * FROM r) SELECT * FROM r", ()),
        ("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a), a", ("A",)),
        ("WITH a AS (SELECT 1) SELECT (SELECT MAX(x) FROM a JOIN c) FROM a", ("C",)),
        ("WITH a AS (SELECT 1) (SELECT * FROM a) UNION SELECT * FROM d", ("D",)),
        ("SELECT 1 ->> SELECT * FROM $1", ()),
        ("SELECT * FROM e ->> SELECT * FROM $1, f", ("E", "F")),
        ("EXPLAIN SELECT * FROM t", ("T",)),
        ("DESCRIBE TABLE a.b.c", ("A.B.C",)),
        ("DESC x", ("X",)),
        ("SHOW COLUMNS IN TABLE a.b.c", ("A.B.C",)),
    ],
)
def test_common_table_expressions_are_no_tables(sql: str, tables: tuple[str, ...]) -> None:
    """Where a name may be either, it is told as a table."""
    assert objects(sql).tables == tables


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SHOW TABLES IN SCHEMA a.b", Objects(databases=("A",), schemas=("A.B",))),
        ("SHOW TABLES LIKE 'x' IN DATABASE a LIMIT 3", Objects(databases=("A",))),
        ("SHOW TABLES IN ACCOUNT", Objects()),
        ("LIST @a.b/c", Objects(stages=("@a.b",))),
        ("DESCRIBE FILE FORMAT f", Objects()),
    ],
)
def test_targets_of_metadata_statements(sql: str, found: Objects) -> None:
    """What SHOW, DESCRIBE and LIST look into is told as far as their grammar says it."""
    assert objects(sql) == found


PLACES: Final = [
    "SELECT * FROM {}",
    "SELECT * FROM a, {} AS x",
    "SELECT * FROM a LEFT JOIN {} x ON a.i = x.i",
    "SELECT * FROM a JOIN (b JOIN {} ON TRUE) ON TRUE",
    "SELECT (SELECT MAX(i) FROM {}) FROM a",
    "SELECT 1 FROM a WHERE i IN (SELECT i FROM {})",
    "SELECT 1 FROM a WHERE EXISTS (SELECT 1 FROM {} x WHERE x.i = a.i)",
    "SELECT 1 FROM a QUALIFY ROW_NUMBER() OVER (ORDER BY (SELECT 1 FROM {})) = 1",
    "SELECT 1 FROM a ORDER BY (SELECT 1 FROM {})",
    "SELECT 1 FROM a UNION ALL SELECT 1 FROM {}",
    "(SELECT 1 FROM {}) INTERSECT SELECT 1",
    "WITH x AS (SELECT * FROM {}) SELECT * FROM x",
    "WITH x AS (WITH y AS (SELECT * FROM {}) SELECT * FROM y) SELECT * FROM x",
    "SELECT * FROM a, LATERAL (SELECT * FROM {})",
    "SELECT * FROM {} AT(OFFSET => -60) x",
    "SELECT * FROM {} BEFORE(STATEMENT => 'x')",
    "SELECT * FROM {} CHANGES(INFORMATION => DEFAULT) AT(OFFSET => -60)",
    "SELECT * FROM {} SAMPLE (10)",
    "SELECT * FROM {} SAMPLE (10) x",
    "SELECT * FROM {} PIVOT(SUM(x) FOR y IN ('a')) p",
    "SELECT * FROM a PIVOT(SUM(x) FOR y IN (SELECT z FROM {}))",
    "SELECT * FROM {} UNPIVOT(x FOR y IN (a, b))",
    "SELECT * FROM {} MATCH_RECOGNIZE(ORDER BY a MEASURES 1 AS m PATTERN (p) DEFINE p AS TRUE)",
    "SELECT * FROM a ASOF JOIN {} x MATCH_CONDITION (a.t >= x.t) ON a.i = x.i",
    "SELECT * FROM SEMANTIC_VIEW({} METRICS a.b)",
    "SELECT * FROM TABLE({})",
    "SELECT * FROM a ->> SELECT * FROM {}",
    "EXPLAIN USING JSON SELECT * FROM {}",
    "DESCRIBE TABLE {}",
    "DESCRIBE VIEW {}",
    "SHOW COLUMNS IN TABLE {}",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["SECRETS.HR.PAY", 'SECRETS."hr".PAY', 'SECRETS.HR."a.b ""c"""'])
def test_a_table_is_seen_in_every_place(place: str, name: str) -> None:
    """No clause hides a table from rules about objects."""
    found = objects(place.format(name), "udf")
    assert name in found.tables
    assert "SECRETS" in found.databases


def test_every_read_of_ours_names_something_or_nothing() -> None:
    """Names are sorted and told once."""
    for row in ALLOWED:
        found = judge(row["sql"]).objects
        for names in (found.tables, found.functions, found.columns, found.stages):
            assert list(names) == sorted(set(names))
