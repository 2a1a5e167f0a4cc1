"""Messages to a client as numbered events, kept for a while so that a lost stream can go on.

Handshake revisions only (2025-03-26 to 2025-11-25, basic/transports, "Resumability and
Redelivery"). Bounded: what no longer fits is forgotten, oldest first.
"""

import secrets
from collections import OrderedDict, deque
from typing import Final, Protocol

from snowflake_mcp.protocol.pieces import Body

__all__ = ["EventStream", "Sink", "StreamSet"]

MAX_EVENTS: Final = 256
MAX_BYTES: Final = 1 << 20
"""Of each stream."""
MAX_STREAMS: Final = 32
"""Streams of a session that can be resumed, beside the ones that are open."""


class Sink(Protocol):
    """A connection that carries a stream's events."""

    def event(self, event_id: str, message: Body) -> None:
        """Send one event."""

    def end(self) -> None:
        """No event will follow on this connection."""


class EventStream:
    """One stream of a session; number 0 is its standalone channel. Reactor thread only.

    ``name`` begins its event ids: it differs from that of any other process and session, so
    that nobody resumes a stream that only looks like theirs.
    """

    def __init__(self, number: int, name: str = "s") -> None:
        self.number = number
        self._name = name
        self.finished = False
        self._events: deque[tuple[int, Body]] = deque()
        self._bytes = 0
        self._last = 0
        self._delivered = 0
        self._sink: Sink | None = None

    @property
    def attached(self) -> bool:
        """Whether a connection carries it now."""
        return self._sink is not None

    def put(self, message: Body) -> None:
        """Number a message, keep it, and send it if a connection is there."""
        self._last += 1
        self._events.append((self._last, message))
        self._bytes += len(message)
        while len(self._events) > MAX_EVENTS or (self._bytes > MAX_BYTES and len(self._events) > 1):
            self._bytes -= len(self._events.popleft()[1])
        if self._sink is not None:
            self._delivered = self._last
            self._sink.event(self._id(self._last), message)

    def finish(self) -> None:
        """The stream has said all it had to say."""
        self.finished = True
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.end()

    def attach(self, sink: Sink, after: int | None = None) -> None:
        """Let a connection carry the stream; ``after`` is the last event it has seen.

        Without ``after`` what nobody has received yet is sent first. A connection that carried
        the stream before is ended: an event goes to one connection only.
        """
        before, self._sink = self._sink, sink
        if before is not None:
            before.end()
        start = self._delivered if after is None else after
        self._delivered = self._last
        for number, message in list(self._events):
            if number > start:
                sink.event(self._id(number), message)
        if self.finished:
            self._sink = None
            sink.end()

    def detach(self, sink: Sink) -> None:
        """The connection is gone; events are kept."""
        if self._sink is sink:
            self._sink = None

    def prime(self, after: int | None = None) -> str:
        """The id of an empty first event, so that a client can resume before any message.

        It names where ``attach`` will go on: what follows is not lost with the connection.
        """
        return self._id(self._delivered if after is None else after)

    def _id(self, event: int) -> str:
        return f"{self._name}-{self.number}-{event}"


class StreamSet:
    """The streams of one session; reactor thread only."""

    def __init__(self) -> None:
        self._name = secrets.token_hex(4)
        self.standalone = EventStream(0, self._name)
        self._streams: OrderedDict[int, EventStream] = OrderedDict()
        self._next = 0

    def open(self) -> EventStream:
        """A stream for the answer to one request."""
        self._next += 1
        stream = EventStream(self._next, self._name)
        self._streams[self._next] = stream
        for number in [n for n, old in self._streams.items() if old.finished]:
            if len(self._streams) <= MAX_STREAMS:
                break
            del self._streams[number]
        return stream

    def find(self, event_id: str) -> tuple[EventStream, int] | None:
        """The stream of an event id and the event's number; ``None`` when it is not known."""
        parts = event_id.split("-")
        if len(parts) != 3 or len(event_id) > 40 or parts[0] != self._name:
            return None
        if not all(part.isascii() and part.isdigit() for part in parts[1:]):
            return None
        _, number, event = parts
        stream = self.standalone if int(number) == 0 else self._streams.get(int(number))
        return None if stream is None else (stream, int(event))

    def close(self) -> None:
        """The session has ended: every stream is finished."""
        for stream in [self.standalone, *self._streams.values()]:
            if not stream.finished:
                stream.finish()
        self._streams.clear()
