"""Writes by tier: what each opens, what none opens, and what a write may hold."""

import json
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.rules import CAPABILITIES
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.policy.verdict import Verdict
from tests.unit.policy.support import ALLOWED, REFUSED, rules
from tests.unit.policy.test_statements import SHARED

WRITES: Final = {
    Tier.DML: [
        "INSERT INTO t VALUES (1, 'a', DEFAULT), (2, 'b', NULL)",
        'INSERT INTO db.s.t (a, "b") SELECT x, y FROM u WHERE z > 1',
        "INSERT OVERWRITE INTO t (SELECT 1)",
        "INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
        "UPDATE t SET a = 1, b = b + 1 WHERE c = 2",
        "UPDATE t x SET a = CASE WHEN u.d THEN 1 ELSE 2 END FROM u WHERE x.id = u.id",
        "UPDATE t SET a = (SELECT MAX(b) FROM u) WHERE TRUE",
        "DELETE FROM t WHERE a = 1",
        "DELETE FROM t x USING u, (SELECT * FROM v) w WHERE x.a = u.a AND w.b = x.b",
        (
            "MERGE INTO t USING (SELECT * FROM s) s ON t.id = s.id "
            "WHEN MATCHED AND s.d = CASE WHEN s.e THEN 2 END THEN DELETE "
            "WHEN MATCHED THEN UPDATE SET a = s.a, b = 1 "
            "WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)"
        ),
    ],
    Tier.DDL: [
        "CREATE TABLE t (a INT)",
        (
            "CREATE OR REPLACE TRANSIENT TABLE IF NOT EXISTS a.b.c (x INT NOT NULL DEFAULT 1, "
            "y VARCHAR(10) REFERENCES o(z), z TIMESTAMP_NTZ DEFAULT CURRENT_TIMESTAMP(), "
            "w NUMBER(10, 2) IDENTITY(1, 1) COMMENT 'w', PRIMARY KEY (x)) CLUSTER BY (x) "
            "DATA_RETENTION_TIME_IN_DAYS = 1 COMMENT = 'x'"
        ),
        "CREATE TABLE t AS SELECT * FROM u",
        "CREATE TABLE t LIKE u",
        "CREATE TABLE t CLONE db.s.u",
        "CREATE OR REPLACE SECURE VIEW v (a COMMENT 'x', b) COMMENT = 'v' AS SELECT 1, 2",
        "CREATE MATERIALIZED VIEW v AS SELECT a FROM t",
        "CREATE SCHEMA db.s",
        "CREATE SEQUENCE s START = 1 INCREMENT = 1",
        "ALTER TABLE t ADD COLUMN c VARCHAR(10) NOT NULL DEFAULT 'x' COMMENT 'y'",
        "ALTER TABLE t RENAME TO db.s.u",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "ALTER TABLE t DROP COLUMN a, b",
        "ALTER TABLE t ALTER COLUMN c SET DATA TYPE NUMBER(10, 2)",
        "ALTER TABLE t SWAP WITH u",
        "ALTER VIEW v SET SECURE",
        "DROP TABLE IF EXISTS a.b.c CASCADE",
        "DROP DYNAMIC TABLE t",
        "UNDROP SCHEMA s",
        "TRUNCATE TABLE IF EXISTS t",
        "COMMENT ON COLUMN t.c IS 'x'",
    ],
    Tier.ADMIN: [
        "GRANT SELECT ON TABLE t TO ROLE r",
        "REVOKE ALL PRIVILEGES ON ALL TABLES IN SCHEMA s FROM ROLE r",
        "CREATE ROLE IF NOT EXISTS r COMMENT = 'x'",
        "CREATE USER u PASSWORD = 'x' DEFAULT_ROLE = r",
        "ALTER WAREHOUSE w SET WAREHOUSE_SIZE = 'LARGE'",
        "DROP DATABASE d",
        "CREATE DATABASE d FROM SHARE a.b",
        "CREATE API INTEGRATION a API_PROVIDER = aws_api_gateway ENABLED = TRUE",
    ],
}
NEVER: Final = [
    "CALL p()",
    "EXECUTE IMMEDIATE 'DROP TABLE t'",
    "EXECUTE TASK t",
    "BEGIN",
    "COMMIT",
    "BEGIN DELETE FROM t; END",
    "DECLARE x INT; BEGIN RETURN 1; END",
    "USE ROLE accountadmin",
    "SET x = 1",
    "ALTER SESSION SET AUTOCOMMIT = FALSE",
    "ALTER ACCOUNT SET NETWORK_POLICY = x",
    "COPY INTO @stg FROM t",
    "COPY INTO t FROM @stg",
    "PUT file:///etc/passwd @~",
    "GET @stg file:///data/",
    "REMOVE @stg",
    "CREATE FUNCTION f() RETURNS INT AS '1'",
    "CREATE PROCEDURE p() RETURNS INT LANGUAGE SQL AS 'x'",
    "CREATE TASK t AS DELETE FROM x",
    "CREATE STAGE s URL = 's3://elsewhere/'",
    "CREATE TEMPORARY TABLE t (a INT)",
    "CREATE DYNAMIC TABLE d TARGET_LAG = '1 minute' WAREHOUSE = w AS SELECT 1 a",
    "CREATE EXTERNAL TABLE e (a INT) LOCATION = @st",
    "CREATE MASKING POLICY m AS (v STRING) RETURNS STRING -> v",
    "CREATE TABLE t (a INT WITH MASKING POLICY p)",
    "CREATE TABLE t (a INT) WITH ROW ACCESS POLICY p ON (a)",
    "CREATE TABLE t USING TEMPLATE (SELECT 1)",
    "CREATE TABLE t (a INT DEFAULT my_f(1))",
    "CREATE VIEW v AS DELETE FROM t",
    "CREATE VIEW v AS CALL p()",
    "ALTER TABLE t UNSET MASKING POLICY",
    "ALTER TABLE t DROP ALL ROW ACCESS POLICIES",
    "INSERT ALL INTO a VALUES (x) INTO b VALUES (x) SELECT x FROM t",
    "INSERT INTO IDENTIFIER('t') SELECT 1",
    "INSERT INTO t SELECT * FROM (DELETE FROM u)",
    "INSERT INTO t SELECT SYSTEM$CANCEL_QUERY('x')",
    "UPDATE t SET a = SYSTEM$ABORT_SESSION(1) WHERE b",
    "UPDATE t SET a = 1 WHERE b IN (DELETE FROM u)",
    "MERGE INTO t USING s ON t.i = s.i WHEN MATCHED THEN CALL p()",
    "MERGE INTO t USING (DELETE FROM s) s ON t.i = s.i WHEN MATCHED THEN DELETE",
    "MERGE INTO t USING s ON SYSTEM$ABORT_SESSION(1) WHEN MATCHED THEN DELETE",
    "DELETE FROM t WHERE a = 1; DROP TABLE t",
    "DELETE FROM t WHERE a = 1 ->> SELECT 1",
    "SELECT 1 ->> DELETE FROM t WHERE a = 1",
    "EXPLAIN DELETE FROM t WHERE a = 1",
    "WITH x AS (SELECT 1) DELETE FROM t WHERE a = 1",
    "SELECT * FROM (DELETE FROM t WHERE a = 1)",
    "GRANT SELECT ON TABLE t EXECUTE IMMEDIATE 'x' TO ROLE r; DROP TABLE t",
    "CREATE DATABASE d FROM SHARE SYSTEM$CANCEL_QUERY('x')",
    "CREATE ROLE r COMMENT = SELECT 1",
    "ALTER SHARE s ADD ACCOUNTS = CALL p()",
    "CREATE ROLE IF MERGE INTO t USING s ON a WHEN MATCHED THEN DELETE",
    "ALTER USER u SET PASSWORD = $x",
    "GRANT",
    "INSERT",
    "MERGE INTO t",
    "ALTER TABLE t",
    "DROP TABLE",
    "CREATE",
]


