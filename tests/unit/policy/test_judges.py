"""The judges without processes: queue, deadline, replacement, and an end in every case."""

import os
from collections.abc import Iterator
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace
from twisted.internet.defer import Deferred

from snowflake_mcp.policy.custody import DEADLINE_S
from snowflake_mcp.policy.gate import Gate
from snowflake_mcp.policy.judges import MAX_WAITING, WAIT_S, Judges
from snowflake_mcp.policy.lines import Answer, Question, Ready
from snowflake_mcp.policy.remembered import MOST_CHARS, MOST_VERDICTS
from snowflake_mcp.policy.terms import NOWHERE, Situation, Terms
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Verdict
from tests.support.children import Machine, Pipes
from tests.unit.policy.support import judge, rules

TERMS: Final = Terms(1_000, frozenset({"ai"}), ("SALES",), section="principals.ann.policy")


class Judging(Pipes):
    """A judging child."""

    def warm(self) -> None:
        self.say(Ready())

    @property
    def question(self) -> Question:
        return msgspec.json.decode(self.written[-1], type=Question)

    def answer(self) -> None:
        self.say(Answer(self.question.number, judge(self.question.sql)))


class Stand:
    """One judge, warm."""

    def __init__(self, children: int = 1) -> None:
        self.machine = Machine(Judging)
        self.judges = Judges(self.machine, children)  # type: ignore[arg-type]  # no whole reactor
        self.gate = Gate(self.judges)
        self.judges.startService()
        for pipes in self.machine.started:
            pipes.warm()

    @property
    def child(self) -> Judging:
        return self.machine.started[-1]

    def ask(
        self, sql: str, owner: str = "", terms: Terms = TERMS, situation: Situation = NOWHERE
    ) -> list[Verdict]:
        verdicts: list[Verdict] = []
        self.asked = Deferred.fromCoroutine(self.gate.judge(sql, terms, situation, owner))
        self.asked.addCallback(verdicts.append)
        return verdicts


@pytest.fixture
def stand() -> Iterator[Stand]:
    """Nothing is left in the clock when the service has stopped."""
    made = Stand()
    yield made
    made.judges.stopService()
    for pipes in made.machine.started:
        if not pipes.gone:
            pipes.die(0, None)
    assert made.machine.getDelayedCalls() == []


def test_nothing_starts_before_the_service() -> None:
    """Building starts no process and no timer; a text is refused until the start."""
    machine = Machine(Judging)
    judges = Judges(machine)  # type: ignore[arg-type]  # no whole reactor
    verdicts: list[Verdict] = []
    Deferred.fromCoroutine(Gate(judges).judge("SELECT 1", TERMS)).addCallback(verdicts.append)
    assert rules(verdicts[0]) == ["gate-unavailable"]
    assert (machine.started, machine.getDelayedCalls(), judges.pids) == ([], [], [])


def test_a_child_knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets nothing before the first text, and next to nothing of the environment."""
    monkeypatch.setitem(os.environ, "SNOWFLAKE_PASSWORD", "hunter2")
    stand = Stand()
    assert stand.child.written == []
    assert stand.child.arguments[1:] == [b"-P", b"-s", b"-m", b"snowflake_mcp.policy.child"]
    assert b"SNOWFLAKE_PASSWORD" not in stand.child.environment


def test_a_text_goes_to_the_child_and_its_verdict_comes_back(stand: Stand) -> None:
    """The verdict is the child's, whole."""
    verdicts = stand.ask("SELECT f(1), 'ö\n\"' FROM t")
    assert verdicts == []
    assert stand.child.question == Question(1, "SELECT f(1), 'ö\n\"' FROM t", TERMS)
    stand.child.answer()
    assert verdicts == [judge("SELECT f(1), 'ö\n\"' FROM t")]


