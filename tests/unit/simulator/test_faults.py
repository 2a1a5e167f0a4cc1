"""Rules of faults: what may be said, whom they hit, how often."""

from typing import Any

import pytest

from snowflake_mcp.simulator.fault_words import ROUTES, Fault, marks
from snowflake_mcp.simulator.faults import MAX_RULES, Asked, BadRules, RuleBook, read_rules


def problems(given: object) -> list[str]:
    """Why ``given`` cannot be used."""
    with pytest.raises(BadRules) as bad:
        read_rules(given)
    return list(bad.value.problems)


def book(*rules: dict[str, Any]) -> RuleBook:
    """The rules, taken in."""
    kept = RuleBook()
    kept.add(read_rules(list(rules)))
    return kept


def fired(kept: RuleBook, *asked: Asked) -> list[int | None]:
    """The HTTP status that each request is told, None for those that go well."""
    faults = [kept.choose(one) for one in asked]
    return [None if fault is None else fault.http for fault in faults]


def test_every_mistake_of_every_rule_is_told() -> None:
    """All at once, with the place."""
    given = [
        {"on": {"path": "quary", "sql": "x"}, "do": {"http": 200, "slow": 1}, "time": 1},
        {"do": {"http": 503, "code": 390112}},
        {"times": 0, "skip": -1, "do": {"corrupt": True, "after": True}},
        7,
        {"on": [], "do": {}},
    ]
    assert problems(given) == [
        "rules[0]: time: no such member",
        "rules[0]: on.sql: no such member",
        f"rules[0]: on.path: one of {', '.join(('any', *ROUTES))}",
        "rules[0]: do.slow: no such member",
        "rules[0]: do.http: a whole number from 400 to 599",
        "rules[1]: do.code: a text of at most 10000 characters",
        "rules[1]: do.code: six digits in quotes",
        "rules[1]: do: only one of http, code",
        "rules[2]: do.after: only with http or code or hang_s",
        "rules[2]: do.corrupt: only where on.path is chunk",
        "rules[2]: skip: a whole number from 0 to 1e+06",
        "rules[2]: times: a whole number from 1 to 1e+06",
        "rules[3]: a rule is a JSON object",
        "rules[4]: on: give a JSON object",
        "rules[4]: do: give a JSON object that says what goes wrong",
    ]


@pytest.mark.parametrize(
    ("do", "problem"),
    [
        ({"delay_s": 601}, "do.delay_s: a number from 0 to 600"),
        ({"delay_s": True}, "do.delay_s: a number from 0 to 600"),
        ({"http": 503.5}, "do.http: a whole number from 400 to 599"),
        ({"message": "x"}, "do.message: only with code"),
        ({"body": "x" * 10_001, "http": 500}, "do.body: a text of at most 10000 characters"),
        ({"drop": "half", "bytes_per_s": 1}, "do.bytes_per_s: not with hang_s or drop"),
        ({"code": "390112", "sqlstate": "x"}, "do.sqlstate: five digits and capital letters"),
        ({"malformed": "odd"}, "do.malformed: one of text, empty, list, bare, no_data, truncated"),
        ({"corrupt": 1}, "do.corrupt: true or false"),
    ],
)
def test_members_are_bounded(do: dict[str, object], problem: str) -> None:
    """Numbers, texts, words and what goes with what."""
    assert problem in problems({"do": do})


def test_rules_are_bounded() -> None:
    """Two hundred at once, and in all."""
    rule = {"do": {"delay_s": 0}}
    assert problems([rule] * (MAX_RULES + 1)) == [f"give 1 to {MAX_RULES} rules"]
    kept = book(*[rule] * MAX_RULES)
    with pytest.raises(BadRules):
        kept.add(read_rules(rule))
    kept.clear()
    assert kept.add(read_rules(rule)) == [MAX_RULES + 1]


def test_a_rule_hits_what_it_is_meant_for() -> None:
    """Path, text and user must all fit."""
    kept = book(
        {"on": {"path": "query", "sql_contains": "ORDERS", "user": "ann"}, "do": {"http": 503}}
    )
    hit = Asked("query", "ANN", "select * from ORDERS")
    others = (
        Asked("result", "ANN", "select * from ORDERS"),
        Asked("query", "BOB", "select * from ORDERS"),
        Asked("query", "ANN", "select * from orders"),
    )
    assert fired(kept, hit, *others, hit) == [503, None, None, None, 503]


def test_skip_and_times_count_what_matches() -> None:
    """The second and the third, and no more."""
    kept = book({"do": {"http": 500}, "skip": 1, "times": 2})
    assert fired(kept, *[Asked("login")] * 5) == [None, 500, 500, None, None]
    told = kept.rules[0].told()
    assert (told["id"], told["matched"], told["fired"]) == (1, 5, 2)
    assert told["do"] == {"http": 500}


def test_the_first_rule_that_hits_is_the_one() -> None:
    """A spent rule gives way to the next."""
    kept = book({"do": {"http": 500}, "times": 1}, {"do": {"http": 501}})
    assert fired(kept, *[Asked("query")] * 3) == [500, 501, 501]


def test_a_mark_counts_for_its_own_statement() -> None:
    """A retry goes on counting, the next run of the text begins anew; rules come after."""
    sql = "select /* fault: http=503 times=2 */ 1"
    kept = book({"do": {"http": 400}})
    first, second = Asked("query", "", sql, "r1"), Asked("query", "", sql, "r2")
    assert fired(kept, first, first, first, second) == [503, 503, 400, 503]
    assert fired(kept, Asked("result", "", sql, "r1")) == [400]
    assert kept.marks_fired == 3


def test_marks_say_what_rules_say() -> None:
    """Names alone are true, quotes hold blanks, several marks stand beside each other."""
    sql = """select 1 /* fault: on=chunk corrupt skip=1 */ -- fault: http=500
        /*fault: code=000604 message="not now" delay_s=.5 after*/ /* faulty: no */"""
    assert list(marks(sql)) == [
        {"on": "chunk", "corrupt": True, "skip": 1},
        {"code": "000604", "message": "not now", "delay_s": 0.5, "after": True},
    ]
    fault = RuleBook().choose(Asked("query", "", sql, "r1"))
    assert fault == Fault(code="000604", message="not now", delay_s=0.5, after=True)


def test_a_bad_mark_is_told() -> None:
    """With all problems, as for rules."""
    with pytest.raises(BadRules) as bad:
        RuleBook().choose(Asked("query", "", "/* fault: htp=503 http=5 on=x */ select 1"))
    assert str(bad.value).count("fault mark: ") == 3


def test_marked_statements_are_forgotten_in_time() -> None:
    """Five thousand are counted for; the oldest begin anew."""
    kept = RuleBook()
    sql = "/* fault: http=503 times=1 */ select 1"
    oldest = Asked("query", "", sql, "0")
    assert fired(kept, oldest, oldest) == [503, None]
    for number in range(1, 5_001):
        kept.choose(Asked("query", "", sql, str(number)))
    assert fired(kept, oldest) == [503]
