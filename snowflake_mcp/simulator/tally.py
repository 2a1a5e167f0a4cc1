"""What tests ask of an endpoint: what came in, what runs, what was stopped."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from snowflake_mcp.simulator.frontdesk import FrontDesk
from snowflake_mcp.simulator.reuse import Reuse
from snowflake_mcp.simulator.statements import Docket, Statement

__all__ = ["Tally"]

_KEPT_ABORTS: Final = 1_000


@dataclass(slots=True)
class Tally:
    """Counts since the start or the last :meth:`clear`; reactor thread only."""

    desk: FrontDesk
    docket: Docket
    reuse: Reuse
    wall: Callable[[], float]
    """Seconds since 1970."""
    requests: Counter[str] = field(default_factory=Counter)
    logins: Counter[str] = field(default_factory=Counter)
    aborts: deque[dict[str, object]] = field(default_factory=lambda: deque(maxlen=_KEPT_ABORTS))

    def clear(self) -> None:
        """Begin to count anew."""
        self.requests.clear()
        self.logins.clear()
        self.aborts.clear()
        self.docket.ended.clear()
        self.reuse.hits = 0

    def abort(self, way: str, statement: Statement | None) -> None:
        """An abort was asked for."""
        self.aborts.append(
            {
                "at": self.wall(),
                "by": way,
                "query_id": "" if statement is None else statement.query_id,
                "state": "" if statement is None else statement.state.value,
            }
        )

    def told(self) -> dict[str, object]:
        """Everything, as JSON."""
        running = self.docket.unended()
        return {
            "now": self.wall(),
            "requests": dict(self.requests),
            "logins": {name: self.logins[name] for name in ("succeeded", "failed")},
            "aborts": list(self.aborts),
            "running": [
                {
                    "query_id": statement.query_id,
                    "user": statement.owner.user,
                    "session_id": statement.owner.number,
                    "state": statement.state.value,
                    "tag": statement.tag,
                    "submitted_at": statement.submitted_at,
                }
                for statement in running
            ],
            "reused": self.reuse.hits,
            "ended": dict(self.docket.ended),
            "sessions": self.desk.sessions(),
        }
