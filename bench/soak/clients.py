"""The clients of a soak: HTTP of both eras, WebSocket, REST; some take back, some leave."""

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Awaitable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from bench.soak.ledger import Ledger
from bench.soak.statements import Answer, Statement, choose, problem
from tests.support.agents import Closed, HttpAgent, HttpAnswer, WebSocketAgent
from tests.support.messages import HANDSHAKE, JSON_HEADERS, opening

__all__ = ["KINDS", "Client"]

ANSWER_S: Final = 120.0
"""No answer for so long is none: above the server's own limit for a call."""
_SILENCE_S: Final = 3.0
"""How long a client listens for the answer of a call that it took back."""
_NEXT_S: Final = 30.0
_CANCELS: Final = 0.04
_LEAVES: Final = 0.03
_RENEWS: Final = 0.02


@dataclass(slots=True)
class Plan:
    """What is the same for all clients of a soak."""

    port: int
    ledger: Ledger
    pause_s: float
    """Between two calls of a client, on average."""


class Client(ABC):
    """One client that calls, thinks, and calls again, until cancelled between two calls."""

    name: str

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
        async with asyncio.timeout(ANSWER_S):
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

    can_cancel = False
    silence_s = _SILENCE_S

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
        raise NotImplementedError


class _Left(Exception):
    """The connection is of no use any more."""


@dataclass(frozen=True, slots=True)
class _Timed:
    answers: list[Answer]
    seconds: float


class _OverHttp(Client):
    """One connection with keep-alive."""

    def __init__(self, plan: Plan, number: int, seed: int) -> None:
        super().__init__(plan, number, seed)
        self._agent: HttpAgent | None = None

    async def _connect(self) -> None:
        self._agent = await HttpAgent.open(self._plan.port)

    async def _disconnect(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            await agent.close()

    def _abort(self) -> None:
        if self._agent is not None:
            self._agent.abort()

    @property
    def _http(self) -> HttpAgent:
        if self._agent is None:
            raise AssertionError("not connected")
        return self._agent


class _Stateless(_OverHttp):
    name = "HTTP, stateless"

    async def _ask(self, statement: Statement, request_id: int) -> list[Answer]:
        params = {"name": statement.tool, "arguments": dict(statement.arguments)}
        answer = await self._http.post(request_id, "tools/call", params)
        return _answers(answer, request_id)


class _Session(_OverHttp):
    name = "HTTP, session"
    can_cancel = True
    silence_s = 10.0
    """The response of a call that was taken back ends; it must not stay open."""

    def __init__(self, plan: Plan, number: int, seed: int) -> None:
        super().__init__(plan, number, seed)
        self._headers: dict[str, str] = {}

    async def _connect(self) -> None:
        await super()._connect()
        headers = {**JSON_HEADERS, "MCP-Protocol-Version": HANDSHAKE}
        async with asyncio.timeout(_NEXT_S):
            answer = await self._http.exchange("POST", "/mcp", _body(opening()), JSON_HEADERS)
            self._headers = {**headers, "Mcp-Session-Id": answer.headers["mcp-session-id"]}
            ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
            await self._http.exchange("POST", "/mcp", _body(ready), self._headers)

    async def _disconnect(self) -> None:
        await super()._disconnect()
        headers, self._headers = self._headers, {}
        if headers:
            async with asyncio.timeout(_NEXT_S), await HttpAgent.open(self._plan.port) as agent:
                await agent.exchange("DELETE", "/mcp", b"", headers)

    async def _ask(self, statement: Statement, request_id: int) -> list[Answer]:
        params = {"name": statement.tool, "arguments": dict(statement.arguments)}
        message = {"jsonrpc": "2.0", "id": request_id, "method": "tools/call", "params": params}
        answer = await self._http.exchange("POST", "/mcp", _body(message), self._headers)
        return _answers(answer, request_id)

    async def _cancel(self, request_id: int) -> None:
        async with asyncio.timeout(_NEXT_S), await HttpAgent.open(self._plan.port) as agent:
            await agent.exchange("POST", "/mcp", _body(_cancelled(request_id)), self._headers)


class _Rest(_OverHttp):
    name = "REST"

    async def _ask(self, statement: Statement, request_id: int) -> list[Answer]:
        call = {"name": statement.tool, "arguments": dict(statement.arguments)}
        headers = {"Content-Type": "application/json"}
        answer = await self._http.exchange("POST", "/mcp/tools/call", _body(call), headers)
        body = json.loads(answer.body)
        if answer.status == 200:
            return [Answer("ok", content=body["result"])]
        return [Answer(body["error"]["code"], body["error"]["message"])]


class _Socket(Client):
    name = "WebSocket"
    can_cancel = True

    def __init__(self, plan: Plan, number: int, seed: int) -> None:
        super().__init__(plan, number, seed)
        self._agent: WebSocketAgent | None = None
        self._stateless = bool(number % 2)

    async def _connect(self) -> None:
        async with asyncio.timeout(_NEXT_S):
            self._agent = await WebSocketAgent.open(self._plan.port)
            if not self._stateless:
                await self._agent.initialize()

    async def _disconnect(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            for message in agent.unclaimed:
                self._plan.ledger.note(self.name, "doubled", str(message)[:300])
            await agent.close()

    def _abort(self) -> None:
        if self._agent is not None:
            self._agent.writer.transport.abort()

    async def _turn(self) -> None:
        calls: list[Awaitable[None]] = [self._one() for _ in range(self._random.choice([1, 1, 3]))]
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _ask(self, statement: Statement, request_id: int) -> list[Answer]:
        if self._agent is None:
            raise AssertionError("not connected")
        message = await self._agent.call(
            request_id, statement.tool, statement.arguments, stateless=self._stateless
        )
        return [_answer(message)]

    async def _cancel(self, request_id: int) -> None:
        if self._agent is not None:
            self._agent.send(_cancelled(request_id))


def _body(message: object) -> bytes:
    return json.dumps(message).encode()


def _cancelled(request_id: int) -> dict[str, Any]:
    params = {"requestId": request_id, "reason": "no longer needed"}
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}


def _answers(answer: HttpAnswer, request_id: int) -> list[Answer]:
    """Every message in the response that answers the request; one with another id is wrong."""
    found = []
    for message in answer.messages():
        if "method" in message:
            continue
        given = message.get("id")
        found.append(
            _answer(message) if given == request_id else Answer("another's", f"id {given}")
        )
    return found


def _answer(message: dict[str, Any]) -> Answer:
    if "error" in message:
        error = message["error"]
        return Answer(f"error {error['code']}", error["message"])
    result = message["result"]
    if result.get("isError"):
        failure = result["_meta"]["snowflake-mcp/failure"]
        return Answer(failure["family"], result["content"][0]["text"])
    return Answer("ok", content=result.get("structuredContent", {}))


KINDS: Final[tuple[type[Client], ...]] = (_Stateless, _Session, _Socket, _Rest, _Socket)
"""Which client each next number is."""
