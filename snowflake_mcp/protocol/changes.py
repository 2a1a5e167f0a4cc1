"""What changed on the server, told to those who asked to hear it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["LIST_CHANGED", "Change", "Changes", "Kind"]

Kind = Literal["tools", "prompts", "resources", "resource"]

LIST_CHANGED: Final[dict[Kind, str]] = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A list that changed, or one resource that did."""

    kind: Kind
    uri: str = ""
    profile: str | None = None
    """The callers whom it concerns, by their table; ``None``: all."""

    @property
    def method(self) -> str:
        """The notification that tells it."""
        return LIST_CHANGED.get(self.kind, "notifications/resources/updated")

    @property
    def params(self) -> dict[str, Any]:
        """The notification's params."""
        return {"uri": self.uri} if self.kind == "resource" else {}


@dataclass(frozen=True, slots=True)
class _Listener:
    heard: Callable[[Change], None]
    closed: Callable[[], None]
    profile: str


class Changes:
    """The hub between what changes and who listens; reactor thread only."""

    def __init__(self) -> None:
        self._listeners: dict[int, _Listener] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._listeners)

    def listen(
        self,
        heard: Callable[[Change], None],
        closed: Callable[[], None] = lambda: None,
        profile: str = "",
    ) -> Callable[[], None]:
        """Hear what concerns callers of a table from now on; call the result to stop hearing.

        ``closed`` is called when the server ends all listening because it stops.
        """
        self._next += 1
        key = self._next
        self._listeners[key] = _Listener(heard, closed, profile)

        def stop() -> None:
            self._listeners.pop(key, None)

        return stop

    def publish(self, changes: Iterable[Change]) -> None:
        """Tell changes; the same change told twice in one go is told once."""
        for change in dict.fromkeys(changes):
            for listener in list(self._listeners.values()):
                if change.profile in (None, listener.profile):
                    listener.heard(change)

    def close(self) -> None:
        """End all listening."""
        listeners, self._listeners = self._listeners, {}
        for listener in listeners.values():
            listener.closed()
