"""Services stop in order, each within its own time."""

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from snowflake_mcp.ops.drain import OrderedServices, Stage


class Slow(Service):
    """A service whose stop ends when the test says so."""

    def __init__(self, story: list[str], name: str) -> None:
        self.story = story
        self.label = name
        self.stopping: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        self.story.append(f"bind {self.label}")

    def startService(self) -> None:
        self.story.append(f"start {self.label}")

    def stopService(self) -> Deferred[None]:
        self.story.append(f"stop {self.label}")
        return self.stopping


def ordered(clock: Clock, *services: Slow) -> OrderedServices:
    return OrderedServices(clock, [Stage(each.label, each, 5.0) for each in services])


def test_one_after_the_other() -> None:
    """The last to start is the first to stop, and the next waits for it."""
    story: list[str] = []
    clock, one, two = Clock(), Slow(story, "one"), Slow(story, "two")
    services = ordered(clock, one, two)
    services.privilegedStartService()
    services.startService()
    stopped = services.stopService()
    assert story == ["bind one", "bind two", "start one", "start two", "stop two"]
    two.stopping.callback(None)
    assert (story[-1], stopped.called) == ("stop one", False)
    one.stopping.callback(None)
    assert (story[-1], stopped.called) == ("stop one", True)
    assert clock.getDelayedCalls() == []


def test_a_stage_that_hangs_is_left_behind() -> None:
    """The limit of a stage holds even when its Deferred never fires."""
    story: list[str] = []
    clock, one, two = Clock(), Slow(story, "one"), Slow(story, "two")
    services = ordered(clock, one, two)
    stopped = services.stopService()
    one.stopping.callback(None)
    with capturedLogs() as events:
        clock.advance(5)
    assert stopped.called
    assert [event["stage"] for event in events] == ["two"]
    two.stopping.callback(None)


def test_a_stage_that_fails_does_not_stop_the_stop() -> None:
    """The failure is logged and the next stage goes on."""
    story: list[str] = []
    clock, one, two = Clock(), Slow(story, "one"), Slow(story, "two")
    services = ordered(clock, one, two)
    with capturedLogs() as events:
        stopped = services.stopService()
        two.stopping.errback(ValueError("no"))
    one.stopping.callback(None)
    assert stopped.called
    assert [event["stage"] for event in events] == ["two"]


def test_the_whole_is_bounded_by_its_parts() -> None:
    """What a supervisor must allow is the sum of the limits."""
    clock, story = Clock(), list[str]()
    assert ordered(clock, Slow(story, "a"), Slow(story, "b")).stop_within_s == 10.0
