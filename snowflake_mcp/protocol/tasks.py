"""The tasks extension: calls that outlive their request (``io.modelcontextprotocol/tasks``).

A tool decides to go on in the background; the client is given a task to ask about instead of a
result, and only if it has declared the extension on that very request (SEP-2663).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from twisted.internet.defer import Deferred

from snowflake_mcp.protocol.errors import MISSING_CAPABILITY, McpError
from snowflake_mcp.protocol.inputs import Question
from snowflake_mcp.protocol.principal import Principal

__all__ = [
    "EXTENSION",
    "Handle",
    "Task",
    "TaskBoard",
    "TaskTokens",
    "declares_tasks",
    "require_tasks",
]

EXTENSION: Final = "io.modelcontextprotocol/tasks"
TTL_MS: Final = 3_600_000
"""A task can be asked about for an hour after its last change, and while it runs."""
RESULTS_KEPT_S: Final = 86_400.0
"""Snowflake keeps a result for a day."""
MAX_ID_CHARS: Final = 2_048
POLL_MS: Final = 1_000
MAX_TASKS: Final = 500
"""When so many are kept, calls are answered the ordinary way instead."""

Status = Literal["working", "input_required", "completed", "cancelled", "failed"]


def declares_tasks(capabilities: Mapping[str, Any]) -> bool:
    """Whether a request's capabilities hold the extension."""
    extensions = capabilities.get("extensions")
    return isinstance(extensions, dict) and EXTENSION in extensions


