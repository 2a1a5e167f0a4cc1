"""The HTTP side: Snowflake's endpoints as the connectors use them."""

import gzip
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from snowflake_mcp.simulator.answers import (
    login_body,
    pending_body,
    refusal_body,
    success_body,
)
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.frontdesk import FrontDesk, Refused
from snowflake_mcp.simulator.statements import Statement, Submission

__all__ = ["Wire"]

MAX_BODY_BYTES: Final = 32 << 20
SYNC_HOLD_S: Final = 5.0
"""A synchronous statement that runs longer is answered "in progress"."""
POLL_HOLD_S: Final = 30.0
"""How long a question for a result may wait for it."""

_TOKEN: Final = re.compile(r'Snowflake Token="([^"]*)"')
_ID: Final = r"([0-9A-Za-z-]{1,64})"

Answer = bytes | tuple[bytes, Mapping[str, str]]
Route = Callable[["Wire", Request, Any, tuple[str, ...]], Awaitable[Answer]]


class Wire(Resource):
    """Every path of the protocol; reactor thread only."""

    isLeaf = True
    _log = Logger()

    def __init__(self, desk: FrontDesk) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # twisted's has no types
        self._desk = desk

    def render(self, request: Request) -> int:
        """Answer one request, later if need be."""
        running = Deferred.fromCoroutine(self._serve(request))
        request.notifyFinish().addErrback(lambda _gone: running.cancel())
        running.addErrback(self._lost)
        return NOT_DONE_YET

    def _lost(self, failure: Any) -> None:
        if not failure.check(CancelledError):
            self._log.failure("a request could not be answered", failure)

    async def _serve(self, request: Request) -> None:
        status = 200
        headers: Mapping[str, str] = {"Content-Type": "application/json"}
        try:
            answer = await self._route(request)
        except CancelledError:
            raise
        except Refused as refused:
            status = refused.status
            answer = refusal_body(refused.code, refused.message)
        except StatementFailed as failed:
            answer = refusal_body(failed.code, failed.message, failed.sqlstate)
        except Exception:  # noqa: BLE001 whatever goes wrong, the client gets an answer
            self._log.failure("a request failed inside")
            status = 500
            answer = refusal_body("000603", "internal error")
        if isinstance(answer, tuple):
            answer, headers = answer
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name, value)
        request.setHeader("Content-Length", str(len(answer)))
        request.write(answer)
        request.finish()

    async def _route(self, request: Request) -> Answer:
        # Connector 5.2 asks for /monitoring/queries//<id>.
        path = re.sub("/+", "/", request.path.decode("ascii", "replace"))
        method = request.method.decode("ascii", "replace")
        for allowed, pattern, route in _ROUTES:
            found = pattern.fullmatch(path)
            if found is not None and method in allowed:
                return await route(self, request, self._body(request), found.groups())
        raise Refused(404, "390404", f"no such endpoint: {method} {path[:100]}")

    def _body(self, request: Request) -> Any:
        content = request.content
        raw = content.read(MAX_BODY_BYTES + 1) if content is not None else b""
        try:
            if request.getHeader("content-encoding") == "gzip" and raw:
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                raw = unpacker.decompress(raw, MAX_BODY_BYTES + 1)
            if len(raw) > MAX_BODY_BYTES:
                raise Refused(413, "390413", "the request is too large")
            return msgspec.json.decode(raw) if raw.strip() else {}
        except (msgspec.DecodeError, UnicodeDecodeError, zlib.error, gzip.BadGzipFile) as error:
            raise Refused(400, "390400", "the request is not JSON") from error

    def _token(self, request: Request) -> str:
        found = _TOKEN.fullmatch(request.getHeader("authorization") or "")
        return found[1] if found else ""

    def _base(self, request: Request) -> str:
        host = request.getHeader("host") or f"{request.getHost().host}:{request.getHost().port}"
        return f"http://{host}"

    async def login(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST /session/v1/login-request."""
        data = body.get("data", {}) if isinstance(body, dict) else {}
        session = await self._desk.login(
            user=str(data.get("LOGIN_NAME") or "DEMO"),
            password=str(data.get("PASSWORD") or data.get("TOKEN") or ""),
            database=_argument(request, "databaseName"),
            schema=_argument(request, "schemaName"),
            warehouse=_argument(request, "warehouse"),
            role=_argument(request, "roleName"),
        )
        place = session.place
        return login_body(
            token=session.token,
            master_token=session.master_token,
            session_number=session.number,
            user=session.user,
            place={
                "databaseName": place.database,
                "schemaName": place.schema,
                "warehouseName": place.warehouse,
                "roleName": place.role,
            },
        )

    async def renew(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST /session/token-request."""
        session = self._desk.renew(self._token(request))
        return success_body(
            {
                "sessionToken": session.token,
                "validityInSecondsST": 3600,
                "masterToken": session.master_token,
                "validityInSecondsMT": 14400,
                "sessionId": session.number,
            }
        )

    async def heartbeat(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST /session/heartbeat."""
        self._desk.session(self._token(request))
        return success_body()

    async def end_session(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST or DELETE /session: with ?delete=true the session is over."""
        token = self._token(request)
        self._desk.session(token)
        if request.method == b"DELETE" or _argument(request, "delete") == "true":
            self._desk.logout(token)
        return success_body()

    async def telemetry(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST /telemetry/send: thanked for and dropped."""
        return success_body()

    async def query(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST /queries/v1/query-request."""
        session = self._desk.session(self._token(request))
        if not isinstance(body, dict) or not isinstance(body.get("sqlText"), str):
            raise Refused(400, "390400", "sqlText is missing")
        statement = self._desk.submit(
            session, _submission(body, _argument(request, "requestId") or "", self._base(request))
        )
        if body.get("asyncExec"):
            return pending_body(statement.query_id, asynchronous=True)
        return await self._outcome(statement, SYNC_HOLD_S)

    async def result(self, request: Request, body: Any, names: tuple[str, ...]) -> Answer:
        """GET /queries/<id>/result."""
        self._desk.session(self._token(request))
        return await self._outcome(self._desk.statement(names[0]), POLL_HOLD_S)

    async def _outcome(self, statement: Statement, hold_s: float) -> Answer:
        if not await self._desk.ended(statement, hold_s):
            return pending_body(statement.query_id, asynchronous=False)
        return self._desk.outcome(statement)

    async def abort_query(self, request: Request, body: Any, names: tuple[str, ...]) -> Answer:
        """POST /queries/<id>/abort-request."""
        self._desk.session(self._token(request))
        self._desk.abort(self._desk.statement(names[0]))
        return success_body()

    async def abort_request(self, request: Request, body: Any, _: tuple[str, ...]) -> Answer:
        """POST /queries/v1/abort-request: names the statement by its request id."""
        session = self._desk.session(self._token(request))
        request_id = body.get("requestId") if isinstance(body, dict) else None
        self._desk.abort(self._desk.requested(session, str(request_id or "")))
        return success_body()

    async def monitoring(self, request: Request, body: Any, names: tuple[str, ...]) -> Answer:
        """GET /monitoring/queries/<id>."""
        self._desk.session(self._token(request))
        return success_body({"queries": self._desk.monitoring(names[0])})

    async def chunk(self, request: Request, body: Any, names: tuple[str, ...]) -> Answer:
        """GET /chunk/<id>/<secret>/<number>: no token, the secret is the permission."""
        data = await self._desk.chunk(names[0], names[1], int(names[2]))
        return data, {"Content-Type": "application/octet-stream", "Content-Encoding": "gzip"}


def _argument(request: Request, name: str) -> str | None:
    values = request.args.get(name.encode("ascii")) if request.args else None
    return values[0].decode("utf-8", "replace") if values and values[0] else None


def _submission(body: Mapping[str, Any], request_id: str, base: str) -> Submission:
    given = body.get("parameters")
    parameters = {
        str(name).upper(): value
        for name, value in (given if isinstance(given, dict) else {}).items()
    }
    bindings = body.get("bindings")
    row_cap = _number(parameters.get("ROWS_PER_RESULTSET"))
    return Submission(
        request_id=request_id,
        sql=body["sqlText"],
        base=base,
        tag=str(parameters.get("QUERY_TAG") or ""),
        timeout_s=_number(parameters.get("STATEMENT_TIMEOUT_IN_SECONDS")) or 0,
        row_cap=row_cap or None,
        statement_count=_count(parameters.get("MULTI_STATEMENT_COUNT")),
        describe_only=bool(body.get("describeOnly")),
        bindings=bindings if isinstance(bindings, dict) else {},
    )


def _number(value: object) -> int | None:
    try:
        return max(0, int(str(value)))
    except ValueError:
        return None


def _count(value: object) -> int:
    number = _number(value)
    return 1 if number is None else number


_ROUTES: Final[tuple[tuple[frozenset[str], re.Pattern[str], Route], ...]] = (
    (frozenset({"POST"}), re.compile("/session/v1/login-request"), Wire.login),
    (frozenset({"POST"}), re.compile("/session/token-request"), Wire.renew),
    (frozenset({"GET", "POST"}), re.compile("/session/heartbeat"), Wire.heartbeat),
    (frozenset({"POST", "DELETE"}), re.compile("/session"), Wire.end_session),
    (frozenset({"POST"}), re.compile("/telemetry/send(?:/.*)?"), Wire.telemetry),
    (frozenset({"POST"}), re.compile("/queries/v1/query-request"), Wire.query),
    (frozenset({"POST"}), re.compile("/queries/v1/abort-request"), Wire.abort_request),
    (frozenset({"GET"}), re.compile(f"/queries/{_ID}/result"), Wire.result),
    (frozenset({"POST"}), re.compile(f"/queries/{_ID}/abort-request"), Wire.abort_query),
    (frozenset({"GET"}), re.compile(f"/monitoring/queries/{_ID}"), Wire.monitoring),
    (frozenset({"GET"}), re.compile(rf"/chunk/{_ID}/([\w-]+)/(\d{{1,9}})"), Wire.chunk),
)
