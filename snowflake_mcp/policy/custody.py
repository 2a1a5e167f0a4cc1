"""One judging child as the server holds it: its pipes, its one text, its deadline."""

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.policy.lines import Answer, Question, Ready
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["DEADLINE_S", "Child", "JudgesUnavailable", "Owner", "Task"]

DEADLINE_S: Final = 1.0
"""For one text, from the moment in which the child gets it."""
_GRACE_S: Final = 0.05
"""An answer that arrived while this process was busy is read first."""
_READY_WITHIN_S: Final = 15.0
_STOP_WITHIN_S: Final = 0.5
_MAX_LINE: Final = 16 << 20
"""Of an answer; far above what the longest text can need."""
_ERROR_CHARS: Final = 200


class JudgesUnavailable(Exception):
    """There is no verdict; the message says why, for the author of the text."""


class Task:
    """A text on its way to a verdict; ``outcome`` fires once."""

    def __init__(
        self,
        sql: str,
        terms: Terms,
        situation: Situation,
        forget: "Callable[[Task], None]",
    ) -> None:
        self.sql = sql
        self.terms = terms
        self.situation = situation
        self.outcome: Deferred[Verdict] = Deferred(lambda _: self._cancelled())
        self.limit: IDelayedCall | None = None
        self._forget = forget

    def begin(self) -> None:
        """A child has got it, so it waits no longer."""
        if self.limit is not None and self.limit.active():
            self.limit.cancel()

    def finish(self, verdict: Verdict) -> None:
        """Tell the verdict, unless nobody waits for it any more."""
        if not self.outcome.called:
            self.outcome.callback(verdict)

    def fail(self, problem: JudgesUnavailable) -> None:
        """Tell that there is no verdict."""
        self.begin()
        if not self.outcome.called:
            self.outcome.errback(problem)

    def _cancelled(self) -> None:
        self.begin()
        self._forget(self)


class Owner(Protocol):
    """Who hears of a child; ``judges.Judges`` does."""

    def child_ready(self, child: "Child", after_s: float) -> None:
        """It is warm."""

    def child_answered(self, child: "Child") -> None:
        """It is free again."""

    def child_late(self, child: "Child", sql_chars: int) -> None:
        """It did not answer in time."""

    def child_ended(self, child: "Child", reason: str, *, was_ready: bool) -> None:
        """It is gone."""


class Child(ProcessProtocol):
    """The pipes of one child; reactor thread only."""

    _log = Logger()
    transport: IProcessTransport
    _decode = staticmethod(msgspec.json.Decoder(Ready | Answer).decode)
    _encode = staticmethod(msgspec.json.Encoder().encode)

    def __init__(self, clock: Any, owner: Owner) -> None:
        self._clock = clock
        self._owner = owner
        self._began = clock.seconds()
        self._limit: IDelayedCall | None = None
        self._task: Task | None = None
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
        """Whether it can take a text now."""
        return self.ready and self._task is None

    @property
    def pid(self) -> int | None:
        """Its process id, while there is one."""
        pid: int | None = self.transport.pid
        return pid

    def ask(self, task: Task) -> None:
        """Give it a text; it must be free."""
        task.begin()
        self._task = task
        self._number += 1
        self._limit = self._clock.callLater(DEADLINE_S, self._late)
        question = Question(self._number, task.sql, task.terms, task.situation)
        self.transport.write(self._encode(question) + b"\n")

    def end(self) -> None:
        """Ask it to end; it is killed when that is not enough."""
        self.ready = False
        self._ending = True
        self._cancel_limit()
        self.transport.closeStdin()
        self._limit = self._clock.callLater(_STOP_WITHIN_S, self._kill)

    # ProcessProtocol

    def connectionMade(self) -> None:
        """The process runs; it has some seconds to become warm."""
        self._limit = self._clock.callLater(_READY_WITHIN_S, self._broken, "it did not get ready")

    def outReceived(self, data: bytes) -> None:
        """A part of a line, or a line; never more than one is due."""
        self._out.append(data)
        self._out_length += len(data)
        if self._out_length > _MAX_LINE:
            self._broken("it said too much")
        elif b"\n" in data:
            line, _, rest = b"".join(self._out).partition(b"\n")
            self._out, self._out_length = [], 0
            if rest:
                self._broken("it said more than it was asked")
            elif not self._ending and not self._problem:
                self._line(line)

    def errReceived(self, data: bytes) -> None:
        """Why it could not start; later its words might quote a text, and are not kept."""
        if not self.ready and self._number == 0:
            self._error = (self._error + data.decode("utf-8", "replace"))[-_ERROR_CHARS:]

    def processEnded(self, reason: Failure) -> None:
        """The child is gone and its pipes are closed."""
        was_ready = self.ready or self._number > 0
        self.ready = False
        self._cancel_limit()
        self._give_up("The process that was judging the statement ended.")
        code = getattr(reason.value, "exitCode", None)
        number = getattr(reason.value, "signal", None)
        text = f"signal {number}" if number is not None else f"exit status {code}"
        last = self._error.strip().rpartition("\n")[2]
        details = [text, *filter(None, [self._problem, last])]
        self._owner.child_ended(self, ", ".join(details), was_ready=was_ready)

    # inside

    def _line(self, line: bytes) -> None:
        try:
            said = self._decode(line)
        except msgspec.DecodeError:
            self._broken("it said something unexpected")
            return
        if isinstance(said, Ready) and not self.ready:
            self._cancel_limit()
            self.ready = True
            self._owner.child_ready(self, self._clock.seconds() - self._began)
        elif isinstance(said, Answer) and said.number == self._number and self._task is not None:
            self._cancel_limit()
            task, self._task = self._task, None
            task.finish(said.verdict)
            self._owner.child_answered(self)
        else:
            self._broken("it said something unexpected")

    def _late(self) -> None:
        self._limit = self._clock.callLater(_GRACE_S, self._too_late)

    def _too_late(self) -> None:
        if self._task is not None:
            self._owner.child_late(self, len(self._task.sql))
        self._broken("it was late", f"The statement could not be judged within {DEADLINE_S:.0f} s.")

    def _broken(self, problem: str, message: str = "The statement could not be judged.") -> None:
        """Trust it no longer: end it, and refuse what it was judging at once."""
        self._problem = problem
        self.ready = False
        self._cancel_limit()
        self._kill()
        self._give_up(message)

    def _give_up(self, message: str) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.fail(JudgesUnavailable(message))

    def _kill(self) -> None:
        try:
            self.transport.signalProcess("KILL")
        except ProcessExitedAlready:
            self._log.debug("the child had ended already")

    def _cancel_limit(self) -> None:
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        self._limit = None
