"""The operator's rules about objects: patterns, and what statements they stop."""

from typing import Final

import pytest

from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.objects import ObjectRules, Pattern
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.terms import Situation, Terms
from tests.unit.policy.support import ALLOWED, rules
from tests.unit.policy.test_objects import PLACES

HOME: Final = Situation("SALES", "CORE")
ALLOW: Final = ("SALES", "MART.PUBLIC.ORD*")
DENY: Final = ("SALES.HR", "*.*.SECRET_*", 'SALES.PUBLIC."x"')


def why(
    sql: str,
    *,
    allow: tuple[str, ...] = ALLOW,
    deny: tuple[str, ...] = DENY,
    situation: Situation = HOME,
) -> str:
    """The rule that refuses ``sql`` when everything else is granted; empty when nothing does."""
    verdict = assess(sql, Terms(65_536, frozenset(CAPABILITIES), allow, deny), situation)
    return "" if verdict.allowed else rules(verdict)[0]


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("sales", ("SALES", "A", "B"), True),
        ("sales", ("sales", "A", "B"), False),
        ('"sales"', ("sales", "A", "B"), True),
        ("S*", ("SALES", "A", "B"), True),
        ("*", ("any", "thing", "at all"), True),
        ("SALES.*.*", ("SALES", "A", "B"), True),
        ("SALES.*.ORD*", ("SALES", "A", "ORDERS"), True),
        ("SALES.*.ORD*", ("SALES", "A", "orders"), False),
        ('SALES.A."*"', ("SALES", "A", "B"), False),
        ('SALES.A."*"', ("SALES", "A", "*"), True),
        ('"a.b"."c ""d"""', ("a.b", 'c "d"', "X"), True),
        ("A.B", ("A", "BC", "X"), False),
        ("*_DEV", ("A_DEV\n", "B", "C"), False),
    ],
)
def test_patterns_follow_the_case_rules_of_names(
    pattern: str, path: tuple[str, str, str], fits: bool
) -> None:
    """Plain parts are folded and may hold stars; quoted ones are taken literally."""
    assert Pattern.parse(pattern).covers(path) is fits


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", "a.b.c.d", '"a', "a b", "ä", '""', "a;b"])
def test_what_is_no_pattern_is_an_error(text: str) -> None:
    """A rule that cannot be read stops the start instead of protecting nothing."""
    with pytest.raises(ValueError, match="no pattern"):
        Terms(65_536, deny_objects=(text,))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("SALES",), True),
        (("MART",), True),
        (("OTHER",), False),
        (("SALES", "HR"), False),
        (("SALES", "CORE"), True),
        (("MART", "PUBLIC"), True),
        (("MART", "OTHER"), False),
        (("MART", "PUBLIC", "ORDERS"), True),
        (("MART", "PUBLIC", "X"), False),
        (("SALES", "CORE", "SECRET_A"), False),
    ],
)
def test_lists_show_what_holds_something_that_may_be_used(
    path: tuple[str, ...], shown: bool
) -> None:
    """A database or schema is listed unless nothing in it may be used."""
    assert ObjectRules.parse(ALLOW, DENY).shows(path) is shown


