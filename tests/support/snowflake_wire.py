"""A scripted Snowflake endpoint: just enough of the wire for faults that no engine produces.

It runs on the test's own reactor; the driver talks to it from its threads. What a statement does
is looked up by its text; the same text may be scripted several times, for one run each.
"""

import base64
import gzip
import io
import json
import re
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.web.http import Request as HttpRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

__all__ = ["Failing", "Faulty", "Rows", "Script", "Seen", "SnowflakeWire", "Waiting", "column"]

_ID = re.compile(r"^/queries/(?P<id>[^/]+)/(?P<what>result|abort-request)$")
_STATUS = re.compile(r"^/monitoring/queries/+(?P<id>[^/]+)$")


def column(name: str, kind: str, **facts: object) -> dict[str, Any]:
    """A column as Snowflake describes it: kind is ``fixed``, ``text``, ``timestamp_tz``, ..."""
    described = {"nullable": True, "scale": None, "precision": None, "length": None}
    return {"name": name, "type": kind, "byteLength": None, **described, **facts}


@dataclass(frozen=True)
class Rows:
    """The statement ends with these rows: Arrow, or JSON when ``data`` is a list of rows."""

    columns: Sequence[Mapping[str, Any]]
    data: pa.RecordBatch | Sequence[Sequence[str | None]]
    chunks: Sequence[pa.RecordBatch] = ()
    total: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """More members of the answer, for example a file transfer."""


@dataclass(frozen=True)
class Failing:
    """The statement fails with a code; one of a session (390...) fails its submission."""

    code: str
    message: str = "failed as scripted"
    sqlstate: str = "22000"
    at_submit: bool = False
    """Told at once, as Snowflake does with what it cannot compile, and again to every poll."""


@dataclass(frozen=True)
class Faulty:
    """The answer to the submission is broken: a status, or a body that is no JSON."""

    status: int = 200
    body: bytes = b"<html>"


@dataclass(frozen=True)
class Waiting:
    """The statement runs until it is aborted, or for a number of polls that end empty-handed."""

    polls: int | None = None
    then: "Script | None" = None
    deaf: bool = False
    """Aborts are confirmed and change nothing."""


Script = Rows | Failing | Faulty | Waiting


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    path: str
    body: Any = None


@dataclass
class _Statement:
    script: Script
    status: str = "RUNNING"
    polls: int = 0
    held: list[Deferred[None]] = field(default_factory=list)