def test_texts_wait_in_their_order(stand: Stand) -> None:
    """A child has one text at a time."""
    first, second, third = (stand.ask(f"SELECT {n}") for n in (1, 2, 3))
    assert stand.child.question.sql == "SELECT 1"
    stand.child.answer()
    assert (len(first), len(second)) == (1, 0)
    assert stand.child.question.sql == "SELECT 2"
    stand.child.answer()
    stand.child.answer()
    assert [third[0].sql, second[0].sql] == ["SELECT 3", "SELECT 2"]
    assert stand.judges.snapshot()["judged"] == 3


def test_an_answer_may_come_in_pieces(stand: Stand) -> None:
    """A pipe cuts where it likes."""
    verdicts = stand.ask("SELECT 1")
    line = msgspec.json.encode(Answer(1, judge("SELECT 1"))) + b"\n"
    for at in range(len(line)):
        stand.child.say(line[at : at + 1])
    assert verdicts[0].allowed


@pytest.mark.parametrize("sql", ["x" * 1_001, "SELECT '\ud800'", "SELECT \x00"])
def test_what_is_no_text_is_not_handed_on(stand: Stand, sql: str) -> None:
    """Length and characters are refused at once, by the same rules."""
    verdicts = stand.ask(sql)
    assert rules(verdicts[0]) == rules(judge(sql, max_sql_bytes=1_000))
    assert stand.child.written == []


def test_a_late_child_is_killed_and_replaced(stand: Stand) -> None:
    """The text is refused at the deadline, and may be sent again; the next one is judged."""
    verdicts = stand.ask("SELECT 1")
    behind = stand.ask("SELECT 2")
    late = stand.child
    stand.machine.advance(DEADLINE_S)
    stand.machine.advance(0.1)
    assert rules(verdicts[0]) == ["gate-unavailable"]
    assert verdicts[0].refusals[0].retryable
    assert "within 1 s" in verdicts[0].refusals[0].message
    assert (late.signals, behind) == (["KILL"], [])
    late.answer()  # what it had still to say
    late.die()
    assert stand.child is not late
    stand.child.warm()
    stand.child.answer()
    assert behind[0].sql == "SELECT 2"
    assert (stand.judges.snapshot()["late"], stand.judges.snapshot()["died"]) == (1, 1)


def test_an_answer_in_the_last_moment_counts(stand: Stand) -> None:
    """This process may have been the late one."""
    verdicts = stand.ask("SELECT 1")
    stand.machine.advance(DEADLINE_S)
    stand.child.answer()
    assert verdicts[0].allowed
    stand.machine.advance(1)
    assert stand.child.signals == []


def test_a_dead_child_is_a_refusal(stand: Stand) -> None:
    """Its text is refused, and another child starts at once."""
    verdicts = stand.ask("SELECT 1")
    stand.child.die()
    assert rules(verdicts[0]) == ["gate-unavailable"]
    assert len(stand.machine.started) == 2
    assert stand.judges.ready() == (False, "0 of 1 ready, 0 waiting; signal 9")
    stand.child.warm()
    assert stand.judges.ready() == (True, "1 of 1 ready, 0 waiting")


def test_a_child_that_cannot_start_is_tried_less_and_less_often(stand: Stand) -> None:
    """And the operator sees why, in its own words."""
    stand.child.die()
    for wait_s in (0.0, 0.0, 0.2, 0.5, 1.0):
        child = stand.child
        child.protocol.errReceived(b"Traceback\nImportError: no sqlglot\n")
        child.die(1, None)
        stand.machine.advance(wait_s)
        assert stand.child is not child
    assert "exit status 1, ImportError: no sqlglot" in stand.judges.ready()[1]
    stand.machine.advance(20)
    assert stand.child.signals == ["KILL"]


def test_what_a_child_complains_about_later_is_not_kept(stand: Stand) -> None:
    """After the start its words might quote a statement."""
    stand.ask("SELECT 'secret'")
    stand.child.protocol.errReceived(b"RuntimeError: SELECT 'secret'\n")
    stand.child.die(1, None)
    assert "secret" not in str(stand.judges.snapshot())


