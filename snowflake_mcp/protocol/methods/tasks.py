"""``tasks/get``, ``tasks/update`` and ``tasks/cancel``."""

from collections.abc import Callable, Mapping
from typing import Any

from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError
from snowflake_mcp.protocol.tasks import Task, TaskBoard, require_tasks

__all__ = ["TaskMethods"]


class TaskMethods:
    """The methods of the tasks extension; reactor thread only."""

    def __init__(
        self, board: TaskBoard, resume: Callable[[str, RequestContext], Task | None]
    ) -> None:
        self._board = board
        self._resume = resume

    async def get(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """How the task is, with its result when it has one."""
        return self._find(params, context).detailed()

    async def update(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """Answers to the task's questions."""
        task = self._find(params, context)
        responses = params.get("inputResponses")
        if not isinstance(responses, dict):
            raise McpError(INVALID_PARAMS, "Invalid params: inputResponses must be an object")
        task.update(responses)
        return {}

    async def cancel(self, params: Mapping[str, Any], context: RequestContext) -> dict[str, Any]:
        """Stop the task; how it ends is seen by asking for it."""
        self._find(params, context).cancel()
        return {}

    def _find(self, params: Mapping[str, Any], context: RequestContext) -> Task:
        require_tasks(context.facts.capabilities)
        task_id = params.get("taskId")
        if not isinstance(task_id, str):
            raise McpError(INVALID_PARAMS, "Invalid params: taskId must be a string")
        found = self._board.find(task_id, context.facts.principal)
        task = found if found is not None else self._resume(task_id, context)
        if task is None:
            raise McpError(INVALID_PARAMS, "Unknown task: it may have expired")
        return task
