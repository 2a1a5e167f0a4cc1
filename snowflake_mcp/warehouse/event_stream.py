"""Server-sent events out of a response's bytes, as they come.

https://html.spec.whatwg.org/multipage/server-sent-events.html, section 9.2.6
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Event", "EventStream"]


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    name: str
    data: str


class EventStream:
    """Pieces of bytes in, whole events out; what the end cuts off is no event."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, piece: bytes) -> Iterator[Event]:
        """The events that this piece completes."""
        # A line may end in CR LF, of which a piece may bring one half.
        whole = self._rest + piece
        held = whole.endswith(b"\r")
        lines = (whole[:-1] if held else whole).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *ended, self._rest = lines.split(b"\n")
        if held:
            self._rest += b"\r"
        for line in ended:
            event = self._line(line.decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _line(self, line: str) -> Event | None:
        if not line:
            name, data = self._name or "message", self._data
            self._name, self._data = "", []
            return Event(name, "\n".join(data)) if data else None
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None
