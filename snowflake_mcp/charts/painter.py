"""The painter as a service: one drawing child, started for the first picture and ended idle."""

from typing import Any, Final

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorProcess, IReactorTime
from twisted.logger import Logger

from snowflake_mcp.charts.lines import Answer, Question, Ready
from snowflake_mcp.config.charts import ChartSettings
from snowflake_mcp.ops.children import Bounds, Errand, LineChild, spawn
from snowflake_mcp.ops.fairness import FairQueue

__all__ = ["MAX_WAITING", "WAIT_S", "Painter", "Unpaintable"]

WAIT_S: Final = 30.0
"""How long a picture may wait for its turn, the child's start included."""
MAX_WAITING: Final = 100
_READY_WITHIN_S: Final = 30.0
_MAX_LINE: Final = 16 << 20
"""Of an answer; a picture of the largest size that may be set takes less."""
_FAILURES: Final = 3
"""Starts in a row that do not succeed, after which the waiting are told."""
_STOPPING: Final = "The server is stopping."


class Reactor(IReactorProcess, IReactorTime):
    """The two reactor interfaces that the service needs."""


class Unpaintable(Exception):
    """There is no picture; the message says why, for who asked."""

    def __init__(self, message: str, *, of_data: bool = False) -> None:
        """``of_data``: of such data there never will be one."""
        super().__init__(message)
        self.of_data = of_data


class _Picture(Errand[Answer]):
    """A picture that is wanted."""

    def __init__(self, question: Question, owner: str, waiting: "FairQueue[_Picture]") -> None:
        super().__init__(lambda picture: waiting.remove(owner, picture))
        self.question = question


class _Child(LineChild):
    """The drawing child as the server holds it."""

    problem = Unpaintable
    ended = "The process that was drawing ended, perhaps for want of memory; draw fewer points."
    broken = "The picture could not be drawn."
    late = "The picture was not drawn within {seconds:g} s; draw fewer points or series."
    _decode = staticmethod(msgspec.json.Decoder(Ready | Answer).decode)
    _encode = staticmethod(msgspec.json.Encoder().encode)

    def draw(self, picture: _Picture) -> None:
        """Give it a picture to draw; it must be free."""
        question = picture.question
        self.give(
            picture,
            lambda number: self._encode(msgspec.structs.replace(question, number=number)),
        )

    def heard(self, line: bytes) -> None:
        """That it is warm, or a picture.

        Raises:
            ValueError: it is neither, or not due.
        """
        said = self._decode(line)
        if isinstance(said, Ready):
            self.is_ready()
        else:
            self.answered(said.number, said)


class Painter(Service):
    """Draws pictures one after the other, owner by owner in turn. Reactor thread only.

    The child ends with this process, however it ends: its standard input is a pipe that only
    this process holds.
    """

    name = "charts"
    _log = Logger()

    def __init__(self, reactor: Reactor, settings: ChartSettings) -> None:
        """Nothing runs before the first picture."""
        self._reactor: Any = reactor
        self._settings = settings
        self._child: _Child | None = None
        self._waiting: FairQueue[_Picture] = FairQueue()
        self._idle: IDelayedCall | None = None
        self._failures = 0
        self._stopped: Deferred[None] | None = None
        self._drawn = self._late = self._died = 0
        self._ready_s = 0.0
        self._problem = ""

    def stopService(self) -> Deferred[None] | None:
        """End the child; fires when it has ended, which takes a second at most."""
        super().stopService()  # type: ignore[no-untyped-call]  # twisted's has no types
        self._rest()
        self._give_up(_STOPPING)
        if self._child is None:
            return None
        self._stopped = Deferred()
        self._child.end()
        return self._stopped

    @property
    def settings(self) -> ChartSettings:
        """The bounds of a picture."""
        return self._settings

    async def paint(self, question: Question, owner: str = "") -> Answer:
        """The picture and what it shows; pictures wait in line behind those of the same owner.

        Raises:
            Unpaintable: there is none.
            CancelledError: the caller is no longer interested.
        """
        if not self.running:
            raise Unpaintable(_STOPPING)
        if len(self._waiting) >= MAX_WAITING:
            raise Unpaintable("Too many pictures wait to be drawn; try again in a while.")
        picture = _Picture(question, owner, self._waiting)
        picture.limit = self._reactor.callLater(WAIT_S, self._waited_too_long, owner, picture)
        self._waiting.add(owner, picture)
        self._rest()
        if self._child is None:
            self._start()
        else:
            self._assign()
        answer = await picture.outcome
        if answer.problem:
            raise Unpaintable(answer.problem, of_data=True)
        return answer

    def snapshot(self) -> dict[str, object]:
        """For /status: whether the child runs, what it did, and what went wrong."""
        return {
            "running": self._child is not None,
            "waiting": len(self._waiting),
            "drawn": self._drawn,
            "late": self._late,
            "died": self._died,
            "start_ms": round(self._ready_s * 1e3),
            "last_problem": self._problem,
        }

    @property
    def pid(self) -> int | None:
        """Process id of the child, while there is one."""
        return None if self._child is None else self._child.pid

    # what the child tells

    def child_ready(self, child: _Child, after_s: float) -> None:
        """The child is warm."""
        self._ready_s = after_s
        self._failures = 0
        self._problem = ""
        self._assign()

    def child_answered(self, child: _Child) -> None:
        """The child has drawn a picture and is free."""
        self._drawn += 1
        self._assign()

    def child_late(self, child: _Child, errand: _Picture) -> None:
        """The child did not draw in time and is being killed."""
        self._late += 1
        self._log.warn("a picture was not drawn in time")

    def child_ended(self, child: _Child, reason: str, *, was_ready: bool) -> None:
        """The child is gone; another one is started only where somebody waits."""
        self._child = None
        self._rest()
        if self._stopped is not None:
            self._stopped.callback(None)
            return
        if child.let_go:
            self._log.debug("the drawing child was idle and has ended")
        else:
            self._died += 1
            self._problem = reason
            self._log.warn("the drawing child ended ({reason})", reason=reason)
            self._failures += not was_ready
        if self._failures >= _FAILURES:
            self._failures = 0
            self._give_up("No process that draws could be started; the operator's log says why.")
        elif self._waiting:
            self._start()

    # inside

    def _assign(self) -> None:
        child = self._child
        if child is None or not child.free:
            return
        if self._waiting:
            child.draw(self._waiting.take())
        else:
            self._idle = self._reactor.callLater(self._settings.idle_s, child.end)

    def _rest(self) -> None:
        """The child is idle no longer, or there is none."""
        if self._idle is not None and self._idle.active():
            self._idle.cancel()
        self._idle = None

    def _give_up(self, message: str) -> None:
        for picture in self._waiting.clear():
            picture.fail(Unpaintable(message))

    def _waited_too_long(self, owner: str, picture: _Picture) -> None:
        self._waiting.remove(owner, picture)
        picture.fail(Unpaintable(f"The picture had no turn within {WAIT_S:.0f} s; try again."))

    def _start(self) -> None:
        settings = self._settings
        bounds = Bounds(settings.draw_timeout_s, _READY_WITHIN_S, _MAX_LINE)
        self._child = _Child(self._reactor, self, bounds)
        seconds = max(1, round(settings.draw_timeout_s))
        spawn(
            self._reactor,
            self._child,
            "snowflake_mcp.charts.child",
            str(settings.max_memory_bytes),
            str(seconds),
        )
