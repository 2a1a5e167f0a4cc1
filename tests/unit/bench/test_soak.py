"""The judgement of a soak: which answers are right, what is too much, how memory goes."""

from random import Random

import pytest

from bench.soak.ledger import Ledger
from bench.soak.run import too_much
from bench.soak.statements import Answer, Statement, choose, problem
from bench.soak.watch import Rest, Watch

QUICK = Statement("quick", "execute_query", {}, rows=[["a", 1]])
REFUSED = Statement("refused", "execute_query", {}, failures=frozenset({"refused"}))


def test_the_same_seed_asks_the_same() -> None:
    """What was found can be run again."""
    first, second = (
        [choose(random, f"client {n}") for n in range(200)] for random in (Random(7), Random(7))
    )
    assert first == second
    assert len({statement.kind for statement in first}) > 5


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        (QUICK, Answer("ok", content={"rows": [["a", 1]]})),
        (QUICK, Answer("unavailable")),
        (REFUSED, Answer("refused")),
        (REFUSED, Answer("busy")),
    ],
)
def test_right_answers(statement: Statement, answer: Answer) -> None:
    """The rows asked for, the failure asked for, or trouble that any call may meet."""
    assert problem(statement, answer) is None


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        (QUICK, Answer("ok", content={"rows": [["b", 1]]})),
        (QUICK, Answer("internal")),
        (QUICK, Answer("refused")),
        (QUICK, Answer("another's", "id 3")),
        (REFUSED, Answer("ok")),
    ],
)
def test_wrong_answers(statement: Statement, answer: Answer) -> None:
    """Another's rows, a failure of ours, or success where the gate should have refused."""
    assert problem(statement, answer) is not None


def test_a_ledger_keeps_what_must_not_be() -> None:
    """Lost, doubled and wrong answers are faults; calls taken back are not."""
    ledger = Ledger()
    ledger.note("REST", "answered")
    ledger.note("WebSocket", "taken back")
    ledger.note("WebSocket", "lost", "quick")
    assert (ledger.requests, ledger.total("lost")) == (3, 1)
    assert ledger.faults == ["WebSocket, lost: quick"]


def test_what_is_too_much_at_rest() -> None:
    """Nothing may run, lease or wait; threads and descriptors may be as many as before."""
    before = Rest({"permits out": 0, "threads": 30, "descriptors": 20})
    after = Rest({"permits out": 1, "threads": 31, "descriptors": 20})
    assert too_much(after, before) == {"permits out": 0, "threads": 30}
    assert too_much(before, before) == {}


def test_how_memory_goes_after_the_warm_up() -> None:
    """The climb at the start does not count, the slope of the rest is told a minute."""
    watch = Watch(0)
    watch.samples = [(n * 2.0, 100.0 + 50 * n) for n in range(30)]
    watch.samples += [(60.0 + n * 2.0, 2_000.0 + n) for n in range(70)]
    assert watch.slope(0.3) == pytest.approx(30.0)
    assert watch.growth(0.3) == 56
    assert watch.highest == 2_069
    assert watch.course(10) == [350, 850, 1_350, *range(2_005, 2_070, 10)]
