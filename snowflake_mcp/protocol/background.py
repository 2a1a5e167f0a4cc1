"""How a call leaves its request and becomes a task, and how the task ends."""

from functools import partial

from twisted.python.failure import Failure

from snowflake_mcp.protocol import eras
from snowflake_mcp.protocol.answers import MethodResult, ServerIdentity, shape
from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.jsonrpc import Request, encode_result
from snowflake_mcp.protocol.settlement import settle
from snowflake_mcp.protocol.tasks import Handle, Task, TaskBoard, declares_tasks

__all__ = ["Background", "nowhere"]


class Background:
    """The calls that go on as tasks; reactor thread only."""

    def __init__(self, board: TaskBoard, identity: ServerIdentity) -> None:
        self.board = board
        self._identity = identity

    def detach(
        self,
        request: Request,
        call: Call[Reply | None],
        handle: Handle | None,
    ) -> Task | None:
        """Answer the request with a task, and let its work go on.

        ``None`` where that cannot be: another method than tools/call, another era, a client
        that did not declare the extension, or too many tasks.
        """
        context = call.context
        facts = context.facts
        if context.task is not None:
            return context.task
        if not eras.is_stateless(facts.version) or not declares_tasks(facts.capabilities):
            return None
        if context.cancel_reason is not None or request.method != "tools/call":
            return None
        task = self.board.open(facts.principal, partial(call.cancel, "client"), handle)
        if task is not None:
            context.task = task
            context.send = nowhere
            seed = {**task.seed(), "resultType": "task"}
            shaped = shape(request.method, seed, facts.version, self._identity)
            call.answer(Reply(encode_result(request.id, shaped)))
        return task

    def end(self, context: RequestContext, task: Task, outcome: MethodResult | Failure) -> None:
        """The work of a task has ended."""
        settled = settle(context, outcome)
        if settled is None:
            task.end_cancelled()
        elif isinstance(settled, McpError):
            task.fail(settled)
        else:
            task.complete(shape("tools/call", settled, context.facts.version, self._identity))


def nowhere(_: bytes) -> None:
    """The channel of a call that cannot be told anything but its reply."""
