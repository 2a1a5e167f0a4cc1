"""The HTTP side: Snowflake's endpoints as the connectors use them."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from snowflake_mcp.simulator import cortex
from snowflake_mcp.simulator.answers import (
    login_body,
    pending_body,
    refusal_body,
    success_body,
)
from snowflake_mcp.simulator.calls import Call, body_of, submission
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.frontdesk import FrontDesk, Refused
from snowflake_mcp.simulator.statements import Statement

__all__ = ["Reply", "Route", "Wire", "refusal", "start"]

SYNC_HOLD_S: Final = 5.0
"""A synchronous statement that runs longer is answered "in progress"."""
POLL_HOLD_S: Final = 30.0
"""How long a question for a result may wait for it."""

_POST: Final = frozenset({"POST"})
_SCHEMA: Final = "/api/v2/databases/([^/]+)/schemas/([^/]+)"
_ID: Final = r"([0-9A-Za-z-]{1,64})"

Answer = bytes | tuple[bytes, Mapping[str, str]]
Route = Callable[["Wire", Call], Awaitable[Answer]]

_JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, ready to be sent."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: _JSON)


class Wire(Resource):
    """Every path of the protocol; reactor thread only."""

    isLeaf = True
    _log = Logger()

    def __init__(self, desk: FrontDesk) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # twisted's has no types
        self._desk = desk

    def render(self, request: Request) -> int:
        """Answer one request, later if need be."""
        running = Deferred.fromCoroutine(self.serve(request))
        request.notifyFinish().addErrback(lambda _gone: running.cancel())
        running.addErrback(self._lost)
        return NOT_DONE_YET

    def _lost(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self._log.failure("a request could not be answered", failure)

    async def serve(self, request: Request) -> None:
        """Answer one request, whatever happens on the way."""
        try:
            reply = await self.carry_out(*self.understand(request))
        except CancelledError:
            raise
        except (Refused, StatementFailed) as refused:
            reply = refusal(refused)
        except Exception:  # noqa: BLE001 whatever goes wrong, the client gets an answer
            self._log.failure("a request failed inside")
            reply = Reply(refusal_body("000603", "internal error"), 500)
        await self.send(request, reply)

    def understand(self, request: Request) -> tuple[Call, Route]:
        """What a request asks for.

        :raises Refused: there is no such path, or the body is no JSON.
        """
        # Connector 5.2 asks for /monitoring/queries//<id>.
        path = re.sub("/+", "/", unquote(request.path.decode("ascii", "replace")))
        method = request.method.decode("ascii", "replace")
        for name, allowed, pattern, route in _ROUTES:
            found = pattern.fullmatch(path)
            if found is not None and method in allowed:
                return Call(name, request, body_of(request), found.groups()), route
        raise Refused(404, "390404", f"no such endpoint: {method} {path[:100]}")

    async def carry_out(self, call: Call, route: Route) -> Reply:
        """Do what was asked.

        :raises Refused: the request is refused as such.
        :raises StatementFailed: it is answered with an error.
        """
        answer = await route(self, call)
        if isinstance(answer, tuple):
            return Reply(answer[0], headers=answer[1])
        return Reply(answer)

    async def send(self, request: Request, reply: Reply) -> None:
        """Write the answer and be done with the request."""
        start(request, reply)
        request.write(reply.body)
        request.finish()

    async def login(self, call: Call) -> Answer:
        """POST /session/v1/login-request."""
        data = call.members.get("data")
        data = data if isinstance(data, dict) else {}
        kept = self._desk.admit(data, call.argument("roleName"))
        parameters = data.get("SESSION_PARAMETERS")
        session, pair = await self._desk.login(
            user=str(data.get("LOGIN_NAME") or "DEMO"),
            password=str(data.get("PASSWORD") or data.get("TOKEN") or ""),
            database=call.argument("databaseName"),
            schema=call.argument("schemaName"),
            warehouse=call.argument("warehouse"),
            role=call.argument("roleName"),
            parameters=parameters if isinstance(parameters, dict) else {},
        )
        place = session.place
        return login_body(
            pair=pair,
            session_number=session.number,
            user=session.user,
            place={
                "databaseName": place.database,
                "schemaName": place.schema,
                "warehouseName": place.warehouse,
                "roleName": place.role,
            },
            kept=kept,
        )

    async def renew(self, call: Call) -> Answer:
        """POST /session/token-request."""
        try:
            session, pair = self._desk.renew(call.token)
        except StatementFailed as refused:
            return refusal_body(refused.code, refused.message, with_data=False)
        return success_body(
            {
                "sessionToken": pair.token,
                "validityInSecondsST": pair.token_s,
                "masterToken": pair.master_token,
                "validityInSecondsMT": pair.master_token_s,
                "sessionId": session.number,
            }
        )

    async def heartbeat(self, call: Call) -> Answer:
        """POST /session/heartbeat."""
        self._desk.heartbeat(call.token)
        return success_body()

    async def end_session(self, call: Call) -> Answer:
        """POST or DELETE /session: with ?delete=true the session is over."""
        session = self._desk.session(call.token)
        if call.request.method == b"DELETE" or call.argument("delete") == "true":
            self._desk.logout(session)
        return success_body()

    async def telemetry(self, call: Call) -> Answer:
        """POST /telemetry/send: thanked for and dropped."""
        return success_body()

    async def query(self, call: Call) -> Answer:
        """POST /queries/v1/query-request."""
        session = self._desk.session(call.token)
        statement = self._desk.submit(session, submission(call))
        if call.members.get("asyncExec"):
            return pending_body(statement.query_id, asynchronous=True)
        return await self._outcome(statement, SYNC_HOLD_S)

    async def result(self, call: Call) -> Answer:
        """GET /queries/<id>/result."""
        user = self._desk.session(call.token).user
        return await self._outcome(self._desk.statement(call.names[0], user), POLL_HOLD_S)

    async def _outcome(self, statement: Statement, hold_s: float) -> Answer:
        if not await self._desk.ended(statement, hold_s):
            return pending_body(statement.query_id, asynchronous=False)
        return self._desk.outcome(statement)

    async def abort_query(self, call: Call) -> Answer:
        """POST /queries/<id>/abort-request."""
        self._desk.session(call.token)
        self._desk.abort(self._desk.statement(call.names[0]))
        return success_body()

    async def abort_request(self, call: Call) -> Answer:
        """POST /queries/v1/abort-request: names the statement by its request id."""
        session = self._desk.session(call.token)
        request_id = str(call.members.get("requestId") or "")
        self._desk.abort(self._desk.requested(session, request_id))
        return success_body()

    async def monitoring(self, call: Call) -> Answer:
        """GET /monitoring/queries/<id>."""
        self._desk.session(call.token)
        return success_body({"queries": self._desk.monitoring(call.names[0])})

    async def search(self, call: Call) -> Answer:
        """POST /api/v2/databases/<d>/schemas/<s>/cortex-search-services/<name>:query."""
        return await cortex.search(self._desk, call)

    async def analyst(self, call: Call) -> Answer:
        """POST /api/v2/cortex/analyst/message."""
        return await cortex.analyst(self._desk, call)

    async def agent(self, call: Call) -> Answer:
        """POST /api/v2/databases/<d>/schemas/<s>/agents/<name>:run."""
        return await cortex.agent(self._desk, call)

    async def chunk(self, call: Call) -> Answer:
        """GET /chunk/<id>/<secret>/<number>: no token, the secret is the permission."""
        data = await self._desk.chunk(call.names[0], call.names[1], int(call.names[2]))
        return data, {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}


def refusal(refused: Refused | StatementFailed) -> Reply:
    """The answer to what was refused, or failed before it was a statement."""
    if isinstance(refused, Refused):
        return Reply(refusal_body(refused.code, refused.message), refused.status)
    return Reply(refusal_body(refused.code, refused.message, refused.sqlstate))


def start(request: Request, reply: Reply) -> None:
    """Write status and headers."""
    request.setResponseCode(reply.status)
    for name, value in reply.headers.items():
        request.setHeader(name, value)
    request.setHeader("Content-Length", str(len(reply.body)))


_ROUTES: Final[tuple[tuple[str, frozenset[str], re.Pattern[str], Route], ...]] = (
    ("login", frozenset({"POST"}), re.compile("/session/v1/login-request"), Wire.login),
    ("renew", frozenset({"POST"}), re.compile("/session/token-request"), Wire.renew),
    ("heartbeat", frozenset({"GET", "POST"}), re.compile("/session/heartbeat"), Wire.heartbeat),
    ("session", frozenset({"POST", "DELETE"}), re.compile("/session"), Wire.end_session),
    ("telemetry", frozenset({"POST"}), re.compile("/telemetry/send(?:/.*)?"), Wire.telemetry),
    ("query", frozenset({"POST"}), re.compile("/queries/v1/query-request"), Wire.query),
    ("abort", frozenset({"POST"}), re.compile("/queries/v1/abort-request"), Wire.abort_request),
    ("result", frozenset({"GET"}), re.compile(f"/queries/{_ID}/result"), Wire.result),
    ("abort", frozenset({"POST"}), re.compile(f"/queries/{_ID}/abort-request"), Wire.abort_query),
    ("monitoring", frozenset({"GET"}), re.compile(f"/monitoring/queries/{_ID}"), Wire.monitoring),
    ("search", _POST, re.compile(f"{_SCHEMA}/cortex-search-services/([^/]+):query"), Wire.search),
    ("analyst", _POST, re.compile("/api/v2/cortex/analyst/message"), Wire.analyst),
    ("agent", _POST, re.compile(f"{_SCHEMA}/agents/([^/]+):run"), Wire.agent),
    ("chunk", frozenset({"GET"}), re.compile(rf"/chunk/{_ID}/([\w-]+)/(\d{{1,9}})"), Wire.chunk),
)