def require_tasks(capabilities: Mapping[str, Any]) -> None:
    """Let only clients with the extension pass.

    Raises:
        McpError: -32021.
    """
    if not declares_tasks(capabilities):
        raise McpError(
            MISSING_CAPABILITY,
            "The client has not declared the tasks extension",
            {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
            status=400,
        )


class Handle(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is needed to take a call up again in another process: its Snowflake statement."""

    tool: str
    query_id: str
    arguments: dict[str, Any]
    """Of the tool, in a form that says how to read the result, without the SQL."""


class _Claims(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    principal: str
    created: float
    nonce: str
    handle: Handle


class TaskTokens:
    """Task ids that carry their handle, signed; pure, any thread.

    Any process with the key can take such a task up, for as long as Snowflake keeps results.
    """

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"task" + key).digest()

    def seal(self, principal: Principal, created: float, handle: Handle) -> str:
        """An id, in characters that an HTTP header carries."""
        claims = _Claims(principal.name, created, secrets.token_hex(8), handle)
        body = base64.urlsafe_b64encode(msgspec.json.encode(claims)).decode()
        return f"q-{body}.{self._tag(body)}"

    def open(self, task_id: str, principal: Principal, now: float) -> tuple[float, Handle] | None:
        """When it was created and its handle; ``None``: forged, expired or another's."""
        body, _, tag = task_id.removeprefix("q-").partition(".")
        try:
            if len(task_id) > MAX_ID_CHARS or not hmac.compare_digest(tag, self._tag(body)):
                return None
            claims = msgspec.json.decode(base64.urlsafe_b64decode(body), type=_Claims)
        except (ValueError, TypeError, binascii.Error, msgspec.DecodeError):
            return None
        if claims.principal != principal.name or claims.created + RESULTS_KEPT_S < now:
            return None
        return claims.created, claims.handle

    def _tag(self, body: str) -> str:
        return hmac.digest(self._key, body.encode(), hashlib.sha256).hex()[:48]


class Task:
    """One call in the background; reactor thread only."""

    def __init__(
        self,
        task_id: str,
        principal: Principal,
        now: Callable[[], float],
        stop: Callable[[], None],
    ) -> None:
        self.id = task_id
        self.principal = principal
        self.status: Status = "working"
        self.message = ""
        self._now = now
        self._stop = stop
        self._result: Mapping[str, Any] | None = None
        self._error: Mapping[str, Any] | None = None
        self._questions: dict[str, Question] = {}
        self._answers: dict[str, Deferred[Any]] = {}
        self._asked = 0
        self.created = self.updated = now()

    @property
    def ended(self) -> bool:
        """Whether it has come to its end, whichever."""
        return self.status in ("completed", "cancelled", "failed")

    def seed(self) -> dict[str, Any]:
        """What every answer says of the task."""
        wire: dict[str, Any] = {
            "taskId": self.id,
            "status": self.status,
            "createdAt": _stamp(self.created),
            "lastUpdatedAt": _stamp(self.updated),
            "ttlMs": TTL_MS,
            "pollIntervalMs": POLL_MS,
        }
        if self.message:
            wire["statusMessage"] = self.message
        return wire

    def detailed(self) -> dict[str, Any]:
        """The seed with what the status brings: a result, an error, or open questions."""
        wire = self.seed()
        if self._result is not None:
            wire["result"] = self._result
        if self._error is not None:
            wire["error"] = self._error
        if self._questions:
            wire["inputRequests"] = {
                key: {"method": question.method, "params": dict(question.params)}
                for key, question in self._questions.items()
            }
        return wire

    async def ask(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """Wait for the client's answers; keys are made unique over the task's life."""
        self._asked += 1
        keys = {key: f"{key}-{self._asked}" for key in questions}
        for key, question in questions.items():
            self._questions[keys[key]] = question
            self._answers[keys[key]] = Deferred()
        waiting = {key: self._answers[keys[key]] for key in questions}
        self._turn("input_required")
        try:
            return {key: await answer for key, answer in waiting.items()}
        finally:
            for key in keys.values():
                self._questions.pop(key, None)
                self._answers.pop(key, None)

    def update(self, responses: Mapping[str, Any]) -> None:
        """Take answers; those to no open question are ignored."""
        for key, response in responses.items():
            if self._questions.pop(key, None) is not None:
                answer = self._answers[key]
                if not self._questions:
                    self._turn("working")
                answer.callback(response)

    def cancel(self) -> None:
        """Stop the work; a task that has ended ignores it."""
        if not self.ended:
            self._stop()

    def complete(self, result: Mapping[str, Any]) -> None:
        """The call has a result, a failed one included."""
        self._result = result
        self._turn("completed")

    def fail(self, error: McpError) -> None:
        """The call met a protocol error."""
        self._error = error.to_wire()
        self._turn("failed")

    def end_cancelled(self) -> None:
        """The call was cancelled."""
        self._turn("cancelled")

    def _turn(self, status: Status) -> None:
        self.status = status
        self.updated = self._now()


class TaskBoard:
    """The tasks of this process by id; reactor thread only. ``now`` is the time of day."""

    def __init__(self, now: Callable[[], float], tokens: TaskTokens) -> None:
        self._now = now
        self._tokens = tokens
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tasks)

    def open(
        self, principal: Principal, stop: Callable[[], None], handle: Handle | None = None
    ) -> Task | None:
        """A new task, or ``None`` when too many are kept already.

        When there is no room, a principal with more tasks gives up one that has ended.
        """
        if handle is None:
            task_id = f"task-{secrets.token_urlsafe(24)}"
        else:
            task_id = self._tokens.seal(principal, self._now(), handle)
        return self._keep(Task(task_id, principal, self._now, stop))

    def restore(
        self, task_id: str, principal: Principal, created: float, stop: Callable[[], None]
    ) -> Task | None:
        """A task that another process began, to be taken up here."""
        task = Task(task_id, principal, self._now, stop)
        task.created = created
        return self._keep(task)

    def find(self, task_id: str, principal: Principal) -> Task | None:
        """A task of this principal that is known here; another's looks like none."""
        self._forget_old()
        task = self._tasks.get(task_id)
        return task if task is not None and task.principal == principal else None

    def elsewhere(self, task_id: str, principal: Principal) -> tuple[float, Handle] | None:
        """What is needed to take up a task that is not known here, if its id allows it."""
        return self._tokens.open(task_id, principal, self._now())

    def _keep(self, task: Task) -> Task | None:
        self._forget_old()
        if len(self._tasks) >= MAX_TASKS and not self._make_room(task.principal):
            return None
        self._tasks[task.id] = task
        return task

    def _make_room(self, principal: Principal) -> bool:
        """Forget an ended task of whoever has most; False: that is this one, or all of it runs."""
        owned = Counter(task.principal.name for task in self._tasks.values())
        crowd, most = owned.most_common(1)[0]
        if most <= owned[principal.name] + 1:
            return False
        ended = (
            task_id
            for task_id, task in self._tasks.items()
            if task.principal.name == crowd and task.ended
        )
        oldest = next(ended, None)
        if oldest is not None:
            del self._tasks[oldest]
        return oldest is not None

    def _forget_old(self) -> None:
        limit = self._now() - TTL_MS / 1000
        for task_id in [i for i, task in self._tasks.items() if task.updated < limit]:
            if self._tasks[task_id].ended:
                del self._tasks[task_id]


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