@pytest.mark.parametrize(
    "noise",
    [
        b"hello\n",
        b"{}\n",
        b'{"type":"ready"}\n',
        b'{"type":"answer","number":7,"verdict":{"allowed":true}}\n',
        msgspec.json.encode(Answer(7, judge("SELECT 1"))) + b"\n",
        msgspec.json.encode(Answer(1, judge("SELECT 1"))) + b"\n{}\n",
        b"x" * (17 << 20),
    ],
    ids=["words", "empty", "ready twice", "partly", "another number", "too many", "too long"],
)
def test_a_child_that_says_something_else_is_not_trusted(stand: Stand, noise: bytes) -> None:
    """It is killed and its text refused."""
    verdicts = stand.ask("SELECT 1")
    stand.child.say(noise)
    assert rules(verdicts[0]) == ["gate-unavailable"]
    assert stand.child.signals == ["KILL"]
    assert not stand.judges.ready()[0]


def test_who_left_is_not_waited_for(stand: Stand) -> None:
    """A cancelled caller leaves the queue; the text that a child has is judged to its end."""
    stand.ask("SELECT 1")
    judged = stand.asked
    stand.ask("SELECT 2")
    stand.asked.addErrback(lambda failure: None)
    stand.asked.cancel()
    judged.addErrback(lambda failure: None)
    judged.cancel()
    last = stand.ask("SELECT 3")
    stand.child.answer()
    assert stand.child.question.sql == "SELECT 3"
    stand.child.answer()
    assert last[0].allowed


def test_waiting_has_bounds(stand: Stand) -> None:
    """A text waits some seconds at most, and only so many wait."""
    stand.child.die()  # the next child never gets warm
    verdicts = [stand.ask("SELECT 1") for _ in range(MAX_WAITING)]
    one_more = stand.ask("SELECT 1")
    assert "Too many" in one_more[0].refusals[0].message
    stand.machine.advance(WAIT_S)
    assert {rules(verdict[0])[0] for verdict in verdicts} == {"gate-unavailable"}


def test_two_children_share_the_queue() -> None:
    """One slow text does not hold up the others."""
    stand = Stand(children=2)
    slow, quick = stand.ask("SELECT 1"), stand.ask("SELECT 2")
    stand.machine.started[1].answer()
    assert (len(slow), len(quick)) == (0, 1)
    last = stand.ask("SELECT 3")
    stand.machine.started[1].answer()
    assert last[0].sql == "SELECT 3"


def test_the_end() -> None:
    """Children are asked to end and killed when they do not; nobody waits for a verdict."""
    stand = Stand(children=2)
    ended: list[None] = []
    running, waiting, more = (stand.ask(f"SELECT {n}") for n in (1, 2, 3))
    stopped = stand.judges.stopService()
    assert stopped is not None
    stopped.addCallback(ended.append)
    assert rules(more[0]) == ["gate-unavailable"]
    first, second = stand.machine.started
    assert not first.open
    first.die(0, None)
    stand.machine.advance(0.6)
    assert second.signals == ["KILL"]
    assert ended == []
    second.die()
    assert ended == [None]
    assert [rules(each[0]) for each in (running, waiting)] == [["gate-unavailable"]] * 2
    assert stand.machine.getDelayedCalls() == []
    assert len(stand.machine.started) == 2


def test_owners_take_turns_at_the_gate(stand: Stand) -> None:
    """One with many texts holds up nobody else's: a full queue, too, is taken from it."""
    flood = [stand.ask(f"SELECT {n}", "ann") for n in range(MAX_WAITING + 1)]
    mine = stand.ask("SELECT 'bob'", "bob")
    # The first is being judged; the newest of the longest line has made room.
    assert [len(each) for each in flood] == [0] * MAX_WAITING + [1]
    assert rules(flood[-1][0]) == ["gate-unavailable"]
    late = stand.ask("SELECT 'late'", "ann")
    assert rules(late[0]) == ["gate-unavailable"]
    for _ in range(3):
        stand.child.answer()
    assert [len(each) for each in flood[:3]] == [1, 1, 0]
    assert mine[0].allowed