def judge(sql: str, tier: Tier, *granted: str, **rules: tuple[str, ...]) -> Verdict:
    terms = Terms(65_536, frozenset(granted), **rules)  # type: ignore[arg-type]  # no section
    return assess(sql, terms, Situation("DB", "S", tier))


@pytest.mark.parametrize("tier", Tier)
@pytest.mark.parametrize(("home", "sql"), [(t, sql) for t, many in WRITES.items() for sql in many])
def test_a_tier_opens_its_own_and_those_below(home: Tier, sql: str, tier: Tier) -> None:
    """Allowed from its tier on, refused below with the setting that would allow it."""
    verdict = judge(sql, tier)
    assert verdict.tier is home
    if tier >= home:
        assert verdict.refusals == ()
        assert verdict.sql == sql
        return
    refusal = verdict.refusals[0]
    assert refusal.rule == "not-a-read"
    assert f"policy.tier = {home.word}" in refusal.remedy


@pytest.mark.parametrize("sql", NEVER)
def test_no_tier_opens_what_cannot_be_judged(sql: str) -> None:
    """Code, files, sessions, transactions, and every form that is not known."""
    assert not judge(sql, Tier.ADMIN, *CAPABILITIES).allowed


@pytest.mark.parametrize("tier", Tier)
def test_reads_stay_what_they_are(tier: Tier) -> None:
    """No tier changes the verdict about a read, nor lets through what no read is."""
    for row in ALLOWED:
        verdict = judge(row["sql"], tier)
        assert (verdict.allowed, verdict.kind, verdict.tier) == (True, row["kind"], Tier.READ)
    for row in REFUSED:
        assert judge(row["sql"], tier).tier <= tier or not judge(row["sql"], tier).allowed


