"""What a verdict tells: the text to send, the place, the remedy, the capabilities."""

import pytest

from snowflake_mcp.policy.rules import CAPABILITIES, Rule
from snowflake_mcp.policy.terms import Terms
from tests.unit.policy.support import judge, rules


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("SELECT 1;", "SELECT 1"),
        ("  SELECT 1 ; -- done\n", "SELECT 1"),
        ("SELECT a/* x */FROM t", "SELECT a FROM t"),
        ("SELECT 1 -/* x */- 1 FROM t", "SELECT 1 - - 1 FROM t"),
        ("SELECT ';', \"--\", $$/*$$ -- ;\nFROM t", "SELECT ';', \"--\", $$/*$$  \nFROM t"),
        ("select  A ,\n\tb FROM t", "select  A ,\n\tb FROM t"),
        ("SELECT 1 // x\n->> SELECT * FROM $1", "SELECT 1  \n->> SELECT * FROM $1"),
    ],
)
def test_what_is_sent_is_what_was_judged(sql: str, sent: str) -> None:
    """Comments become a blank and the final semicolon goes; nothing else changes."""
    assert judge(sql).sql == sent


def test_a_refusal_says_where() -> None:
    """Line and column count from 1, in characters, in the text as it was given."""
    refusal = judge("SELECT 'ö',\n  my_f(a)\nFROM t").refusals[0]
    assert (refusal.rule, refusal.token, refusal.line, refusal.column) == (
        "user-function",
        "my_f",
        2,
        3,
    )
    assert "`udf`" in refusal.remedy
    assert "policy.capabilities" in refusal.remedy


def test_independent_refusals_come_together() -> None:
    """The most important one is first, and there are five at most."""
    verdict = judge(
        "SELECT a(1), b(1), c(1), SYSTEM$ABORT_SESSION(1), s.nextval, AI_COMPLETE('x') FROM t"
    )
    assert rules(verdict) == [
        "sequence",
        "system-function",
        "user-function",
        "user-function",
        "user-function",
    ]
    assert verdict.capabilities == {"udf", "ai"}


@pytest.mark.parametrize(
    ("capability", "sql"),
    [
        ("udf", 'SELECT my_f(a), db.sch.g(b), "h"(c), m!PREDICT(d) FROM TABLE(p(1))'),
        ("ai", "SELECT AI_COMPLETE('m', a), SNOWFLAKE.CORTEX.SENTIMENT(b) FROM t"),
        ("result_scan", "SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID()))"),
        ("query_history", "SELECT * FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY())"),
        ("presigned_url", "SELECT GET_PRESIGNED_URL(@stg, 'f.csv')"),
        ("get_ddl", "SELECT GET_DDL('TABLE', 't')"),
        ("admin_metadata", "SHOW USERS LIKE 'A%'"),
        ("system_wait", "SELECT SYSTEM$WAIT(1)"),
    ],
)
def test_a_capability_opens_its_statements_and_no_others(capability: str, sql: str) -> None:
    """Refused without the capability and with every other one; allowed with it, and told."""
    others = CAPABILITIES.keys() - {capability}
    refused = judge(sql, *others)
    assert not refused.allowed
    assert refused.capabilities == {capability}
    assert refused.refusals[0].rule == CAPABILITIES[capability].rule.value
    allowed = judge(sql, capability)
    assert allowed.allowed
    assert allowed.capabilities == {capability}
    assert allowed.sql == sql


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t",
        "SELECT SYSTEM$ABORT_SESSION(1)",
        'SELECT "system$wait"(1)',
        "SELECT s.NEXTVAL",
        "SELECT * FROM TABLE(TO_QUERY('DROP TABLE t'))",
        "SELECT * FROM TABLE(GETNEXTVAL(s))",
        "SELECT IDENTIFIER('f')(1)",
        "SELECT a INTO b FROM t",
        "SELECT 1 ->> CALL p()",
        "SELECT * FROM TABLE(GENERATOR(TIMELIMIT => 60))",
        "WITH p AS PROCEDURE () RETURNS INT AS 'x' CALL p()",
    ],
)
def test_no_capability_opens_a_write(sql: str) -> None:
    """With everything granted a change is refused all the same."""
    assert not judge(sql, *CAPABILITIES).allowed


def test_an_unlisted_model_function_takes_both_grants() -> None:
    """A name like AI_NEW may be a model or a user's function, so neither grant opens it alone."""
    assert judge("SELECT AI_NEW(a) FROM t", "ai", "udf").allowed
    assert rules(judge("SELECT AI_NEW(a) FROM t", "ai")) == ["user-function"]
    assert rules(judge("SELECT AI_NEW(a) FROM t", "udf")) == ["ai-function"]


@pytest.mark.parametrize(
    ("capability", "call"), [("udf", "f{}(1)"), ("ai", "SNOWFLAKE.CORTEX.F{}(1)")]
)
def test_many_granted_calls_hide_nothing(capability: str, call: str) -> None:
    """However many findings a grant lifts, the one that it does not lift is still told."""
    calls = ", ".join(call.format(number) for number in range(500))
    assert judge(f"SELECT {calls}", capability).allowed
    assert rules(judge(f"SELECT {calls}, SYSTEM$ABORT_SESSION(1)", capability)) == [
        "system-function"
    ]
    assert rules(judge(f"SELECT {calls}, LAST_QUERY_ID()", capability)) == ["result-scan"]
    generator = "TABLE(GENERATOR(TIMELIMIT => 9))"
    waits = ", ".join("SYSTEM$WAIT(1)" for _ in range(500))
    assert rules(judge(f"SELECT {waits} FROM {generator}", "system_wait")) == ["cost"]


def test_unknown_capabilities_are_an_error() -> None:
    """A misspelled grant must not pass for one."""
    with pytest.raises(ValueError, match="unknown capabilities"):
        Terms(max_sql_bytes=100, granted=frozenset({"udfs"}))


def test_length_is_counted_in_bytes() -> None:
    """The limit is of the UTF-8 form, and a text of exactly that length passes."""
    sql = "SELECT 'ö'"
    assert judge(sql, max_sql_bytes=11).allowed
    assert rules(judge(sql, max_sql_bytes=10)) == ["too-long"]
    assert rules(judge("x" * 1_000_000, max_sql_bytes=10)) == ["too-long"]


def test_long_and_invisible_tokens_are_shown_short() -> None:
    """A refusal can always be shown and encoded, whatever the text holds."""
    long = judge(f"SELECT {'f' * 500}(1)").refusals[0]
    assert len(long.token) == 60
    assert len(long.message) < 300
    half = judge("SELECT '\ud800'").refusals[0]
    assert half.token == "\\ud800"
    half.message.encode()


def test_every_rule_has_its_own_id() -> None:
    """Ids are kebab-case and ordered; the order is the order of importance."""
    ids = [rule.value for rule in Rule]
    assert len(set(ids)) == len(ids)
    assert all(part.islower() for rule in ids for part in rule.split("-"))
    assert [rule.rank for rule in Rule] == list(range(len(ids)))
