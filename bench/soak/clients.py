"""The clients of a soak by transport: HTTP of both eras, WebSocket, REST."""

import asyncio
import json
from collections.abc import Awaitable
from typing import Any, Final

from bench.soak.client import Client, Plan
from bench.soak.statements import Answer, Statement
from tests.support.agents import HttpAgent, HttpAnswer, WebSocketAgent
from tests.support.messages import HANDSHAKE, JSON_HEADERS, opening

__all__ = ["KINDS"]

_NEXT_S: Final = 30.0
"""For what is no call: connecting, opening and ending a session."""


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