_OPEN: Final = {
    Tier.READ: set[str](),
    Tier.DML: {"insert", "insert overwrite", "update", "delete", "merge"},
    Tier.DDL: {"create", "alter", "drop", "undrop", "truncate", "comment"},
    Tier.ADMIN: {"grant", "revoke", "create", "alter", "drop", "undrop"},
}


@pytest.mark.parametrize("tier", Tier)
def test_the_shared_corpus_at_every_tier(tier: Tier) -> None:
    """Of what it wants denied, a tier lets through nothing but its own plain writes."""
    if not SHARED.exists():
        return
    for line in SHARED.read_text("utf-8").splitlines():
        row: dict[str, Any] = json.loads(line)
        verdict = judge(row["sql"], tier)
        if row["verdict"] == "allow":
            assert verdict.tier is Tier.READ
        elif verdict.allowed:
            assert Tier.READ < verdict.tier <= tier
            assert row["cat"] in {"dml", "ddl", "dcl", "comment"}
            verb = verdict.kind.partition(" ")[0]
            assert verb in {kind.partition(" ")[0] for kind in _OPEN[verdict.tier]}


@pytest.mark.parametrize("sql", ["UPDATE t SET a = 1", "DELETE FROM t", "DELETE FROM t USING u"])
def test_every_row_has_to_be_meant(sql: str) -> None:
    """Without WHERE nothing is changed; WHERE TRUE says that all rows are meant."""
    assert rules(judge(sql, Tier.ADMIN)) == ["unbounded-write"]
    assert judge(f"{sql} WHERE TRUE", Tier.DML).allowed


def test_functions_in_writes_need_their_capabilities() -> None:
    """As in reads."""
    sql = "UPDATE t SET a = my_f(b) WHERE c = 1"
    assert rules(judge(sql, Tier.DML)) == ["user-function"]
    assert judge(sql, Tier.DML, "udf").allowed


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO db.hr.t SELECT 1",
        "INSERT INTO t SELECT * FROM db.hr.u",
        "UPDATE t SET a = (SELECT MAX(b) FROM db.hr.u) WHERE TRUE",
        "DELETE FROM t USING db.hr.u WHERE TRUE",
        "MERGE INTO t USING db.hr.u ON t.a = u.a WHEN MATCHED THEN DELETE",
        "CREATE TABLE t CLONE db.hr.u",
        "CREATE TABLE t LIKE db.hr.u",
        "CREATE TABLE t (a INT REFERENCES db.hr.u(a))",
        "CREATE VIEW v AS SELECT * FROM db.hr.u",
        "CREATE SCHEMA s2 CLONE db.hr",
        "ALTER TABLE t RENAME TO db.hr.u",
        "ALTER TABLE t SWAP WITH db.hr.u",
        "DROP TABLE db.hr.u",
        "DROP SCHEMA db.hr",
        "TRUNCATE db.hr.u",
        "COMMENT ON COLUMN db.hr.u.a IS 'x'",
        "DROP DATABASE db",
        "GRANT SELECT ON TABLE db.hr.u TO ROLE r",
    ],
)
def test_rules_about_objects_hold_for_writes(sql: str) -> None:
    """Whatever is written to, or read on the way."""
    denied = judge(sql, Tier.ADMIN, deny_objects=("DB.HR",))
    assert rules(denied)[0] == "object-denied"
    assert judge(sql, Tier.ADMIN).allowed


_ALL: Final = [*NEVER, *(sql for many in WRITES.values() for sql in many)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    one=st.sampled_from(_ALL),
    other=st.sampled_from(_ALL),
    cut=st.floats(0, 1),
    paste=st.floats(0, 1),
    tier=st.sampled_from(Tier),
)
def test_spliced_writes_get_a_verdict(
    one: str, other: str, cut: float, paste: float, tier: Tier
) -> None:
    """Whatever two halves meet: a verdict, never above the tier, and the same when judged again."""
    first, second = one.split(" "), other.split(" ")
    left, right = round(cut * len(first)), round(paste * len(second))
    sql = " ".join(first[:left] + second[right:])
    verdict = judge(sql, tier, *CAPABILITIES, allow_objects=("DB",), deny_objects=("DB.HR",))
    assert verdict.allowed == (not verdict.refusals)
    if verdict.allowed:
        assert verdict.tier <= tier
        assert judge(verdict.sql, tier, *CAPABILITIES).sql == verdict.sql


def test_tiers_have_names() -> None:
    """The setting takes the four words; anything else stops the start."""
    assert [tier_named(tier.word) for tier in Tier] == list(Tier)
    with pytest.raises(ValueError, match=r"policy\.tier"):
        tier_named("write")
