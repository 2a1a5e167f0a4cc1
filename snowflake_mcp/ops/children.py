"""A child process that answers line by line, as the server holds it: pipes, one errand, a bound."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["Bounds", "Errand", "LineChild", "Owner", "spawn"]

T = TypeVar("T")

_GRACE_S: Final = 0.05
"""An answer that arrived while this process was busy is read first."""
_STOP_WITHIN_S: Final = 0.5
_ERROR_CHARS: Final = 200
_KEPT_VARIABLES: Final = (
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "PATH",
    "PYTHONHOME",
    "TMPDIR",
    "VIRTUAL_ENV",
)
"""A child needs no more of the environment, which may hold secrets."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a child may take."""

    answer_s: float
    """For one errand, from the moment in which the child gets it."""
    ready_s: float
    """From its start."""
    line_bytes: int
    """Of one answer."""


class Errand(Generic[T]):
    """Something that a child is to answer; ``outcome`` fires once."""

    def __init__(self, forget: "Callable[[Any], None]") -> None:
        """``forget`` is told of this errand when nobody waits for it any more."""
        self.outcome: Deferred[T] = Deferred(lambda _: self._cancelled())
        self.limit: IDelayedCall | None = None
        """How long it may wait for a child."""
        self._forget = forget

    def begin(self) -> None:
        """A child has got it, so it waits no longer."""
        if self.limit is not None and self.limit.active():
            self.limit.cancel()

    def finish(self, value: T) -> None:
        """Tell the answer, unless nobody waits for it any more."""
        if not self.outcome.called:
            self.outcome.callback(value)

    def fail(self, problem: Exception) -> None:
        """Tell that there is no answer."""
        self.begin()
        if not self.outcome.called:
            self.outcome.errback(problem)

    def _cancelled(self) -> None:
        self.begin()
        self._forget(self)


class Owner(Protocol):
    """Who hears of a child."""

    def child_ready(self, child: Any, after_s: float) -> None:
        """It is warm."""

    def child_answered(self, child: Any) -> None:
        """It is free again."""

    def child_late(self, child: Any, errand: Any) -> None:
        """It did not answer in time."""

    def child_ended(self, child: Any, reason: str, *, was_ready: bool) -> None:
        """It is gone."""


