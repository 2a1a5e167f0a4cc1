"""The painter without processes: turns, bounds, idleness, and an end in every case."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred

from snowflake_mcp.charts.lines import Answer, Facts, Field, Look, Question, Ready
from snowflake_mcp.charts.painter import MAX_WAITING, WAIT_S, Painter, Unpaintable
from snowflake_mcp.config.charts import ChartSettings
from tests.support.children import Machine, Pipes

SETTINGS = ChartSettings(draw_timeout_s=2.0, idle_s=60.0)


def question(title: str = "") -> Question:
    fields = [Field("A", "number")]
    return Question(0, "histogram", Look(1, 1, 1, 1), fields, 0, [], None, [[1]], title)


class Drawing(Pipes):
    """A drawing child."""

    def write(self, data: bytes) -> None:
        self.written.append(msgspec.json.decode(data, type=Question))

    def answer(self, **more: Any) -> None:
        self.say(Answer(self.written[-1].number, **{"png": "aGk=", "facts": Facts(), **more}))


class Stand:
    """A painter that was started."""

    def __init__(self) -> None:
        self.machine = Machine(Drawing)
        self.painter = Painter(self.machine, SETTINGS)  # type: ignore[arg-type]  # no whole reactor
        self.painter.startService()  # type: ignore[no-untyped-call]  # as twisted's

    @property
    def child(self) -> Drawing:
        return self.machine.started[-1]

    def want(self, title: str = "", owner: str = "") -> list[Any]:
        """A picture; the list gets it, or why there is none."""
        outcome: list[Any] = []
        self.wanted = Deferred.fromCoroutine(self.painter.paint(question(title), owner))
        self.wanted.addCallbacks(outcome.append, lambda failed: outcome.append(failed.value))
        return outcome


@pytest.fixture
def stand() -> Iterator[Stand]:
    """Nothing is left in the clock when the service has stopped."""
    made = Stand()
    yield made
    made.painter.stopService()
    for pipes in made.machine.started:
        if not pipes.gone:
            pipes.die(0, None)
    assert made.machine.getDelayedCalls() == []


def test_nothing_starts_before_the_first_picture(stand: Stand) -> None:
    """Then one process does, with its bounds as arguments and no secret."""
    assert stand.machine.started == []
    outcome = stand.want()
    assert stand.child.arguments[1:] == [
        b"-P",
        b"-s",
        b"-m",
        b"snowflake_mcp.charts.child",
        str(SETTINGS.max_memory_bytes).encode(),
        b"2",
    ]
    assert not [name for name in stand.child.environment if b"SNOWFLAKE" in name]
    assert stand.child.written == []
    stand.child.say(Ready())
    assert stand.child.written == [msgspec.structs.replace(question(), number=1)]
    stand.child.answer()
    assert outcome == [Answer(1, "aGk=", Facts())]


def test_pictures_are_drawn_one_after_the_other_owner_by_owner(stand: Stand) -> None:
    """Who wants many waits for who wants one."""
    for title in ("a1", "a2", "a3"):
        stand.want(title, "a")
    stand.want("b1", "b")
    stand.child.say(Ready())
    for _ in range(3):
        stand.child.answer()
    assert [each.title for each in stand.child.written] == ["a1", "b1", "a2", "a3"]
    assert len(stand.machine.started) == 1


def test_a_picture_that_is_late_costs_the_child_and_nobody_else(stand: Stand) -> None:
    """It is killed, its picture has failed, and the next one has another child."""
    first, second = stand.want("first"), stand.want("second")
    stand.child.say(Ready())
    stand.machine.advance(SETTINGS.draw_timeout_s)
    stand.machine.advance(0.05)
    assert isinstance(first[0], Unpaintable)
    assert "within 2 s" in str(first[0])
    assert not first[0].of_data
    assert stand.child.signals == ["KILL"]
    stand.child.die()
    assert len(stand.machine.started) == 2
    stand.child.say(Ready())
    stand.child.answer()
    assert second == [Answer(1, "aGk=", Facts())]
    assert stand.painter.snapshot()["late"] == 1


def test_a_child_that_dies_while_it_draws_is_replaced_when_somebody_asks(stand: Stand) -> None:
    """For want of memory, say."""
    outcome = stand.want()
    stand.child.say(Ready())
    stand.child.die()
    assert "memory" in str(outcome[0])
    assert len(stand.machine.started) == 1
    assert stand.painter.snapshot()["last_problem"] == "signal 9"
    stand.want()
    assert len(stand.machine.started) == 2


def test_data_that_cannot_be_drawn_is_told_as_such(stand: Stand) -> None:
    """The child goes on."""
    outcome = stand.want()
    stand.child.say(Ready())
    stand.child.answer(png="", facts=None, problem="no")
    assert (str(outcome[0]), outcome[0].of_data) == ("no", True)
    assert stand.child.signals == []


def test_an_idle_child_is_let_go_and_the_next_picture_starts_another(stand: Stand) -> None:
    """Also one that is wanted while the old one is ending."""
    stand.want()
    stand.child.say(Ready())
    stand.child.answer()
    stand.machine.advance(SETTINGS.idle_s - 1)
    stand.want()
    stand.child.answer()
    stand.machine.advance(SETTINGS.idle_s - 1)
    assert stand.child.closed == []
    stand.machine.advance(1)
    assert stand.child.closed
    outcome = stand.want()
    stand.child.die(0, None)
    assert stand.painter.snapshot()["died"] == 0
    assert len(stand.machine.started) == 2
    stand.child.say(Ready())
    stand.child.answer()
    assert len(outcome) == 1


def test_a_child_that_does_not_start_is_tried_thrice(stand: Stand) -> None:
    """Then whoever waits is told; a later picture tries again."""
    outcome = stand.want()
    for _ in range(3):
        assert outcome == []
        stand.child.protocol.errReceived(b"No usable temporary directory\n")
        stand.child.die(1, None)
    assert "could be started" in str(outcome[0])
    assert len(stand.machine.started) == 3
    problem = stand.painter.snapshot()["last_problem"]
    assert problem == "exit status 1, No usable temporary directory"
    stand.want()
    assert len(stand.machine.started) == 4


def test_waiting_is_bounded_in_time_and_number(stand: Stand) -> None:
    """A child that hangs at its start is killed; nobody waits for ever."""
    waiting = [stand.want() for _ in range(MAX_WAITING)]
    assert "Too many" in str(stand.want()[0])
    stand.machine.advance(WAIT_S)
    assert "no turn" in str(waiting[0][0])
    assert all(len(each) == 1 for each in waiting)


def test_who_has_gone_is_forgotten(stand: Stand) -> None:
    """A cancelled picture is not drawn; one that is being drawn is not told to anybody."""
    first = stand.want("first")
    drawing = stand.wanted
    second = stand.want("second")
    stand.wanted.cancel()
    stand.child.say(Ready())
    drawing.cancel()
    stand.child.answer()
    assert [each.title for each in stand.child.written] == ["first"]
    assert [type(each[0]).__name__ for each in (first, second)] == ["CancelledError"] * 2


def test_a_stop_ends_the_child_and_tells_who_waits(stand: Stand) -> None:
    """And no picture is begun after it."""
    first, second = stand.want(), stand.want()
    stand.child.say(Ready())
    stopped = stand.painter.stopService()
    assert stopped is not None
    assert "stopping" in str(second[0])
    assert stand.child.closed
    stand.machine.advance(0.5)
    assert stand.child.signals == ["KILL"]
    stand.child.die()
    assert stopped.called
    assert len(first) == 1
    assert "stopping" in str(stand.want()[0])


@pytest.mark.parametrize("said", [b"nonsense\n", b'{"type":"Answer","number":9}\n', b"a\nb"])
def test_a_child_that_talks_nonsense_is_not_trusted(stand: Stand, said: bytes) -> None:
    """It is killed."""
    outcome = stand.want()
    stand.child.say(Ready())
    stand.child.say(said)
    assert stand.child.signals == ["KILL"]
    assert "could not be drawn" in str(outcome[0])
