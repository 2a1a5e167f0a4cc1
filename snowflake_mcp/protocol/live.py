"""What a handshake-era session keeps while it lives: level, subscriptions, open questions."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.protocol.changes import Change, Changes
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.events import StreamSet
from snowflake_mcp.protocol.inputs import AskFailedError
from snowflake_mcp.protocol.jsonrpc import Response, encode_notification, encode_request
from snowflake_mcp.protocol.principal import Principal

__all__ = ["LEVELS", "Live", "LiveSession", "LiveSessions"]

LEVELS: Final = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)
MAX_WATCHED: Final = 1_000
"""Resources that one session may subscribe to."""
MAX_LIVE: Final = 10_000
"""Sessions over HTTP whose state is kept; the one that was quiet longest makes room."""


class Live:
    """The state of one session in this process; reactor thread only.

    ``send`` puts a message on the session's own channel, outside any request.
    """

    def __init__(
        self, changes: Changes, send: Callable[[bytes], None], principal: Principal
    ) -> None:
        self.level = "info"
        self.watched: set[str] = set()
        self._send = send
        self._asked: dict[str, Deferred[dict[str, Any]]] = {}
        self._next = 0
        self._stop_listening = changes.listen(self._changed, profile=principal.profile)

    def watch(self, uri: str) -> None:
        """Tell this session when the resource changes.

        Raises:
            McpError: the session watches too many already.
        """
        if len(self.watched) >= MAX_WATCHED and uri not in self.watched:
            raise McpError(INVALID_PARAMS, f"More than {MAX_WATCHED} subscriptions")
        self.watched.add(uri)

    def ask(
        self, method: str, params: dict[str, Any], send: Callable[[bytes], None]
    ) -> Deferred[dict[str, Any]]:
        """Ask the client; ``send`` is the channel of the request that needs the answer.

        Fails with ``AskFailedError`` when the client answers with an error.
        """
        self._next += 1
        question = f"q-{self._next}"

        def forget(_: object) -> None:
            self._asked.pop(question, None)

        answer: Deferred[dict[str, Any]] = Deferred(forget)
        self._asked[question] = answer
        send(encode_request(question, method, params))
        return answer

    def answered(self, response: Response) -> bool:
        """Take the client's answer; False when nothing was asked under that id."""
        answer = self._asked.pop(response.id, None) if isinstance(response.id, str) else None
        if answer is None:
            return False
        if response.result is not None:
            answer.callback(response.result)
        else:
            answer.errback(AskFailedError("The client refused the question."))
        return True

    def close(self) -> None:
        """The session has ended: nothing more is told, open questions fail."""
        self._stop_listening()
        asked, self._asked = self._asked, {}
        for answer in asked.values():
            answer.errback(AskFailedError("The session has ended."))

    def _changed(self, change: Change) -> None:
        if change.kind != "resource" or change.uri in self.watched:
            self._send(encode_notification(change.method, change.params))


class LiveSession(Live):
    """The live state of a session over HTTP, with the streams on which it is told things."""

    def __init__(
        self, changes: Changes, principal: Principal, client: str = "", began: float = 0.0
    ) -> None:
        self.owner = principal.name
        self.client = client
        self.began = self.heard = began
        """When this process first and last heard of it, on the clock of ``LiveSessions``."""
        self.streams = StreamSet()
        super().__init__(changes, self.streams.standalone.put, principal)

    def close(self) -> None:
        """The session has ended."""
        super().close()
        self.streams.close()


class LiveSessions:
    """HTTP sessions by id; the state is made when first needed, and anew after a restart.

    Reactor thread only. When there are too many, that one makes room which was quiet longest of
    the principal that has most; its id stays valid, what it had subscribed to is forgotten.
    """

    def __init__(self, changes: Changes, clock: IReactorTime) -> None:
        self._changes = changes
        self._clock = clock
        self._live: dict[str, LiveSession] = {}
        self._owned: dict[str, OrderedDict[str, None]] = {}
        """Ids by principal, the one that was quiet longest first."""

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, session_id: str) -> bool:
        return session_id in self._live

    def __iter__(self) -> Iterator[tuple[str, LiveSession]]:
        return iter(list(self._live.items()))

    def newest(self, count: int) -> Iterator[tuple[str, LiveSession]]:
        """Those that were opened last, the last one first."""
        return iter(list(islice(reversed(self._live.items()), count)))

    def get(self, session_id: str, principal: Principal, client: str) -> LiveSession:
        """The live state of a session, which its principal has just used."""
        live = self._live.get(session_id)
        now = self._clock.seconds()
        if live is None:
            live = self._live[session_id] = LiveSession(self._changes, principal, client, now)
            self._owned.setdefault(live.owner, OrderedDict())[session_id] = None
            if len(self._live) > MAX_LIVE:
                crowd = max(self._owned.values(), key=len)
                self.end(next(iter(crowd)))
        else:
            self._owned[live.owner].move_to_end(session_id)
        live.heard = now
        return live

    def end(self, session_id: str) -> None:
        """The client has ended its session."""
        live = self._live.pop(session_id, None)
        if live is None:
            return
        owned = self._owned[live.owner]
        del owned[session_id]
        if not owned:
            del self._owned[live.owner]
        live.close()

    def end_standalone(self) -> None:
        """The server stops: the streams that belong to no request end."""
        for live in self._live.values():
            live.streams.standalone.finish()