@pytest.mark.parametrize("place", PLACES)
def test_a_denied_table_is_found_in_every_place(place: str) -> None:
    """No clause hides a table; the same text over another table passes."""
    denied = ("SECRETS.HR",)
    assert why(place.format("SECRETS.HR.PAY"), allow=(), deny=denied) == "object-denied"
    assert why(place.format("SECRETS.HQ.PAY"), allow=(), deny=denied) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM sales.core.t",
        "SELECT * FROM t, core.u",
        "SELECT * FROM mart..orders",
        "WITH secret_a AS (SELECT 1) SELECT * FROM secret_a",
        "WITH secret_a AS (SELECT 1 x UNION ALL SELECT x FROM secret_a) SELECT * FROM secret_a",
        "SELECT $1 FROM @sales.core.st/x (FILE_FORMAT => 'sales.core.ff')",
        "LIST '@sales.core.%t'",
        "LIST @%t",
        "SHOW WAREHOUSES LIKE 'a'",
        "SHOW USERS",
        "SHOW GRANTS ON TABLE sales.core.t",
        "SHOW COLUMNS IN TABLE sales.core.t",
        "DESC t",
        "DESCRIBE USER bob",
        "SELECT GET_DDL('VIEW', 'sales.core.v')",
        "SELECT GET_DDL('FUNCTION', 'sales.core.f(number)')",
        "SELECT SYSTEM$CLUSTERING_INFORMATION('sales.core.t', '(a)')",
        "SELECT SYSTEM$TYPEOF(a), AI_COMPLETE('m', a), SNOWFLAKE.CORTEX.SENTIMENT(a) FROM t",
        "SELECT sales.core.f(2), ABS(1) FROM t",
        "SELECT AI_COMPLETE('m', 'p', TO_FILE('@sales.core.st', 'f'))",
        "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@st/', FILE_FORMAT => 'ff'))",
        "SELECT * FROM t ->> SELECT * FROM $1",
        "SELECT * FROM t WHERE a = '@hr.bob'",
        "SELECT 1",
    ],
)
def test_what_the_rules_let_through(sql: str) -> None:
    """Reads of what is allowed pass, and so does what names no object."""
    assert why(sql) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM hr.t",
        "SELECT * FROM sales..secret_x",
        'SELECT * FROM public."x"',
        "SELECT * FROM mart.public.x",
        "SELECT * FROM other.a.b",
        "WITH x AS (SELECT * FROM other.a.b) SELECT * FROM x",
        "WITH secret_a AS (SELECT * FROM secret_a UNION ALL SELECT 1) SELECT * FROM secret_a",
        "SELECT $1 FROM @sales.hr.st/x",
        "SELECT $1 FROM '@sales.hr.st/x'",
        "SELECT $1 FROM '\\x40sales.hr.st/x'",
        "SELECT $1 FROM @st (FILE_FORMAT => 'sales.hr.ff')",
        "SELECT $1 FROM @st (FILE_FORMAT => sales.hr.ff)",
        "LIST @sales.hr.%t",
        'LIST @sales."HR".st/a',
        "SHOW TABLES",
        "SHOW DATABASES",
        "SHOW TABLES IN ACCOUNT",
        "SHOW TABLES IN SCHEMA sales.core",
        "SHOW TABLES IN sales.core",
        "SHOW TABLES IN SCHEMA mart.public",
        "SHOW TABLES IN DATABASE",
        "SHOW SCHEMAS IN DATABASE sales",
        "SHOW GRANTS ON TABLE sales.hr.t",
        "SHOW GRANTS TO ROLE x",
        "SHOW COLUMNS IN TABLE sales.hr.t",
        "SHOW IMPORTED KEYS IN sales.hr.t",
        "SHOW SHARES",
        "DESCRIBE TABLE sales.hr.t",
        "DESCRIBE VIEW IDENTIFIER('sales.hr.v')",
        "DESCRIBE DATABASE sales",
        "DESCRIBE SCHEMA sales.hr",
        "DESCRIBE RESULT LAST_QUERY_ID()",
        "SELECT GET_DDL('VIEW', 'sales.hr.v')",
        "SELECT GET_DDL('SCHEMA', 'sales.core')",
        "SELECT SYSTEM$CLUSTERING_INFORMATION('sales.hr.t')",
        "SELECT SYSTEM$GET_TAG('t', 'sales.core.t', 'table')",
        "SELECT * FROM TABLE(RESULT_SCAN('01b00000-0000-0000-0000-00000000000a'))",
        "SELECT LAST_QUERY_ID()",
        "SELECT * FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY())",
        "SELECT * FROM INFORMATION_SCHEMA.TABLES",
        "SELECT * FROM SNOWFLAKE.ACCOUNT_USAGE.TABLES",
        "SELECT sales.hr.f(2)",
        "SELECT * FROM TABLE(sales.hr.f(2))",
        "SELECT SNOWFLAKE.CORTEX.SEARCH_PREVIEW('sales.hr.s', '{}')",
        "SELECT AI_COMPLETE('m', 'p', TO_FILE('@sales.hr.st', 'f'))",
        "SELECT GET_PRESIGNED_URL(@sales.hr.st, 'x')",
        "SELECT * FROM TABLE(INFER_SCHEMA(LOCATION => '@sales.hr.st/', FILE_FORMAT => 'ff'))",
        "SELECT * FROM IDENTIFIER('sales.hr.t')",
        "SELECT * FROM TABLE('sales.hr.t')",
        "SELECT * FROM t ->> SELECT * FROM $1, hr.u",
    ],
)
def test_what_the_rules_stop(sql: str) -> None:
    """Whatever way a denied object is named, and whatever lists what may not be listed."""
    assert why(sql) == "object-denied"


