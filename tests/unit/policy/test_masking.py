"""Masked columns: shown plainly they pass, and whatever else is done with them does not."""

import pytest

from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.columns import columns_like
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.tiers import Tier

MATCHING = (
    "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY id MEASURES LAST(email) AS e PATTERN (a) "
    "DEFINE a AS TRUE)"
)
MASKS = ("*EMAIL*", "ssn", "PIN_?")


def judge(sql: str, masks: tuple[str, ...] = MASKS, tier: Tier = Tier.READ) -> list[str]:
    """The rules against it."""
    terms = Terms(65_536, frozenset(CAPABILITIES), mask_columns=masks)
    verdict = assess(sql, terms, Situation(tier=tier))
    assert verdict.allowed == (not verdict.refusals)
    return [refusal.rule for refusal in verdict.refusals]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT email FROM t",
        'SELECT "Email", t.ssn, d.s.t.pin_1 FROM d.s.t',
        "SELECT t.email AS email, ssn ssn FROM t",
        "SELECT email AS work_email FROM t",
        "SELECT * FROM t",
        "SELECT t.*, u.id FROM t JOIN u ON t.id = u.id",
        "SELECT * EXCLUDE (email, ssn), id AS x FROM t",
        "SELECT t.* EXCLUDE email FROM t",
        "SELECT DISTINCT email FROM t",
        "SELECT TOP 3 email FROM t",
        "SELECT email, COUNT(*) FROM t GROUP BY 1",
        "SELECT email, COUNT(*) OVER () FROM t",
        "SELECT email FROM (SELECT email, id FROM t) x WHERE id > 1",
        "WITH c AS (SELECT * FROM t) SELECT c.email, id FROM c",
        "WITH c AS (SELECT ssn, id FROM t), d AS (SELECT * FROM c) SELECT * FROM d LIMIT 3",
        "(SELECT email FROM t)",
        "SELECT id FROM t WHERE EXISTS (SELECT * FROM u WHERE u.id = t.id)",
        "SELECT id FROM email_log WHERE email_log.id > 1",
        "SELECT e.id FROM db.email_schema.emails AS email_2 JOIN email AS e ON e.id = email_2.id",
        "WITH emails AS (SELECT id FROM t) SELECT id FROM emails",
        "SELECT id FROM t UNION ALL SELECT id FROM u",
        "SELECT f.value FROM t, LATERAL FLATTEN(input => t.arr) f",
        "SELECT v.a FROM (VALUES (1), (2)) AS v(a)",
        "SELECT a FROM (SELECT id FROM t) AS x(a)",
        "SELECT id FROM t WHERE id IN (SELECT id FROM u)",
        "SHOW TABLES ->> SELECT * FROM $1",
        "SELECT * FROM t ->> SELECT email FROM $1",
        "EXPLAIN SELECT email FROM t",
        "SHOW USERS",
        "DESCRIBE TABLE t",
        "SELECT 'email' AS kind",
        "SELECT id /* email */ FROM t -- ssn",
        "SELECT $my_var",
        "SELECT BUILD_STAGE_FILE_URL(@stg, 'f')",
        "SELECT * FROM TABLE(RESULT_SCAN('01b0c3d4-0000-1111-2222-333344445555'))",
        "SELECT * FROM (SELECT email, k, x FROM t) PIVOT(SUM(x) FOR k IN ('a', 'b'))",
        "SELECT * FROM t NATURAL JOIN u",
    ],
)
def test_a_masked_column_may_be_shown(sql: str) -> None:
    """Under its own name, or another masked one, to the outermost result; the rest is free."""
    assert judge(sql) == []


