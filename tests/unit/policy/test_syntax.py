"""The second opinion by itself: what it refuses even when the token layers would not."""

import subprocess
import sys
from typing import Final

import pytest

from snowflake_mcp.policy.elisions import elided
from snowflake_mcp.policy.lexer import scan
from snowflake_mcp.policy.rules import Rule
from snowflake_mcp.policy.syntax import MAX_NODES, parse
from tests.unit.policy.support import judge, rules


def opinion(sql: str, *needed: str) -> Rule | None:
    """The rule by which the second opinion refuses; None when it has nothing against it."""
    tree, findings = parse(sql, scan(sql).tokens, frozenset(needed))
    assert (tree is None) == bool(findings)
    return findings[0].rule if findings else None


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "WITH x AS (DELETE FROM t) SELECT * FROM x",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING a) SELECT * FROM x",
        "INSERT INTO t SELECT 1",
        "UPDATE t SET a = 1",
        "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
        "CREATE TABLE t AS SELECT 1",
        "DROP TABLE t",
        "ALTER SESSION SET a = 1",
        "COPY INTO @s FROM t",
        "PUT file:///x @s",
        "CALL p()",
        "USE ROLE r",
        "SET a = 1",
        "GRANT ROLE a TO USER b",
        "SHOW TABLES",
        "DESCRIBE TABLE t",
        "EXPLAIN SELECT 1",
        "SELECT a INTO b FROM t",
        "SELECT a FROM t FOR UPDATE",
        "SELECT 1 ->> DROP TABLE t",
        "SELECT a ->> b FROM t",
        "SELECT a ->> 'b' FROM t",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE t",
        "SELECT NEXT VALUE FOR s",
        "SELECT a AT TIME ZONE 'x' FROM t",
        "SELECT my_f(1)",
        "SELECT * FROM TABLE(db.sch.f(1))",
        "a + 1",
        "EXECUTE IMMEDIATE 'x'",
        "BEGIN TRANSACTION",
        "SELECT FROM WHERE",
    ],
)
def test_it_refuses_by_itself(sql: str) -> None:
    """No write passes here either, so two independent layers have to fail for one to be sent."""
    assert opinion(sql) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT X'4142', N'ö', 0x1F, 1e10, .5, $$a'b$$, 'a''b', 'a\\'b', \"a\"\"b\"",
        'SELECT * FROM @"My Stage"/a/b.csv, @~/x, @%t, @"d"."s"."St", \'@s/x\'',
        "VALUES (1, 'a')",
        "(SELECT 1) UNION ALL (SELECT 2)",
        "SELECT a:b.c[0]::ARRAY(INT), {'k': [1, 2]} FROM t AT(OFFSET => -60)",
    ],
)
def test_it_agrees_with_reads(sql: str) -> None:
    """Literals of every kind end where our lexer ends them."""
    assert opinion(sql) is None


def test_an_unknown_call_needs_the_grant_that_the_token_layers_found() -> None:
    """A call that only the second parser sees is refused."""
    assert opinion("SELECT my_f(1)") is Rule.SYNTAX_TREE
    assert opinion("SELECT my_f(1)", "udf") is None
    assert opinion("SELECT my_f(1)", "get_ddl") is Rule.SYNTAX_TREE


@pytest.mark.parametrize(
    ("seen", "sent"),
    [
        ("SELECT 'a', 1 b ", "SELECT 'a' , 'b'"),
        ("SELECT 'a' , 'b'", "SELECT 'a', 1 b "),
        ('SELECT "a"', "SELECT 'a'"),
        ("SELECT 'a'", 'SELECT "a"'),
        ("SELECT 'ab'", "SELECT  'b'"),
        ("SELECT 1   ", "SELECT 1 ; "),
    ],
)
def test_lexers_have_to_agree(seen: str, sent: str) -> None:
    """Were our lexer wrong about a literal, its verdict would not count."""
    _, findings = parse(sent, scan(seen).tokens, frozenset())
    assert [finding.rule for finding in findings] == [Rule.LEXERS_DISAGREE]