@pytest.mark.parametrize(
    "sql",
    [
        "LIST @~",
        "SELECT GET_DDL('VIEW', a) FROM t",
        "SELECT GET_DDL('INTEGRATION', 'i')",
        "SELECT SYSTEM$CLUSTERING_INFORMATION(a) FROM t",
        "SELECT TO_FILE('@' || a, 'f') FROM t",
        "SELECT TO_FILE(a) FROM t",
        "SELECT m!PREDICT(1)",
        "SELECT * FROM 'sales.core.t'",
        "SHOW TABLES IN SCHEMA IDENTIFIER('sales.hr')",
    ],
)
def test_what_cannot_be_told_is_refused(sql: str) -> None:
    """With rules in force every name has to be certain."""
    assert why(sql) == "object-unresolved"


def test_unqualified_names_are_resolved() -> None:
    """With the session's database and schema, and with PUBLIC, where they are looked for next."""
    only = ("SALES.CORE",)
    assert why("SELECT * FROM core.t", allow=only, deny=()) == ""
    assert why("SELECT * FROM t", allow=only, deny=()) == "object-denied"
    assert why("SELECT * FROM t", allow=("SALES",), deny=()) == ""
    nowhere = Situation("SALES", None)
    assert why("SELECT * FROM t", situation=nowhere) == "object-unresolved"
    assert why("SELECT * FROM core.t", situation=nowhere) == ""
    assert why("SELECT * FROM core.t", situation=Situation()) == "object-unresolved"
    assert why("SELECT * FROM sales.core.t", situation=Situation()) == ""


def test_views_about_other_objects_need_all_of_these() -> None:
    """INFORMATION_SCHEMA tells of its database, SNOWFLAKE of the account, unless spelt out."""
    tables = "SELECT * FROM sales.information_schema.tables"
    databases = "SELECT * FROM sales.information_schema.databases"
    usage = "SELECT * FROM snowflake.account_usage.tables"
    assert why(tables, allow=("SALES",), deny=()) == ""
    assert why(tables, allow=("SALES",), deny=("SALES.HR",)) == "object-denied"
    assert why(databases, allow=("SALES",), deny=()) == "object-denied"
    assert why(databases, allow=(), deny=("SALES.HR",)) == "object-denied"
    spelt = ("SALES.INFORMATION_SCHEMA", "SNOWFLAKE.ACCOUNT_USAGE.TABLES")
    assert why(databases, allow=spelt, deny=()) == ""
    assert why(usage, allow=spelt, deny=("SALES.HR",)) == ""
    assert why(usage, allow=("*",), deny=("SALES.HR",)) == "object-denied"
    assert why(usage, allow=("*",), deny=()) == ""


def test_rules_that_stop_nothing_stop_nothing() -> None:
    """Every read of ours passes where everything is allowed, as far as its names are certain."""
    for row in ALLOWED:
        assert why(row["sql"], allow=("*",), deny=()) in {"", "object-unresolved"}


def test_a_refusal_names_the_object_and_its_place() -> None:
    """The full name, the word in the text, and the settings."""
    verdict = assess("SELECT *\nFROM hr.t", Terms(65_536, deny_objects=("SALES.HR",)), HOME)
    (refusal,) = verdict.refusals
    assert refusal.message == "SALES.HR.T is not among the objects that may be used."
    assert (refusal.token, refusal.line, refusal.column) == ("t", 2, 9)
    assert "policy.deny_objects" in refusal.remedy


def test_remedies_name_the_section_that_counts() -> None:
    """A caller with settings of their own is told where these stand, and of no others."""
    section = "principals.ann.policy"
    denied = Terms(65_536, deny_objects=("SALES.HR",), section=section)
    for sql, setting in (
        ("SELECT * FROM hr.t", "deny_objects"),
        ("SELECT * FROM IDENTIFIER($x)", ""),
        ("SELECT * FROM t", "allow_objects"),
        ("SELECT f(1)", "capabilities"),
        ("INSERT INTO t VALUES (1)", "tier"),
        ("DROP TABLE t; SELECT 1", "tier"),
    ):
        refusals = assess(sql, denied, Situation("SALES")).refusals
        told = " ".join(refusal.remedy for refusal in refusals)
        assert f"{section}.{setting}" in told or not setting
        assert told.count("policy.") == told.count(section)
        assert "{" not in told