@pytest.mark.parametrize(
    "sql",
    [
        # another name
        "SELECT email AS e FROM t",
        "SELECT ssn x FROM t",
        'SELECT t."EMAIL" AS "contact" FROM t',
        "WITH c(e) AS (SELECT email FROM t) SELECT e FROM c",
        "WITH c(e, i) AS (SELECT * FROM t) SELECT e FROM c",
        "SELECT * FROM (SELECT email FROM t) AS x(e)",
        "SELECT * FROM (SELECT * FROM t) AS x(e, i)",
        "SELECT * FROM ((SELECT * FROM t)) AS x(e, i)",
        "SELECT * FROM t AS x(e, i)",
        "SELECT * FROM TABLE(RESULT_SCAN('01b0c3d4-0000-1111-2222-333344445555')) AS x(e)",
        "SELECT * FROM t ->> SELECT * FROM $1 AS x(e, i)",
        "SELECT * RENAME (email AS e) FROM t",
        "SELECT * FROM t, LATERAL (SELECT t.email) AS x(e)",
        # expressions
        "SELECT LOWER(email) FROM t",
        "SELECT email || '' FROM t",
        "SELECT email::VARCHAR FROM t",
        "SELECT email:user FROM t",
        "SELECT email[0] FROM t",
        "SELECT COUNT(email) FROM t",
        "SELECT COUNT(DISTINCT ssn) FROM t",
        "SELECT CASE WHEN email = 'a' THEN 1 END FROM t",
        "SELECT (email) FROM t",
        "SELECT * REPLACE (LOWER(email) AS email) FROM t",
        "SELECT LOWER(id) AS email FROM t",
        "SELECT 'a@b.c' AS email",
        "SELECT (SELECT email FROM t LIMIT 1)",
        "SELECT (SELECT email FROM t LIMIT 1) AS email",
        "SELECT ((SELECT MAX(x) FROM (SELECT ssn AS x FROM t)))",
        # asking about it
        "SELECT id FROM t WHERE email = 'ann@example.com'",
        "SELECT id FROM t WHERE email LIKE 'a%'",
        "SELECT id FROM t ORDER BY email",
        "SELECT id FROM t GROUP BY id, email",
        "SELECT id FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY ssn) = 1",
        "SELECT id FROM t HAVING MAX(ssn) > 1",
        "SELECT t.id FROM t JOIN u ON t.email = u.x",
        "SELECT id FROM t JOIN u USING (email)",
        "SELECT id FROM t NATURAL JOIN (SELECT 'ann@example.com' AS email)",
        "SELECT id FROM t NATURAL JOIN (VALUES ('ann@example.com')) AS v(email)",
        "SELECT id FROM t WHERE 'ann@example.com' IN (SELECT email FROM t)",
        "SELECT id FROM t WHERE x = ANY (SELECT email FROM t)",
        "SELECT 1 FROM t, u WHERE t.email(+) = u.x",
        # sets: the names are those of the first, and equal rows fall together
        "SELECT id FROM t UNION ALL SELECT email FROM t",
        "SELECT email FROM t UNION SELECT 'ann@example.com'",
        "SELECT email, 0 AS src FROM t UNION ALL SELECT 'm', 1 ORDER BY 1",
        "SELECT 1 AS a, 2 AS b UNION ALL SELECT * FROM t",
        "SELECT * FROM t INTERSECT SELECT * FROM u",
        "WITH c AS (SELECT id FROM t UNION ALL SELECT ssn FROM t) SELECT * FROM c",
        # all columns at once, without their names
        "SELECT OBJECT_CONSTRUCT(*) FROM t",
        "SELECT OBJECT_CONSTRUCT(t.*) FROM t",
        "SELECT ARRAY_CONSTRUCT(*) FROM t",
        "SELECT HASH(*) FROM t",
        "SELECT HASH_AGG(t.*) FROM t",
        "SELECT COUNT(t.*) FROM t",
        "SELECT TO_JSON(OBJECT_CONSTRUCT(*)) FROM t",
        "SELECT {*} FROM t",
        "SELECT GREATEST(*) FROM t",
        "SELECT (SELECT * FROM t LIMIT 1)",
        "SELECT id FROM u WHERE id IN (SELECT * FROM t)",
        # by position, and by a name in a text
        "SELECT $1 FROM t",
        "SELECT t.$2 FROM t",
        "SELECT * FROM t ->> SELECT $1 FROM $1",
        "SELECT $1 FROM @stage/file.csv",
        "SELECT IDENTIFIER('email') FROM t",
        # other shapes
        "SELECT v FROM t UNPIVOT (v FOR n IN (email, a))",
        "SELECT * FROM t PIVOT(MAX(id) FOR email IN ('a', 'b'))",
        "SELECT * FROM t PIVOT(SUM(x) FOR k IN ('a', 'b')) AS p(e, a, b)",
        "SELECT id FROM t CONNECT BY PRIOR email = id",
        MATCHING,
        "SELECT f.value FROM t, LATERAL FLATTEN(input => SPLIT(email, '')) f",
        "EXPLAIN SELECT LOWER(email) FROM t",
    ],
)
def test_nothing_else_may_be_done_with_it(sql: str) -> None:
    """It has no other name, is in no expression, and nobody asks about it."""
    assert judge(sql, ()) == []
    assert set(judge(sql)) == {"masked-column"}


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine AS SELECT email FROM t",
        "CREATE TABLE mine (e) AS SELECT * FROM t",
        "CREATE VIEW mine (e) AS SELECT email FROM t",
        "INSERT INTO mine SELECT * FROM t",
        "INSERT INTO mine (a) SELECT email FROM t",
        "UPDATE t SET note = email WHERE id = 1",
        "ALTER TABLE t RENAME COLUMN email TO e",
        'ALTER TABLE t RENAME COLUMN "email" TO e',
    ],
)
def test_a_write_does_not_take_it_elsewhere(sql: str) -> None:
    """Under another name it would be shown; where writes are open they may not name it."""
    assert judge(sql, (), Tier.ADMIN) == []
    assert "masked-column" in judge(sql, tier=Tier.ADMIN)