class SnowflakeWire:
    """The endpoint; set it up, ``start`` it, look at ``seen`` afterwards."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._port: IListeningPort | None = None
        self._statements: dict[str, _Statement] = {}
        self._scripts: dict[str, deque[Script]] = defaultdict(deque)
        self._chunks: dict[str, bytes] = {}
        self.refuse_logins: str | None = None
        """A code with which every login is refused."""
        self.silent: set[str] = set()
        """Requests with one of these in their path get no answer before ``release``."""
        self.expired: dict[str, int] = {}
        """How often requests with this in their path are told that their token has expired."""
        self._unanswered: list[Deferred[None]] = []
        self.seen: list[Seen] = []

    def script(self, sql: str, *scripts: Script) -> None:
        """What the next runs of that text do; without one a statement gives a single 1."""
        self._scripts[sql].extend(scripts)

    def start(self) -> None:
        """Listen on a free port of the loopback interface."""
        site = Site(_Everything(self))
        self._port = self._reactor.listenTCP(0, site, interface="127.0.0.1")

    def release(self) -> None:
        """Answer everything that was left without an answer, and leave nothing so from now on."""
        self.silent.clear()
        unanswered, self._unanswered = self._unanswered, []
        for held in unanswered:
            held.callback(None)

    async def stop(self) -> None:
        """Let every held request go and close the port."""
        self.release()
        for statement in self._statements.values():
            self._end(statement, "ABORTED")
        if self._port is not None:
            port, self._port = self._port, None
            await maybeDeferred(port.stopListening)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._port is not None
        return int(self._port.getHost().port)  # type: ignore[attr-defined]

    @property
    def parameters(self) -> dict[str, object]:
        """Arguments of a login here."""
        return {
            "account": "acme",
            "user": "tester",
            "password": "hunter2",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
        }

    def count(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in request.path for request in self.seen)

    def submitted(self, sql: str) -> list[Mapping[str, Any]]:
        """The bodies of the submissions of that text."""
        return [
            request.body
            for request in self.seen
            if request.path == "/queries/v1/query-request" and request.body["sqlText"] == sql
        ]

    def statuses(self) -> list[str]:
        """The states of all statements, in the order of their submission."""
        return [statement.status for statement in self._statements.values()]

    async def answer(self, request: Request, body: Any) -> tuple[int, bytes]:
        """The status and the body for one request."""
        path = request.path.decode()
        self.seen.append(Seen(path, body))
        if any(part in path for part in self.silent):
            held: Deferred[None] = Deferred()
            self._unanswered.append(held)
            await held
            return 503, b""
        for part, times in self.expired.items():
            if part in path and times:
                self.expired[part] -= 1
                return _failure(Failing("390112", "Session token expired", "08001"), None)
        if path == "/session/token-request":
            return _ok(
                {
                    "sessionToken": f"renewed-{self.count('token-request')}",
                    "masterToken": "master-renewed",
                    "validityInSecondsST": 3_600,
                    "validityInSecondsMT": 14_400,
                    "sessionId": 1,
                },
                None,
            )
        if path in self._chunks:
            return 200, self._chunks[path]
        if path == "/session/v1/login-request":
            return _ok(*self._login())
        if path == "/queries/v1/query-request":
            return self._submit(body)
        if (match := _ID.match(path)) is not None:
            if match["id"] not in self._statements:
                return _failure(Failing("000709", "no such statement"), match["id"])
            return await self._about(self._statements[match["id"]], match["id"], match["what"])
        if (match := _STATUS.match(path)) is not None:
            known = self._statements[match["id"]]
            return _ok({"queries": [{"id": match["id"], "status": known.status}]})
        return _ok(None)

    def _login(self) -> tuple[Any, str | None]:
        if self.refuse_logins is not None:
            return {"nextAction": "RETRY_LOGIN"}, self.refuse_logins
        number = self.count("login-request")
        return {
            "token": f"token-{number}",
            "masterToken": f"master-{number}",
            "validityInSeconds": 3_600,
            "masterValidityInSeconds": 14_400,
            "sessionId": number,
            "parameters": [
                {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
                {"name": "TIMEZONE", "value": "Europe/Berlin"},
            ],
            "sessionInfo": {},
        }, None

    def _submit(self, body: Any) -> tuple[int, bytes]:
        queue = self._scripts[body["sqlText"]]
        script = queue.popleft() if queue else _ONE
        query_id = f"0000000{len(self._statements):x}-0000-0000-0000-000000000000"[-36:]
        if isinstance(script, Faulty):
            return script.status, script.body
        if isinstance(script, Failing) and script.code.startswith("390"):
            # Not the statement but the session is refused: there is no query id.
            return _failure(script, None)
        self._statements[query_id] = _Statement(script)
        if isinstance(script, Failing) and script.at_submit:
            return _failure(script, query_id)
        return _running(query_id, "333334")

    async def _about(self, statement: _Statement, query_id: str, what: str) -> tuple[int, bytes]:
        if what == "abort-request":
            waiting = statement.script
            if not (isinstance(waiting, Waiting) and waiting.deaf):
                self._end(statement, "ABORTED")
            return _ok(None)
        script = statement.script
        if isinstance(script, Waiting) and statement.status == "RUNNING":
            statement.polls += 1
            if script.polls is None:
                held: Deferred[None] = Deferred()
                statement.held.append(held)
                await held
            elif statement.polls <= script.polls:
                return _running(query_id, "333333")
        if statement.status == "ABORTED":
            return _failure(Failing("000604", "SQL execution canceled", "57014"), query_id)
        if isinstance(script, Waiting):
            script = script.then or _ONE
        if isinstance(script, Failing):
            statement.status = "FAILED_WITH_ERROR"
            return _failure(script, query_id)
        assert isinstance(script, Rows)
        statement.status = "SUCCESS"
        return _ok(self._result(script, query_id))

    def _result(self, rows: Rows, query_id: str) -> dict[str, Any]:
        result: dict[str, Any] = {
            "parameters": [],
            "rowtype": list(rows.columns),
            "queryId": query_id,
            "statementTypeId": 4_096,
            "chunks": [],
        }
        if not isinstance(rows.data, pa.RecordBatch):
            count = len(rows.data)
            result |= {"queryResultFormat": "json", "rowset": [list(row) for row in rows.data]}
        else:
            count = rows.data.num_rows + sum(chunk.num_rows for chunk in rows.chunks)
            first = base64.b64encode(_stream(rows.data)).decode()
            result |= {"queryResultFormat": "arrow", "rowsetBase64": first}
        for number, chunk in enumerate(rows.chunks):
            path, raw = f"/chunks/{query_id}/{number}", _stream(chunk)
            self._chunks[path] = raw
            result["chunks"].append(
                {
                    "url": f"http://127.0.0.1:{self.port}{path}",
                    "rowCount": chunk.num_rows,
                    "uncompressedSize": len(raw),
                    "compressedSize": len(raw),
                }
            )
        total = count if rows.total is None else rows.total
        return result | {"total": total, "returned": total} | dict(rows.extra)

    def _end(self, statement: _Statement, status: str) -> None:
        if statement.status == "RUNNING":
            statement.status = status
        held, statement.held = statement.held, []
        for waiting in held:
            waiting.callback(None)


class _Everything(Resource):
    isLeaf = True

    def __init__(self, wire: SnowflakeWire) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._wire = wire

    def render(self, request: Request) -> int:
        Deferred.fromCoroutine(self._answer(request))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> None:
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        raw = request.content.read() if request.content is not None else b""
        if request.getHeader("content-encoding") == "gzip" and raw:
            raw = gzip.decompress(raw)
        status, body = await self._wire.answer(request, json.loads(raw) if raw else None)
        if gone:
            return
        HttpRequest.setResponseCode(request, status)
        request.setHeader("content-type", "application/json")
        request.write(body)
        request.finish()


def _stream(batch: pa.RecordBatch) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def _ok(data: Any, code: str | None = None) -> tuple[int, bytes]:
    message = None if code is None else "refused as scripted"
    answer = {"data": data, "code": code, "message": message, "success": code is None}
    return 200, json.dumps(answer).encode()


def _running(query_id: str, code: str) -> tuple[int, bytes]:
    data = {"queryId": query_id, "getResultUrl": f"/queries/{query_id}/result"}
    answer = {"data": data, "code": code, "message": "in progress", "success": True}
    return 200, json.dumps(answer).encode()


def _failure(failing: Failing, query_id: str | None) -> tuple[int, bytes]:
    data = {"errorCode": failing.code, "sqlState": failing.sqlstate, "queryId": query_id}
    answer = {"data": data, "code": failing.code, "message": failing.message, "success": False}
    return 200, json.dumps(answer).encode()


_ONE = Rows(
    [column("1", "fixed", precision=1, scale=0)],
    pa.RecordBatch.from_arrays([pa.array([1], pa.int8())], names=["1"]),
)
