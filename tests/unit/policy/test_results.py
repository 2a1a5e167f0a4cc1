"""Which stored results a statement reads is known before it is sent, or it is refused."""

import pytest

from tests.unit.policy.support import judge

ONE = "01b00000-0000-0000-0000-00000000000a"
TWO = "01b00000-0000-0000-0000-00000000000b"


@pytest.mark.parametrize(
    ("sql", "results"),
    [
        (f"SELECT * FROM TABLE(RESULT_SCAN('{ONE}'))", (ONE,)),
        (f"SELECT * FROM TABLE(result_scan ( '{ONE.upper()}' )) AS r", (ONE,)),
        (
            (
                f"WITH a AS (SELECT * FROM TABLE(RESULT_SCAN('{TWO}'))) "
                f"SELECT * FROM a, TABLE(RESULT_SCAN('{ONE}')), TABLE(RESULT_SCAN('{TWO}'))"
            ),
            (TWO, ONE),
        ),
        (f"SELECT 1 ->> SELECT * FROM $1, TABLE(RESULT_SCAN('{ONE}'))", (ONE,)),
        (f"DESCRIBE RESULT '{ONE}'", (ONE,)),
        (f"DESC RESULT '{ONE}'", (ONE,)),
        ("SELECT * FROM TABLE(RESULT_SCAN(LAST_QUERY_ID(-1)))", ()),
        ("DESCRIBE RESULT LAST_QUERY_ID()", ()),
        (f"SELECT 'RESULT_SCAN(''{ONE}'')'", ()),
    ],
)
def test_the_ids_are_told(sql: str, results: tuple[str, ...]) -> None:
    """Each once, in the order of the text; the session's own last result has none."""
    verdict = judge(sql, "result_scan")
    assert (verdict.allowed, verdict.results) == (True, results)


@pytest.mark.parametrize(
    "argument",
    [
        "'not an id'",
        f"'{ONE}' || ''",
        f"$${ONE}$$",
        "$id",
        "id",
        "(SELECT MAX(query_id) FROM t)",
        f"CONCAT('{ONE}')",
        f"QUERY_ID => '{ONE}'",
        "",
    ],
)
def test_an_id_that_is_not_written_there_is_refused(argument: str) -> None:
    """Whose result it is could not be asked; the capability does not help."""
    verdict = judge(f"SELECT * FROM TABLE(RESULT_SCAN({argument}))", "result_scan", "udf")
    assert not verdict.allowed
    assert verdict.results == ()


def test_a_quoted_name_hides_nothing() -> None:
    """Snowflake may take it for the built-in function."""
    verdict = judge("""SELECT * FROM TABLE("RESULT_SCAN"($id))""", "result_scan", "udf")
    assert not verdict.allowed


def test_few_results_at_a_time() -> None:
    """Whose each one is may have to be asked of Snowflake."""
    tables = ", ".join(f"TABLE(RESULT_SCAN('{ONE[:-1]}{n:x}'))" for n in range(9))
    (refusal,) = judge(f"SELECT 1 FROM {tables}", "result_scan").refusals
    assert (refusal.rule, refusal.message) == (
        "result-scan",
        "More than 8 stored results are read.",
    )