class LineChild(ProcessProtocol):
    """The pipes of one child; reactor thread only.

    A kind of children says in ``heard`` what a line means, and in the texts what an errand is
    told that gets no answer.
    """

    _log = Logger()
    transport: IProcessTransport
    problem: type[Exception] = Exception
    """What an errand without an answer fails with."""
    ended = "The process that was working on it ended."
    broken = "It could not be done."
    late = "It could not be done within {seconds:g} s."

    def __init__(self, clock: Any, owner: Owner, bounds: Bounds) -> None:
        self._clock = clock
        self._owner = owner
        self._bounds = bounds
        self._began = clock.seconds()
        self._limit: IDelayedCall | None = None
        self._errand: Any = None
        self._number = 0
        self._out: list[bytes] = []
        self._out_length = 0
        self._error = ""
        self._problem = ""
        self._ending = False
        self.ready = False
        """It is warm, and has not been told to end."""

    @property
    def free(self) -> bool:
        """Whether it can take an errand now."""
        return self.ready and self._errand is None

    @property
    def let_go(self) -> bool:
        """Whether it was told to end."""
        return self._ending

    @property
    def pid(self) -> int | None:
        """Its process id, while there is one."""
        pid: int | None = self.transport.pid
        return pid

    def give(self, errand: Any, line: Callable[[int], bytes]) -> None:
        """Give it an errand; it must be free. ``line`` makes the question from its number."""
        errand.begin()
        self._errand = errand
        self._number += 1
        self._limit = self._clock.callLater(self._bounds.answer_s, self._late)
        self.transport.write(line(self._number) + b"\n")

    def end(self) -> None:
        """Ask it to end; it is killed when that is not enough."""
        self.ready = False
        self._ending = True
        self._cancel_limit()
        self.transport.closeStdin()
        self._limit = self._clock.callLater(_STOP_WITHIN_S, self._kill)

    def heard(self, line: bytes) -> None:
        """What the child says; calls ``is_ready`` or ``answered``.

        Raises:
            ValueError: it means nothing.
        """
        raise NotImplementedError

    def is_ready(self) -> None:
        """The child says that it is warm.

        Raises:
            ValueError: it had said so.
        """
        if self.ready:
            raise ValueError("twice")
        self._cancel_limit()
        self.ready = True
        self._owner.child_ready(self, self._clock.seconds() - self._began)

    def answered(self, number: int, value: Any) -> None:
        """The child has answered.

        Raises:
            ValueError: not what it was asked last.
        """
        if number != self._number or self._errand is None:
            raise ValueError("not asked")
        self._cancel_limit()
        errand, self._errand = self._errand, None
        errand.finish(value)
        self._owner.child_answered(self)

    # ProcessProtocol

    def connectionMade(self) -> None:
        """The process runs; it has some seconds to become warm."""
        self._limit = self._clock.callLater(
            self._bounds.ready_s, self._break, "it did not get ready"
        )

    def outReceived(self, data: bytes) -> None:
        """A part of a line, or a line; never more than one is due."""
        self._out.append(data)
        self._out_length += len(data)
        if self._out_length > self._bounds.line_bytes:
            self._break("it said too much")
        elif b"\n" in data:
            line, _, rest = b"".join(self._out).partition(b"\n")
            self._out, self._out_length = [], 0
            if rest:
                self._break("it said more than it was asked")
            elif not self._ending and not self._problem:
                try:
                    self.heard(line)
                except ValueError:
                    self._break("it said something unexpected")

    def errReceived(self, data: bytes) -> None:
        """Why it could not start; later its words might quote data, and are not kept."""
        if not self.ready and self._number == 0:
            self._error = (self._error + data.decode("utf-8", "replace"))[-_ERROR_CHARS:]

    def processEnded(self, reason: Failure) -> None:
        """The child is gone and its pipes are closed."""
        was_ready = self.ready or self._number > 0
        self.ready = False
        self._cancel_limit()
        self._give_up(self.ended)
        code = getattr(reason.value, "exitCode", None)
        number = getattr(reason.value, "signal", None)
        text = f"signal {number}" if number is not None else f"exit status {code}"
        last = self._error.strip().rpartition("\n")[2]
        details = [text, *filter(None, [self._problem, last])]
        self._owner.child_ended(self, ", ".join(details), was_ready=was_ready)

    # inside

    def _late(self) -> None:
        self._limit = self._clock.callLater(_GRACE_S, self._too_late)

    def _too_late(self) -> None:
        if self._errand is not None:
            self._owner.child_late(self, self._errand)
        self._break("it was late", self.late.format(seconds=self._bounds.answer_s))

    def _break(self, problem: str, message: str = "") -> None:
        """Trust it no longer: end it, and give up what it was working on at once."""
        self._problem = problem
        self.ready = False
        self._cancel_limit()
        self._kill()
        self._give_up(message or self.broken)

    def _give_up(self, message: str) -> None:
        errand, self._errand = self._errand, None
        if errand is not None:
            errand.fail(self.problem(message))

    def _kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            self._log.debug("the child had ended already")

    def _cancel_limit(self) -> None:
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        self._limit = None


def spawn(
    reactor: Any,
    child: LineChild,
    module: str,
    *arguments: str,
) -> None:
    """Start ``python -P -s -m module`` with little of this process's environment.

    ``-P``: the folder this process happens to stand in is no place to import from. ``-I`` would
    say more, but the package may be on the path of this process by other means than an
    installation, and so the path is handed over.
    """
    command = [sys.executable, "-P", "-s", "-m", module, *arguments]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    reactor.spawnProcess(
        child,
        sys.executable.encode(),
        [argument.encode() for argument in command],
        {name.encode(): value.encode() for name, value in environment.items()},
    )