def test_other_writes_are_free() -> None:
    """As long as no masked column and no star is in them."""
    for sql in (
        "INSERT INTO t (id) VALUES (1)",
        "CREATE TABLE x AS SELECT id FROM t",
        "UPDATE email_log SET id = 2 WHERE id = 1",
        "ALTER TABLE t RENAME COLUMN a TO b",
    ):
        assert judge(sql, tier=Tier.ADMIN) == []


def test_without_masks_nothing_is_looked_at() -> None:
    """The default: every query is as free as before."""
    assert judge("SELECT LOWER(email), OBJECT_CONSTRUCT(*) FROM t", ()) == []


def test_a_broad_pattern_leaves_the_language_alone() -> None:
    """Types, functions and keywords that look like the column are none."""
    masks = ("*DATE*",)
    fine = "SELECT id::DATE, DATEADD(day, 1, t.x), TO_DATE(x), DATE '2026-01-01' FROM t"
    assert judge(fine, masks) == []
    assert judge("SELECT date FROM t", masks) == []
    assert judge("SELECT MAX(date) FROM t", masks) == ["masked-column"]
    assert judge("SELECT DATEADD(day, 1, birthdate) FROM t", masks) == ["masked-column"]


def test_the_refusal_says_what_passes() -> None:
    """The column, its place and a way out, with the section that counts for the caller."""
    terms = Terms(65_536, section="principals.ann.policy", mask_columns=MASKS)
    (refusal,) = assess("SELECT id,\n  LOWER(Email) FROM t", terms).refusals
    assert (refusal.token, refusal.line, refusal.column) == ("Email", 2, 9)
    assert refusal.message == "Email is a masked column, and more is done with it than showing it."
    assert refusal.remedy.endswith("The operator sets principals.ann.policy.mask_columns.")


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("EMAIL", True),
        ("work_email_2", True),
        ("Ssn", True),
        ("SSN2", False),
        ("SSN_2", True),
        ("ssn:1", True),
        ("SSN_A", False),
        ("PIN_1", True),
        ("PIN_", False),
        ("E-MAIL", False),
    ],
)
def test_patterns_are_of_whole_names_in_any_case(name: str, masked: bool) -> None:
    """A star for any characters, a question mark for one, everything else for itself."""
    assert columns_like(MASKS).mask(name) is masked
    assert columns_like(()).mask(name) is False


@pytest.mark.parametrize("text", ["", "HR.EMP.SSN", "*.SSN", "x" * 256])
def test_a_pattern_of_more_than_a_column_is_an_error(text: str) -> None:
    """A result does not tell its tables; a pattern that would never fit is not taken."""
    with pytest.raises(ValueError, match="column"):
        Terms(1_000, mask_columns=(text,))
