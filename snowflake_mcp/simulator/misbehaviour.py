"""The wire with faults: some answers go wrong, as rules and marks in the SQL say."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.web.server import Request

from snowflake_mcp.simulator.answers import refusal_body
from snowflake_mcp.simulator.bench import Bench
from snowflake_mcp.simulator.calls import Call, body_of
from snowflake_mcp.simulator.failures import StatementFailed, syntax_error
from snowflake_mcp.simulator.faults import Asked, BadRules, Fault, RuleBook, read_rules
from snowflake_mcp.simulator.frontdesk import FrontDesk, Refused
from snowflake_mcp.simulator.sessions import cancel_target
from snowflake_mcp.simulator.statements import Statement
from snowflake_mcp.simulator.tally import Tally
from snowflake_mcp.simulator.wire import Reply, Route, Wire, refusal, start

__all__ = ["ADMIN", "FaultyWire"]

ADMIN: Final = b"/__faults"
_SLICE_S: Final = 0.05
_HTML: Final = b"<html><body><h1>Bad Gateway</h1></body></html>\n"
_MALFORMED: Final[Mapping[str, bytes]] = {
    "text": _HTML,
    "empty": b"",
    "list": b"[]",
    "bare": b"{}",
    "no_data": b'{"success":true,"code":null,"message":null}',
}


class FaultyWire(Wire):
    """A wire that misbehaves on demand; reactor thread only."""

    def __init__(self, desk: FrontDesk, bench: Bench, wall: Callable[[], float]) -> None:
        """``wall`` gives seconds since 1970."""
        super().__init__(desk)
        self._docket = bench.docket
        self._clock = bench.clock
        self._ids = bench.ids
        self._book = RuleBook()
        self._tally = Tally(desk, bench.docket, bench.reuse, wall)
        self._manners: dict[Request, Fault] = {}

    async def serve(self, request: Request) -> None:
        """Answer one request, or let it go wrong; rules about that are taken here too."""
        if request.path == ADMIN:
            await super().send(request, self._administer(request))
            return
        try:
            await super().serve(request)
        finally:
            self._manners.pop(request, None)

    async def carry_out(self, call: Call, route: Route) -> Reply:
        """Do what was asked, unless a fault says otherwise."""
        self._tally.requests[call.name] += 1
        statement = self._statement(call)
        self._note(call, statement)
        try:
            fault = self._book.choose(self._asked(call, statement))
        except BadRules as bad:
            raise syntax_error(str(bad)) from bad
        reply: Reply | None = None
        if fault is not None:
            self._manners[call.request] = fault
            await self._sleep(fault.delay_s or 0)
            reply = await self._instead(call, fault)
        if reply is None:
            running = Deferred.fromCoroutine(self._really(call, route))
            if fault is not None and fault.ignore_abort:
                # By now the statement is submitted, and nobody can have aborted it.
                self._deafen(call)
            reply = await running
            if fault is not None:
                reply = await self._spoilt(call, fault, reply)
        if call.name == "login":
            self._tally.logins["succeeded" if b'"success":true' in reply.body else "failed"] += 1
        return reply

    async def send(self, request: Request, reply: Reply) -> None:
        """Write the answer in the manner of the fault."""
        fault = self._manners.get(request)
        if fault is None or not (fault.drop or fault.hang_s is not None or fault.bytes_per_s):
            await super().send(request, reply)
            return
        whole = fault.drop is None and fault.hang_s is None
        if whole or fault.drop == "half":
            start(request, reply)
            body = reply.body if whole else reply.body[: len(reply.body) // 2]
            await self._trickle(request, body, fault.bytes_per_s)
        if whole:
            request.finish()
        else:
            request.loseConnection()

    async def _really(self, call: Call, route: Route) -> Reply:
        try:
            return await super().carry_out(call, route)
        except (Refused, StatementFailed) as refused:
            return refusal(refused)

    async def _instead(self, call: Call, fault: Fault) -> Reply | None:
        """What is answered without carrying the request out; None: carry it out."""
        if fault.expire is not None:
            self._desk.expire(call.token, fault.expire)
        if fault.drop == "before":
            return Reply(b"")
        return None if fault.after else await self._broken(call, fault)

    async def _spoilt(self, call: Call, fault: Fault, reply: Reply) -> Reply:
        """What becomes of the answer to a request that was carried out."""
        if fault.after:
            return await self._broken(call, fault) or reply
        if fault.malformed == "truncated":
            return Reply(reply.body[: len(reply.body) // 2])
        if fault.malformed is not None:
            return Reply(_MALFORMED[fault.malformed])
        if fault.corrupt:
            middle = len(reply.body) // 2
            damaged = bytes(byte ^ 0x55 for byte in reply.body[middle : middle + 64])
            body = reply.body[:middle] + damaged + reply.body[middle + 64 :]
            return Reply(body, reply.status, reply.headers)
        if fault.command is not None or fault.wrong_query_id:
            return self._restated(fault, reply)
        return reply

    async def _broken(self, call: Call, fault: Fault) -> Reply | None:
        if fault.hang_s is not None:
            await self._sleep(fault.hang_s)
            return Reply(b"")
        if fault.http is not None:
            headers = {"Content-Type": "text/plain"}
            if fault.retry_after_s is not None:
                headers["Retry-After"] = str(fault.retry_after_s)
            return Reply((fault.body or "").encode(), fault.http, headers)
        if fault.code is not None:
            message, sqlstate = fault.message or "refused on demand", fault.sqlstate or "08001"
            with_data = call.name != "renew"
            return Reply(refusal_body(fault.code, message, sqlstate, with_data=with_data))
        return None

    def _restated(self, fault: Fault, reply: Reply) -> Reply:
        """The answer with another query id, or with a file transfer in it."""
        answer: Any = msgspec.json.decode(reply.body)
        data = answer["data"]
        if fault.wrong_query_id:
            data["queryId"] = self._ids.next()
        else:
            data |= _transfer(fault)
        return Reply(msgspec.json.encode(answer))

    async def _trickle(self, request: Request, body: bytes, bytes_per_s: int | None) -> None:
        step = max(1, int(bytes_per_s * _SLICE_S)) if bytes_per_s else max(1, len(body))
        for at in range(0, len(body), step):
            request.write(body[at : at + step])
            if bytes_per_s:
                await self._sleep(len(body[at : at + step]) / bytes_per_s)

    def _sleep(self, seconds: float) -> "Deferred[None]":
        return deferLater(self._clock, seconds, lambda: None)

    def _asked(self, call: Call, statement: Statement | None) -> Asked:
        session = self._desk.known(call.token)
        user = "" if session is None else session.user
        if statement is not None:
            submission = statement.submission
            key = submission.request_id or statement.query_id
            return Asked(call.name, user or statement.owner.user, submission.sql, key)
        if call.name == "login":
            data = call.members.get("data")
            user = str(data.get("LOGIN_NAME") or "") if isinstance(data, dict) else ""
        sql = call.members.get("sqlText")
        request_id = call.argument("requestId") or ""
        return Asked(call.name, user, sql if isinstance(sql, str) else "", request_id)

    def _statement(self, call: Call) -> Statement | None:
        """The statement that a request is about, if it is about one that is known."""
        if call.names:
            return self._docket.find(call.names[0])
        if call.name == "abort":
            return self._requested(call, call.members.get("requestId"))
        return None

    def _requested(self, call: Call, request_id: object) -> Statement | None:
        session = self._desk.known(call.token)
        if session is None or not request_id:
            return None
        return self._docket.replayed(session, str(request_id))

    def _deafen(self, call: Call) -> None:
        statement = self._requested(call, call.argument("requestId"))
        if statement is not None:
            statement.deaf = True

    def _note(self, call: Call, statement: Statement | None) -> None:
        if call.name == "abort":
            self._tally.abort("query_id" if call.names else "request_id", statement)
        target = cancel_target(str(call.members.get("sqlText") or ""))
        if call.name == "query" and target:
            self._tally.abort("sql", self._docket.find(target))

    def _administer(self, request: Request) -> Reply:
        try:
            if request.method == b"POST":
                answer: object = {"ids": self._book.add(read_rules(body_of(request)))}
            elif request.method in (b"GET", b"HEAD", b"DELETE"):
                rules = [rule.told() for rule in self._book.rules]
                answer = {"rules": rules, "marks_fired": self._book.marks_fired}
                answer |= self._tally.told()
            else:
                return Reply(b"", 405)
        except BadRules as bad:
            return Reply(msgspec.json.encode({"problems": bad.problems}), 400)
        except Refused as refused:
            return refusal(refused)
        if request.method == b"DELETE":
            self._book.clear()
            self._tally.clear()
        return Reply(msgspec.json.encode(answer))


def _transfer(fault: Fault) -> dict[str, object]:
    """The members by which a real answer starts the client's file transfer."""
    up = fault.command == "UPLOAD"
    file = fault.file or "/etc/hostname"
    folder = fault.folder or "/nonexistent/folder"
    stage: dict[str, object] = {
        "locationType": "LOCAL_FS",
        "location": folder if up else file.rpartition("/")[0],
        "path": "",
        "creds": {},
    }
    if fault.stage == "S3":
        # Nothing listens there, so the file does not get far.
        stage = {
            "locationType": "S3",
            "location": "bucket/path/",
            "path": "path/",
            "region": "us-east-1",
            "endPoint": "127.0.0.1:9",
            "creds": {"AWS_KEY_ID": "none", "AWS_SECRET_KEY": "none", "AWS_TOKEN": "none"},
            "isClientSideEncrypted": False,
        }
    return {
        "command": fault.command,
        "operation": "Node",
        "src_locations": [file if up else file.rpartition("/")[2]],
        "localLocation": folder,
        "parallel": 1,
        "threshold": 0,
        "autoCompress": False,
        "overwrite": True,
        "sourceCompression": "none",
        "clientShowEncryptionParameter": False,
        "encryptionMaterial": None if up else [],
        "stageInfo": stage,
    }
