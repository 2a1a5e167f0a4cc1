"""Signals become calls on the reactor thread, and only stop signals stop."""

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent

from snowflake_mcp.ops.signals import IMMEDIATE_S, Signals


class Process:
    """Stands for the reactor and the process's table of signals."""

    def __init__(self) -> None:
        self.clock = MemoryReactorClock()
        self.story: list[str] = []
        self.table: dict[int, Any] = {
            signal.SIGTERM: self._say("reactor"),
            signal.SIGINT: self._say("reactor"),
            signal.SIGHUP: signal.SIG_DFL,
            signal.SIGUSR1: signal.SIG_DFL,
        }
        self.crossing: list[tuple[Callable[..., object], tuple[object, ...]]] = []
        self.signals = Signals(
            self,
            reload=lambda: self.story.append("reload"),
            reopen=lambda: self.story.append("reopen"),
            hurry=lambda: self.story.append("hurry"),
            give_up=lambda number: self.story.append(f"give up {number}"),
            install=self.table.__setitem__,
            current=self.table.__getitem__,
        )

    def _say(self, who: str) -> Callable[[int, object], None]:
        return lambda number, _frame: self.story.append(f"{who} {number}")

    def callWhenRunning(self, call: Callable[[], None]) -> None:
        self.when_running = call

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        self.crossing.append((call, args))

    def callLater(self, delay: float, call: Callable[..., object], *args: object) -> object:
        return self.clock.callLater(delay, call, *args)

    def run(self) -> None:
        self.signals.startService()
        self.when_running()

    def send(self, number: int) -> None:
        self.table[number](number, None)

    def turn(self) -> None:
        crossing, self.crossing = self.crossing, []
        for call, args in crossing:
            call(*args)


def test_nothing_is_installed_before_the_start() -> None:
    """Building the service changes no signal, and the stop signals wait for the reactor's own."""
    process = Process()
    before = dict(process.table)
    assert process.table == before
    process.signals.startService()
    changed = {number for number, action in process.table.items() if action != before[number]}
    assert changed == {signal.SIGHUP, signal.SIGUSR1}


def test_inside_a_signal_only_the_reactor_is_called() -> None:
    """Work begins with the reactor's next turn."""
    process = Process()
    process.run()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        process.send(number)
    assert process.story == []


def test_the_first_stop_is_the_reactors() -> None:
    """It hears the signal that came, so that the exit status tells it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        process = Process()
        process.run()
        process.send(number)
        process.turn()
        assert process.story == [f"reactor {int(number)}"]


def test_the_second_hurries_once_and_time_runs_out() -> None:
    """Further signals change nothing; what is left after the limit is given up."""
    process = Process()
    process.run()
    process.send(signal.SIGTERM)
    process.turn()
    with capturedLogs() as events:
        for _ in range(3):
            process.send(signal.SIGINT)
            process.turn()
    assert process.story == ["reactor 15", "hurry"]
    assert [formatEvent(event) for event in events] == [
        "a second signal: stopping at once, without waiting for what runs"
    ]
    process.clock.advance(IMMEDIATE_S)
    assert process.story == ["reactor 15", "hurry", "give up 15"]


def test_two_before_the_reactor_turns() -> None:
    """A quick second signal is not lost."""
    process = Process()
    process.run()
    process.send(signal.SIGTERM)
    process.send(signal.SIGTERM)
    process.turn()
    assert process.story == ["reactor 15", "hurry"]


def test_reload_and_reopen_stop_nothing() -> None:
    """As often as they come."""
    process = Process()
    process.run()
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGHUP):
        process.send(number)
    process.turn()
    assert process.story == ["reload", "reopen", "reload"]


def test_no_reload_while_stopping() -> None:
    """The log can still be reopened."""
    process = Process()
    process.run()
    process.send(signal.SIGTERM)
    process.send(signal.SIGHUP)
    process.send(signal.SIGUSR1)
    process.turn()
    assert process.story == ["reactor 15", "reopen"]


def test_an_ignored_interrupt_stays_ignored() -> None:
    """A shell starts background jobs so, and means it."""
    process = Process()
    process.table[signal.SIGINT] = signal.SIG_IGN
    process.run()
    assert process.table[signal.SIGINT] == signal.SIG_IGN


def test_twistds_own_rotation_still_happens() -> None:
    """With --logfile twistd has taken SIGUSR1 before us."""
    process = Process()
    process.table[signal.SIGUSR1] = process._say("rotate")
    process.run()
    process.send(signal.SIGUSR1)
    process.turn()
    assert process.story == [f"rotate {int(signal.SIGUSR1)}", "reopen"]
