"""Whether new tool calls are let in: an operator may close the doors without a stop."""

from dataclasses import dataclass
from typing import Any, Final

__all__ = ["MAX_MESSAGE_CHARS", "Doors"]

MAX_MESSAGE_CHARS: Final = 500


@dataclass(slots=True)
class Doors:
    """What the operator has closed; reactor thread only. A restart opens them again.

    Draining is for load balancers: the server says that it is not ready, so that they send
    everybody elsewhere. Maintenance is for people: the server stays ready, so that agents still
    reach it and read the message.
    """

    draining: bool = False
    maintenance: str | None = None
    """What agents are told; ``None``: no maintenance."""

    @property
    def closed(self) -> bool:
        """Whether new tool calls are refused."""
        return self.draining or self.maintenance is not None

    def begin_maintenance(self, message: str) -> None:
        """Refuse tool calls with this message from now on.

        Raises:
            ValueError: it is empty or too long.
        """
        if not message.strip() or len(message) > MAX_MESSAGE_CHARS:
            raise ValueError(f"the message has 1 to {MAX_MESSAGE_CHARS} characters")
        text = " ".join(message.split())
        # Agents and terminals read it: nothing in it may be more than a character.
        self.maintenance = "".join(ch if ch.isprintable() else "?" for ch in text)

    def snapshot(self) -> dict[str, Any]:
        """For /status and the admin surface."""
        return {"draining": self.draining, "maintenance": self.maintenance}
