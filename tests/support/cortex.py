"""Snowflake's REST endpoints, scripted, and sessions whose token they take."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from snowflake_mcp.config.model import Backend, ConnectionSettings, PoolSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.bounds import NO_BOUNDS
from snowflake_mcp.warehouse.cortex import Cortex
from snowflake_mcp.warehouse.lanes import Lanes
from snowflake_mcp.warehouse.session import Key, Session

__all__ = ["Asked", "FakeSessions", "Reply", "Script", "cortex_over", "events"]


def events(*told: tuple[str, Any]) -> bytes:
    """A stream of server-sent events."""
    return b"".join(
        f"event: {name}\ndata: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode()
        for name, data in told
    )


@dataclass
class Reply:
    """One answer."""

    status: int = 200
    body: bytes = b"{}"
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    """After the body nothing more comes."""
    breaks: bool = False
    """After the body the connection is cut."""


@dataclass
class Asked:
    """What a client sent."""

    path: str
    headers: Mapping[str, str]
    body: Any


class Script(Resource):
    """Answers from a list, the last one again and again."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # twisted's has no types
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []
        self.gone: Deferred[None] = Deferred()
        self.when_asked: Callable[[], object] = lambda: None

    @property
    def site(self) -> Site:
        """To listen with."""
        return Site(self)

    def render(self, request: Request) -> Any:
        """Take down what is asked and give the next answer."""
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        assert request.content is not None
        path = request.uri.decode()
        self.asked.append(Asked(path, headers, json.loads(request.content.read())))
        assert request.method == b"POST"
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        request.notifyFinish().addErrback(self._left)
        request.setResponseCode(reply.status)
        request.setHeader("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            request.setHeader(name, value)
        self.when_asked()
        if reply.hangs or reply.breaks:
            request.write(reply.body)
            if reply.breaks:
                request.loseConnection()
            return NOT_DONE_YET
        return reply.body

    def _left(self, _: object) -> None:
        if not self.gone.called:
            self.gone.callback(None)


class _Pool:
    def __init__(self) -> None:
        self.put_away: list[str] = []

    def give_back(self, session: Session) -> None:
        self.put_away.append("kept")

    def discard(self, session: Session) -> None:
        self.put_away.append("discarded")


class FakeSessions:
    """Sessions at one URL; each has a token of its own."""

    def __init__(self, url: str, parameters: Mapping[str, Any] | None = None) -> None:
        self.url = url
        self.pool = _Pool()
        self.leased: list[bool] = []
        self.settings = ConnectionSettings("one", Backend.SNOWFLAKE, dict(parameters or {}))
        breaker = SimpleNamespace(check=lambda: None)
        account = SimpleNamespace(settings=self.settings)
        self._entrance = SimpleNamespace(breaker=breaker, account=account)

    def seat(self, _principal: object, _wish: object = None) -> Seat:
        """The one there is."""
        return Seat("one", None, None, self.settings)

    def key(self, principal: Any, *, wish: object = None) -> Key:
        """Likewise."""
        return Key("one", principal.name)

    def entrance(self, _connection: str) -> Any:
        """Likewise."""
        return self._entrance

    def lease(self, key: Key, *, new: bool = False) -> "Deferred[Session]":
        """A session with the next token."""
        self.leased.append(new)
        known = SimpleNamespace(server_url=self.url, session_token=f"token-{len(self.leased)}")
        connection = SimpleNamespace(_get_connection_info=lambda: known, rest=_rest(known))
        return succeed(Session(connection, key, 0.0, 1e9, 0))


def _rest(known: Any) -> Any:
    return SimpleNamespace(server_url=known.server_url, token=known.session_token)


def cortex_over(reactor: Any, sessions: Any, width: int = 4) -> tuple[Cortex, Metrics]:
    """What asks over these sessions, started, with what it counts."""
    metrics = Metrics()
    lanes = Lanes(reactor, PoolSettings(max_statements=width), NO_BOUNDS.lane_share)
    cortex = Cortex(reactor, sessions, lanes, metrics, NO_BOUNDS, jitter=lambda: 0.0)
    cortex.threads.start()
    return cortex, metrics
