"""Between the wire and the statements: logins, tokens, and what a request may ask for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred

from snowflake_mcp.simulator.bench import Bench, Runner
from snowflake_mcp.simulator.credentials import Logins
from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.session_parameters import Parameters
from snowflake_mcp.simulator.sessions import Session
from snowflake_mcp.simulator.statements import Statement, Submission
from snowflake_mcp.simulator.tokens import Pair, Tokens

__all__ = ["FrontDesk", "Refused"]

_MAX_SESSIONS: Final = 1_000
_SWEEP_S: Final = 60.0
_MAX_NAME: Final = 255
_MAX_UNENDED: Final = 2_000
_IDLE_S: Final = 4 * 3600.0
"""A session without a request for so long is closed, as on Snowflake."""


@dataclass(eq=False)
class Refused(Exception):
    """A request that is refused as such; answered with an HTTP status and a code."""

    status: int
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.status} {self.code}"


class Connect(Protocol):
    """Opens an engine session; blocks, worker threads only."""

    def __call__(self, database: str | None, schema: str | None) -> Runner: ...


class FrontDesk:
    """Logins and everything that a valid token may ask for; reactor thread only."""

    def __init__(
        self, bench: Bench, connect: Connect, password: str | None, tokens: Tokens[Session]
    ) -> None:
        """``password`` None lets everybody in."""
        self._bench = bench
        self._connect = connect
        self._password = password
        self._tokens = tokens
        self.logins: Logins | None = None
        """Checks every login against a list; without one only ``password`` counts."""
        self._numbers = count(4_001)
        self._sessions: set[Session] = set()
        self._swept_at = bench.now()

    async def login(
        self,
        *,
        user: str,
        password: str,
        database: str | None,
        schema: str | None,
        warehouse: str | None,
        role: str | None,
        parameters: Mapping[str, object],
    ) -> tuple[Session, Pair]:
        """Open a session; gives it with its tokens.

        :raises StatementFailed: 390100 for a wrong password, 001008 for a session parameter with
            a value that it cannot have.
        """
        if self._password is not None and password != self._password:
            raise StatementFailed(
                "390100", "28000", "Incorrect username or password was specified."
            )
        texts: dict[str, str] = {}
        for name, value in parameters.items():
            Parameters(texts).put(name.upper(), value)
        self._make_room()
        engine: Any = await self._in_thread(
            lambda: self._connect(_folded(database), _folded(schema))
        )
        place = engine.place
        place.warehouse = _folded(warehouse) or place.warehouse
        place.role = _folded(role) or place.role
        place.parameters.update(texts)
        session = Session(self._bench, engine, next(self._numbers), user.upper()[:_MAX_NAME])
        self._sessions.add(session)
        return session, self._tokens.issue(session)

    def admit(self, proof: Mapping[str, Any], role: str | None) -> Mapping[str, str]:
        """Check what a client says of itself before ``login``; gives the tokens it may keep.

        :raises StatementFailed: see :class:`Logins`.
        """
        return {} if self.logins is None else self.logins.check(proof, role)

    def session(self, token: str) -> Session:
        """The session of a token.

        :raises StatementFailed: 390104, 390111 or 390112, see :class:`Tokens`.
        """
        session = self._tokens.holder(token)
        session.touch()
        return session

    def known(self, token: str) -> Session | None:
        """The session of a token, expired or not; None for any other."""
        return self._tokens.known(token)

    def sessions(self) -> list[dict[str, object]]:
        """The open sessions, as JSON."""
        told = []
        for session in self._sessions:
            token_s, master_token_s = self._tokens.left(session)
            told.append(
                {
                    "session_id": session.number,
                    "user": session.user,
                    "idle_s": session.idle_s,
                    "unended": session.busy,
                    "token_s": max(0.0, token_s),
                    "master_token_s": max(0.0, master_token_s),
                }
            )
        return told

    def expire(self, token: str, what: str) -> None:
        """Let something of a session expire: ``token``, ``master`` (both kinds), ``session``.

        Without effect for a token that is not known.
        """
        session = self._tokens.known(token)
        if session is None:
            return
        if what == "session":
            self.logout(session)
        else:
            self._tokens.expire(session, master=what == "master")

    def renew(self, master_token: str) -> tuple[Session, Pair]:
        """New tokens for a client whose session token has expired.

        :raises StatementFailed: 390111, 390113, 390114 or 390115, see :class:`Tokens`.
        """
        session, pair = self._tokens.renew(master_token)
        session.touch()
        return session, pair

    def heartbeat(self, token: str) -> None:
        """Keep a session alive.

        :raises StatementFailed: as :meth:`session`.
        """
        self._tokens.extend(self.session(token))

    def logout(self, session: Session) -> None:
        """End a session: what it runs is aborted."""
        if session in self._sessions:
            self._sessions.remove(session)
            self._tokens.revoke(session)
            session.close()

    def close(self) -> None:
        """End every session; statements that run are interrupted."""
        for session in list(self._sessions):
            self.logout(session)

    def submit(self, session: Session, submission: Submission) -> Statement:
        """Begin a statement.

        :raises Refused: 429 while too many statements wait and run.
        """
        if self._bench.docket.unended_count >= _MAX_UNENDED:
            raise Refused(429, "390429", "too many statements wait and run")
        return session.submit(submission)

    def statement(self, query_id: str, user: str | None = None) -> Statement:
        """The statement of this id; with ``user``, only if it is that user's.

        :raises StatementFailed: 000709
        """
        statement = self._bench.docket.find(query_id)
        if statement is None or user not in (None, statement.owner.user):
            raise StatementFailed("000709", "02000", f"Statement {query_id} not found")
        return statement

    def requested(self, session: Session, request_id: str) -> Statement:
        """The statement that a request of this session began.

        :raises StatementFailed: 000605
        """
        statement = self._bench.docket.replayed(session, request_id)
        if statement is None:
            raise StatementFailed(
                "000605", "02000", "Identified SQL statement is not currently executing."
            )
        return statement

    def abort(self, statement: Statement) -> bool:
        """Stop a statement; False when it has ended already."""
        return statement.owner.abort(statement)

    def ended(self, statement: Statement, hold_s: float) -> Deferred[bool]:
        """Fires when the statement has ended (True) or ``hold_s`` have passed (False)."""
        return statement.wait(hold_s, self._bench.clock)

    def outcome(self, statement: Statement) -> bytes:
        """The answer of a statement that has ended.

        :raises StatementFailed: 000710 when its result had to make room.
        """
        if statement.failure is not None:
            return statement.failure_answer
        result = self._bench.docket.results.get(statement.query_id)
        if result is None:
            raise StatementFailed(
                "000710", "02000", f"Result for query {statement.query_id} has expired"
            )
        return result.body

    def monitoring(self, query_id: str) -> list[dict[str, object]]:
        """What GET /monitoring/queries says: one entry, or none for an unknown id."""
        statement = self._bench.docket.find(query_id)
        if statement is None:
            return []
        failure = statement.failure
        return [
            {
                "id": query_id,
                "status": statement.state.value,
                "state": statement.state.value,
                "errorCode": failure.code if failure else None,
                "errorMessage": failure.message if failure else None,
                "sqlText": statement.submission.sql,
                "startTime": int(statement.submitted_at * 1000),
                "endTime": int((statement.ended_at or 0) * 1000),
                "sessionId": statement.owner.number,
                "queryTag": statement.tag,
            }
        ]

    async def chunk(self, query_id: str, secret: str, number: int) -> bytes:
        """A chunk of a result, as gzipped Arrow.

        :raises Refused: 403 for a wrong address, as a stage answers.
        """
        result = self._bench.docket.results.get(query_id)
        if result is None or result.secret != secret or number >= len(result.chunks):
            raise Refused(403, "390403", "the address has expired")
        data: bytes = await self._in_thread(lambda: result.chunk(number))
        return data

    async def look(self, sql: str) -> list[dict[str, str | None]]:
        """The rows of a query of our own, every value as text; in a session of its own.

        :raises StatementFailed: it cannot be run here.
        """

        def read() -> list[dict[str, str | None]]:
            engine: Any = self._connect(None, None)
            try:
                table = engine.run(Job("look", sql, "DEMO", 0)).as_table()
            finally:
                engine.close()
            return [
                {name: None if value is None else str(value) for name, value in row.items()}
                for row in table.to_pylist()
            ]

        rows: list[dict[str, str | None]] = await self._in_thread(read)
        return rows

    def _in_thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        ended: Deferred[Any] = Deferred()
        clock = self._bench.clock

        def tell(success: bool, value: Any) -> None:
            if not ended.called:
                ended.callback(value) if success else ended.errback(value)

        def done(success: bool, value: Any) -> None:
            clock.callFromThread(tell, success, value)

        self._bench.pool.callInThreadWithCallback(done, work)
        return ended

    def _make_room(self) -> None:
        if self._bench.now() - self._swept_at >= _SWEEP_S:
            self._swept_at = self._bench.now()
            for session in list(self._sessions):
                dead = max(self._tokens.left(session)) <= 0 and not session.busy
                if dead or session.idle_s > _IDLE_S:
                    self.logout(session)
        if len(self._sessions) >= _MAX_SESSIONS:
            self.logout(max(self._sessions, key=lambda session: session.idle_s))


def _folded(name: str | None) -> str | None:
    """A name from the connection parameters: upper case unless it is quoted."""
    if not name:
        return None
    if len(name) > 2 and name.startswith('"') and name.endswith('"'):
        return name[1:-1].replace('""', '"')
    return name.upper()
