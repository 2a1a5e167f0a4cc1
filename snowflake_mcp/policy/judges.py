"""The judges as a service: child processes that judge texts, each under a deadline."""

from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorProcess, IReactorTime
from twisted.logger import Logger

from snowflake_mcp.ops.children import spawn
from snowflake_mcp.ops.fairness import FairQueue
from snowflake_mcp.policy.custody import Child, JudgesUnavailable, Task
from snowflake_mcp.policy.remembered import MOST_VERDICTS, Remembered
from snowflake_mcp.policy.terms import Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["Judges", "JudgesUnavailable"]

CHILDREN: Final = 2
"""So that a text which takes its whole second holds up only every other one."""
WAIT_S: Final = 5.0
"""How long a text may wait for a free child."""
MAX_WAITING: Final = 500
_CROWDED: Final = "Too many statements wait to be judged."
_BACK_OFF_S: Final = (0.0, 0.0, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Before a child is started again, by how often in a row it did not get ready."""


class Reactor(IReactorProcess, IReactorTime):
    """The two reactor interfaces that the service needs."""


class Judges(Service):
    """Keeps warm children and gives each one text at a time, owner by owner in turn.

    Reactor thread only. A child that is late is killed, one that died is replaced, and the text
    that it was judging gets no verdict. Children end with this process, however it ends: their
    standard input is a pipe that only this process holds.
    """

    name = "gate"
    _log = Logger()

    def __init__(
        self, reactor: Reactor, children: int = CHILDREN, remembered: int = MOST_VERDICTS
    ) -> None:
        """Nothing runs before ``startService``; ``remembered`` verdicts are kept to give again."""
        self._reactor: Any = reactor
        self._count = children
        self._children: list[Child] = []
        self._remembered = Remembered(remembered)
        self._waiting: FairQueue[Task] = FairQueue()
        self._starting: list[IDelayedCall] = []
        self._failures = 0
        self._stopped: Deferred[None] | None = None
        self._judged = self._late = self._died = 0
        self._ready_s = 0.0
        self._problem = ""

    def startService(self) -> None:
        """Start the children; they judge about a third of a second later."""
        super().startService()  # type: ignore[no-untyped-call]  # twisted's has no types
        for _ in range(self._count):
            self._spawn()

    def stopService(self) -> Deferred[None] | None:
        """End the children; fires when they have ended, which takes a second at most."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        for start in self._starting:
            if start.active():
                start.cancel()
        for task in self._waiting.clear():
            task.fail(JudgesUnavailable("The server is stopping."))
        if not self._children:
            return None
        self._stopped = Deferred()
        for child in self._children:
            child.end()
        return self._stopped

    async def verdict(
        self, sql: str, terms: Terms, situation: Situation, owner: str = ""
    ) -> Verdict:
        """What a child says about ``sql``, a text that has passed ``lexer.check_bytes``.

        Or has said before, of the same text on the same terms.

        Texts wait in line behind those of the same ``owner``.

        Raises:
            JudgesUnavailable: no child could say anything in time.
            CancelledError: the caller is no longer interested.
        """
        if not self.running:
            raise JudgesUnavailable("The gate is not running.")
        known = self._remembered.find(owner, sql, terms, situation)
        if known is not None:
            return known
        self._make_room(owner)
        task = Task(sql, terms, situation, lambda task: self._waiting.remove(owner, task))
        task.limit = self._reactor.callLater(WAIT_S, self._waited_too_long, owner, task)
        self._waiting.add(owner, task)
        self._assign()
        verdict = await task.outcome
        if verdict.allowed:
            # A refusal may be due to what the child had no room for, so the next one may differ.
            self._remembered.keep(owner, sql, terms, situation, verdict)
        return verdict

    def ready(self) -> tuple[bool, str]:
        """Whether a text would be judged now, and in words why or why not."""
        ready = sum(child.ready for child in self._children)
        detail = f"{ready} of {self._count} ready, {len(self._waiting)} waiting"
        return ready > 0, f"{detail}; {self._problem}" if self._problem and not ready else detail

    def snapshot(self) -> dict[str, object]:
        """For /status: how many children are ready, what they did, and what went wrong."""
        return {
            "children": self._count,
            "ready": sum(child.ready for child in self._children),
            "waiting": len(self._waiting),
            "judged": self._judged,
            "remembered": self._remembered.found,
            "late": self._late,
            "died": self._died,
            "start_ms": round(self._ready_s * 1e3),
            "last_problem": self._problem,
        }

    @property
    def pids(self) -> list[int]:
        """Process ids of the children."""
        return [child.pid for child in self._children if child.pid is not None]

    # what a child tells

    def child_ready(self, child: Child, after_s: float) -> None:
        """The child is warm."""
        self._ready_s = after_s
        self._failures = 0
        self._problem = ""
        self._assign()

    def child_answered(self, child: Child) -> None:
        """The child has judged a text and is free."""
        self._judged += 1
        self._assign()

    def child_late(self, child: Child, errand: Task) -> None:
        """The child did not answer in time and is being killed."""
        self._late += 1
        self._log.warn("a text of {chars} characters was not judged in time", chars=len(errand.sql))

    def child_ended(self, child: Child, reason: str, *, was_ready: bool) -> None:
        """The child is gone; start another one unless the service is stopping."""
        self._children.remove(child)
        if self._stopped is not None:
            if not self._children:
                self._stopped.callback(None)
            return
        self._died += 1
        self._problem = reason
        delay = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        if not was_ready:
            self._failures += 1
        self._log.warn(
            "a judging child ended ({reason}); starting another in {delay} s",
            reason=reason,
            delay=delay,
        )
        if delay:
            self._starting = [start for start in self._starting if start.active()]
            self._starting.append(self._reactor.callLater(delay, self._spawn))
        else:
            self._spawn()

    # the queue

    def _assign(self) -> None:
        for child in self._children:
            if not self._waiting:
                return
            if child.free:
                child.ask(self._waiting.take())

    def _make_room(self, owner: str) -> None:
        """Let one more text wait; a full queue takes it from the longest line.

        Raises:
            JudgesUnavailable: that is this owner's.
        """
        if len(self._waiting) < MAX_WAITING:
            return
        crowd, longest = self._waiting.longest()
        if longest <= self._waiting.length(owner) + 1:
            raise JudgesUnavailable(_CROWDED)
        self._waiting.drop(crowd).fail(JudgesUnavailable(_CROWDED))

    def _waited_too_long(self, owner: str, task: Task) -> None:
        self._waiting.remove(owner, task)
        task.fail(JudgesUnavailable(f"No child was free to judge within {WAIT_S:.0f} s."))

    def _spawn(self) -> None:
        child = Child(self._reactor, self)
        self._children.append(child)
        spawn(self._reactor, child, "snowflake_mcp.policy.child")
