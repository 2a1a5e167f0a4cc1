"""Worker threads that move one step at a time, and a driver whose every call is such a step.

The test's own thread plays the reactor: nothing happens that it did not choose, so that every
order in which threads, the reactor, Snowflake and the client can meet is found by choosing, and
any order can be played again.
"""

import itertools
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock

__all__ = ["FakeConnection", "FakeSnowflake", "Stage", "SteppedReactor"]

_STUCK_S = 10.0


class Stage:
    """Where worker threads wait for their turn."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._parked: dict[int, tuple[str, threading.Event]] = {}
        self._numbers = itertools.count()
        self._moving = 0
        self.free = False
        """Nobody waits any more: for the end of a test."""

    def entering(self) -> None:
        """A job is given to a thread; called before it starts."""
        with self._changed:
            self._moving += 1

    def leaving(self) -> None:
        """A job's result has been told to the reactor."""
        with self._changed:
            self._moving -= 1
            self._changed.notify_all()

    def park(self, where: str) -> None:
        """Worker threads: wait to be moved on."""
        turn = threading.Event()
        with self._changed:
            if self.free:
                return
            self._parked[next(self._numbers)] = (where, turn)
            self._moving -= 1
            self._changed.notify_all()
        assert turn.wait(_STUCK_S), f"nobody moved {where} on"

    def parked(self) -> list[tuple[int, str]]:
        """Who waits, once nobody moves."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._moving == 0, _STUCK_S), "a thread is lost"
            return [(number, where) for number, (where, _) in sorted(self._parked.items())]

    def move(self, number: int) -> None:
        """Let one thread go on to its next step, and wait until it is there."""
        with self._changed:
            _, turn = self._parked.pop(number)
            self._moving += 1
        turn.set()
        self.parked()


class SteppedReactor(Clock):
    """A clock, and a queue of what threads want done on the reactor thread."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self._posts: queue.SimpleQueue[tuple[Callable[..., object], tuple[object, ...]]] = (
            queue.SimpleQueue()
        )

    def callFromThread(self, call: Callable[..., object], /, *args: object) -> None:
        """As a reactor's."""
        self._posts.put((call, args))

    @property
    def posted(self) -> bool:
        """Whether something waits to be done."""
        return not self._posts.empty()

    @property
    def due(self) -> bool:
        """Whether something waits for the end of this turn."""
        return any(call.getTime() <= self.seconds() for call in self.getDelayedCalls())

    def end_turn(self) -> None:
        """Do what waits for that."""
        self.advance(0)

    def turn(self) -> None:
        """Do the oldest of it."""
        call, args = self._posts.get_nowait()
        call(*args)


@dataclass
class FakeSnowflake:
    """Statements by id: their state is what the test, or an abort, makes it."""

    stage: Stage
    states: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    lookups: dict[str, str] = field(default_factory=dict)
    """Of the query history, which answers at once: by their id, the id that they ask for."""
    opened: int = 0
    closed: int = 0

    def submit(self, sql: str, parameters: Mapping[str, Any]) -> str:
        """A new statement runs."""
        query_id = f"01b00000-0000-0000-0000-{len(self.states):012d}"
        self.states[query_id] = "RUNNING"
        self.tags[query_id] = parameters["QUERY_TAG"]
        if "QUERY_HISTORY" in sql:
            self.states[query_id] = "SUCCESS"
            self.lookups[query_id] = sql.split("'")[-2]
        return query_id

    def end(self, query_id: str, state: str) -> bool:
        """Only what runs can end."""
        if self.states[query_id] != "RUNNING":
            return False
        self.states[query_id] = state
        return True

    def finish_one(self) -> bool:
        """The oldest statement that runs ends well."""
        running = [query_id for query_id, state in self.states.items() if state == "RUNNING"]
        return bool(running) and self.end(running[0], "SUCCESS")


class FakeConnection:
    """A session whose every call is a step."""

    def __init__(self, snowflake: FakeSnowflake) -> None:
        self.snowflake = snowflake
        self._async_sfqids: dict[str, None] = {}
        self.messages: list[object] = []
        snowflake.opened += 1

    def cursor(self, _kind: object = None) -> "_Cursor":
        """A cursor."""
        return _Cursor(self.snowflake)

    def get_query_status(self, query_id: str) -> Any:
        """Its state now."""
        self.snowflake.stage.park("status")
        return SimpleNamespace(name=self.snowflake.states[query_id])

    def is_still_running(self, status: Any) -> bool:
        """Whether a state is no end."""
        return bool(status.name == "RUNNING")

    def close(self, *, retry: bool = True) -> None:
        """Log out."""
        self.snowflake.stage.park("close")
        self.snowflake.closed += 1


class _Cursor:
    rowcount = 3
    _query_result_format = "json"

    def __init__(self, snowflake: FakeSnowflake) -> None:
        self._snowflake = snowflake
        self._left: list[list[tuple[object, ...]]] = [[(1,)], [(2,)], [(3,)]]
        self.description: list[Any] | None = None

    def execute_async(
        self, sql: str, *, num_statements: int, _statement_params: dict[str, Any]
    ) -> dict[str, str]:
        assert num_statements == 1
        self._snowflake.stage.park("submit")
        query_id = self._snowflake.submit(sql, _statement_params)
        self._snowflake.stage.park("submitted")
        return {"queryId": query_id}

    def query_result(self, query_id: str) -> None:
        self._snowflake.stage.park("poll")
        state = self._snowflake.states[query_id]
        if state == "RUNNING":
            raise KeyError("data")
        if state == "ABORTED":
            from snowflake.connector.errors import ProgrammingError

            raise ProgrammingError("SQL execution canceled", errno=604, sqlstate="57014")
        if (wanted := self._snowflake.lookups.get(query_id)) is not None:
            self._left = [[(self._snowflake.tags[wanted],)]]
        self.description = [
            SimpleNamespace(
                name="N", type_code=0, precision=38, scale=0, internal_size=None, is_nullable=True
            )
        ]

    def fetchmany(self, _size: int) -> list[tuple[object, ...]]:
        self._snowflake.stage.park("fetch")
        return self._left.pop(0) if self._left else []

    def abort_query(self, query_id: str) -> bool:
        self._snowflake.stage.park("abort")
        ended = self._snowflake.end(query_id, "ABORTED")
        self._snowflake.stage.park("aborted")
        return ended

    def close(self) -> None:
        self._snowflake.stage.park("close cursor")
