"""A client of a soak: it calls, thinks and calls again, takes some calls back, leaves others."""

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass
from random import Random
from typing import Final

from bench.soak.ledger import Ledger
from bench.soak.statements import Answer, Statement, choose, problem
from tests.support.agents import Closed

__all__ = ["Client", "Plan"]

_ANSWER_S: Final = 120.0
"""No answer for so long is none: above the server's own limit for a call."""
_LEAVES: Final = 0.03
"""The share of calls whose client breaks the connection before the answer."""
_CANCELS: Final = 0.04
"""The share of calls that are taken back, by those who can."""
_RENEWS: Final = 0.02
"""The share of calls after which the client connects anew."""


@dataclass(slots=True)
class Plan:
    """What is the same for all clients of a soak."""

    port: int
    ledger: Ledger
    pause_s: float
    """Between two calls of a client, on average."""


class Client(ABC):
    """One client that calls, thinks, and calls again, until it hears that it is over."""

    name: str
    """What it is in the tables."""
    can_cancel = False
    """Whether its transport can take back a call without leaving."""
    silence_s = 3.0
    """How long it listens for the answer of a call that it took back."""

    def __init__(self, plan: Plan, number: int, seed: int) -> None:
        self._plan = plan
        self._number = number
        self._random = Random(f"{seed}/{number}")
        self._calls = 0
        self._gone = False

    async def live(self, over: asyncio.Event) -> None:
        """Go on until ``over``, then finish and leave."""
        await self._pause(over)
        while not over.is_set():
            try:
                self._gone = False
                await self._connect()
                while not over.is_set():
                    await self._turn()
                    await self._pause(over)
                    if self._random.random() < _RENEWS:
                        break
            except _Left:
                continue
            except (Closed, OSError, TimeoutError) as error:
                # The call itself has been noted by whoever made it.
                if not over.is_set():
                    self._plan.ledger.note(self.name, "lost", f"connection: {error!r}")
            finally:
                await self._disconnect()

    async def _pause(self, over: asyncio.Event) -> None:
        pause_s = self._random.uniform(0, 2 * self._plan.pause_s)
        try:
            await asyncio.wait_for(over.wait(), pause_s)
        except TimeoutError:
            return

    async def _turn(self) -> None:
        await self._one()

    async def _one(self) -> None:
        """One call: to its answer, or taken back, or left."""
        self._calls += 1
        request_id = self._calls
        statement = choose(self._random, f"{self.name} {self._number}-{request_id}")
        chance = self._random.random()
        delay_s = self._random.uniform(0, 1.5) * self._random.random()
        task = asyncio.ensure_future(self._timed(statement, request_id))
        if chance < _LEAVES:
            await asyncio.wait({task}, timeout=delay_s)
            await self._leave(task, statement)
        elif chance < _LEAVES + _CANCELS and self.can_cancel:
            await asyncio.wait({task}, timeout=delay_s)
            await self._take_back(task, statement, request_id)
        else:
            self._judge(statement, await self._settled(task, statement), taken_back=False)

    async def _leave(self, task: "asyncio.Task[_Timed]", statement: Statement) -> None:
        if task.done():
            self._judge(statement, await self._settled(task, statement), taken_back=False)
            return
        self._plan.ledger.note(self.name, "left")
        self._gone = True
        self._abort()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise _Left

    async def _take_back(
        self, task: "asyncio.Task[_Timed]", statement: Statement, request_id: int
    ) -> None:
        if not task.done():
            await self._cancel(request_id)
            await asyncio.wait({task}, timeout=self.silence_s)
        if task.done():
            self._judge(statement, await self._settled(task, statement), taken_back=True)
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._plan.ledger.note(self.name, "taken back")

    async def _settled(self, task: "asyncio.Task[_Timed]", statement: Statement) -> "_Timed":
        try:
            return await task
        except (Closed, OSError, TimeoutError) as error:
            # Another call of this connection may have left, and taken this one with it.
            outcome = "left" if self._gone else "lost"
            self._plan.ledger.note(self.name, outcome, f"{statement.kind}: {error!r}")
            raise _Left from error

    async def _timed(self, statement: Statement, request_id: int) -> "_Timed":
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(_ANSWER_S):
            answers = await self._ask(statement, request_id)
        return _Timed(answers, loop.time() - began)

    def _judge(self, statement: Statement, timed: "_Timed", *, taken_back: bool) -> None:
        ledger = self._plan.ledger
        if len(timed.answers) > 1:
            ledger.note(self.name, "doubled", f"{statement.kind}: {timed.answers}")
            return
        if not timed.answers:
            outcome = "taken back" if taken_back else "lost"
            ledger.note(self.name, outcome, f"{statement.kind}: an empty response")
            return
        (answer,) = timed.answers
        ledger.answered(statement.kind, answer.family, timed.seconds)
        wrong = problem(statement, answer)
        if wrong is not None:
            ledger.note(self.name, "wrong", wrong)
        else:
            ledger.note(self.name, "answered all the same" if taken_back else "answered")

    @abstractmethod
    async def _connect(self) -> None:
        """Be ready for calls."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Leave properly, whatever state things are in."""

    @abstractmethod
    def _abort(self) -> None:
        """Break off the connection."""

    @abstractmethod
    async def _ask(self, statement: Statement, request_id: int) -> list[Answer]:
        """Make the call; every answer that came for it."""

    async def _cancel(self, request_id: int) -> None:
        """Take the call back; only for those who can."""
        raise NotImplementedError  # the others are never told to


class _Left(Exception):
    """The connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class _Timed:
    answers: list[Answer]
    seconds: float