def test_the_same_question_is_judged_once(stand: Stand) -> None:
    """The verdict comes at once, without a child and without a timer, also while none is there."""
    stand.ask("SELECT 1")
    stand.child.answer()
    stand.child.die(None, 9)
    assert stand.ask("SELECT 1") == [judge("SELECT 1")]
    facts = stand.judges.snapshot()
    assert (facts["judged"], facts["remembered"]) == (1, 1)


@pytest.mark.parametrize(
    ("sql", "owner", "terms", "situation"),
    [
        ("SELECT 1 ", "", TERMS, NOWHERE),
        ("SELECT 1", "bob", TERMS, NOWHERE),
        ("SELECT 1", "", replace(TERMS, granted=frozenset()), NOWHERE),
        ("SELECT 1", "", replace(TERMS, deny_objects=("HR",)), NOWHERE),
        ("SELECT 1", "", replace(TERMS, mask_columns=("X",)), NOWHERE),
        ("SELECT 1", "", TERMS, Situation("HR")),
        ("SELECT 1", "", TERMS, Situation(tier=Tier.DML)),
    ],
)
def test_another_question_is_judged(
    stand: Stand, sql: str, owner: str, terms: Terms, situation: Situation
) -> None:
    """Another text, caller, setting, place or tier: as after a reload, nothing is found."""
    stand.ask("SELECT 1")
    stand.child.answer()
    verdicts = stand.ask(sql, owner, terms, situation)
    assert verdicts == []
    assert stand.child.question == Question(2, sql, terms, situation)
    stand.child.answer()
    assert verdicts[0].allowed


def test_equal_terms_are_the_same_question(stand: Stand) -> None:
    """Made anew of the same settings, as a reload makes them."""
    stand.ask("SELECT 1")
    stand.child.answer()
    assert stand.ask("SELECT 1", terms=replace(TERMS))[0].allowed


def test_a_refusal_is_not_remembered(stand: Stand) -> None:
    """It may be due to the child that judged."""
    first = stand.ask("DROP TABLE t")
    stand.child.answer()
    assert not first[0].allowed
    assert stand.ask("DROP TABLE t") == []
    stand.child.answer()


def test_what_is_remembered_has_bounds(stand: Stand) -> None:
    """Long texts are not, and of many others the one that was asked about longest ago goes."""
    long = "SELECT " + "1" * MOST_CHARS
    wide = replace(TERMS, max_sql_bytes=10_000)
    for text in [long, *(f"SELECT {n}" for n in range(MOST_VERDICTS))]:
        stand.ask(text, terms=wide)
        stand.child.answer()
    assert stand.ask("SELECT 0", terms=wide) != []
    stand.ask("SELECT 'one more'", terms=wide)
    stand.child.answer()
    known = [bool(stand.ask(text, terms=wide)) for text in ("SELECT 0", "SELECT 2", "SELECT 1")]
    assert known == [True, True, False]
    stand.child.answer()
    for _ in range(2):
        assert stand.ask(long, terms=wide) == []
        stand.child.answer()


def test_no_judge_for_what_is_too_long_by_now(stand: Stand) -> None:
    """The length is looked at first, and the limit is a part of the question anyway."""
    stand.ask("SELECT 1")
    stand.child.answer()
    tight = stand.ask("SELECT 1", terms=replace(TERMS, max_sql_bytes=3))
    assert rules(tight[0]) == ["too-long"]


def test_nothing_is_remembered_for_a_gate_that_stopped() -> None:
    """Without the service there is no verdict at all."""
    made = Stand()
    made.ask("SELECT 1")
    made.child.answer()
    made.judges.stopService()
    assert rules(made.ask("SELECT 1")[0]) == ["gate-unavailable"]
    made.child.die(0, None)
    assert made.machine.getDelayedCalls() == []