_BOMBS: Final = {
    "too many nodes": "SELECT 1" + ", 1" * (MAX_NODES // 2 - 10) + " + 1" * 10,
    "nested without brackets": "SELECT " + "NOT " * 9_000 + "1",
    "joins": "SELECT * FROM t" + " JOIN t" * 40,
}


@pytest.mark.parametrize("name", ["nested without brackets", "joins"])
def test_what_is_too_deep_is_refused(name: str) -> None:
    """Whatever the parser raises becomes a refusal."""
    verdict = judge(_BOMBS[name])
    assert rules(verdict) == ["not-parsed"]
    assert "SELECT" not in verdict.refusals[0].message


def test_joins_without_conditions_are_bounded() -> None:
    """Each doubles the work of the parser; conditions and CROSS JOIN make it linear."""
    assert judge("SELECT * FROM t" + " LEFT JOIN u" * 8).allowed
    assert rules(judge("SELECT * FROM t" + " LEFT JOIN u" * 9)) == ["not-parsed"]
    assert judge("SELECT * FROM t" + " JOIN u" * 8 + " ON TRUE" * 8 + " JOIN v" * 8).allowed
    assert judge("SELECT * FROM t" + " CROSS JOIN u NATURAL JOIN v" * 50).allowed
    assert judge("SELECT * FROM t" + " JOIN u USING (a) LEFT JOIN v ON TRUE" * 50).allowed


@pytest.mark.parametrize(
    ("sql", "rest"),
    [
        ("SELECT * FROM t SAMPLE (25) a", "SELECT * FROM t             a"),
        ("SELECT * FROM t SAMPLE ROW (2.5 ROWS) a", None),
        ("SELECT * FROM t RESAMPLE(USING ts INCREMENT BY INTERVAL '5 m')", None),
        ("SELECT * EXCLUDE (a) RENAME (b AS c) REPLACE (d + 1 AS d) FROM t", None),
        ("SELECT a::ARRAY(NUMBER(10, 0) NOT NULL), b::MAP(INT, INT NOT NULL) FROM t", None),
        ("SELECT a FROM t", "SELECT a FROM t"),
        ("SELECT * FROM t SAMPLE (f(1)) a", "SELECT * FROM t SAMPLE (f(1)) a"),
        ("SELECT * FROM t SAMPLE ((1)) a", "SELECT * FROM t SAMPLE ((1)) a"),
        ("SELECT 1, SAMPLE (1)", "SELECT 1, SAMPLE (1)"),
        ("SELECT a IS NOT NULL, (b) FROM t", "SELECT a IS NOT NULL, (b) FROM t"),
    ],
)
def test_clauses_that_the_second_parser_does_not_know(sql: str, rest: str | None) -> None:
    """Only flat clauses are left out, and the rest keeps its place."""
    shorter = elided(sql, scan(sql).tokens)
    assert len(shorter) == len(sql)
    if rest is not None:
        assert shorter == rest
    else:
        assert shorter != sql
        assert judge(sql).sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM t RESAMPLE(USING my_f(1) INCREMENT BY 1)",
        "SELECT * EXCLUDE (a) RENAME (b AS c) REPLACE (my_f(1) AS d) FROM t",
        "SELECT * FROM t SAMPLE (25) a WHERE NOT NOT",
    ],
)
def test_leaving_out_opens_nothing(sql: str) -> None:
    """What stays is parsed, and calls are seen in any place."""
    assert not judge(sql).allowed


def test_the_server_does_not_load_the_parser() -> None:
    """Only children do: it costs memory, and everything that it does is theirs to do."""
    code = "import sys, snowflake_mcp.app; sys.exit('sqlglot' in sys.modules)"
    path = ":".join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": path}, check=False, timeout=30
    )
    assert done.returncode == 0
