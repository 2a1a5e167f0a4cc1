"""Whether the server says that it is ready, by what an operator has closed."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings
from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.status import Status


class Parts:
    """Whatever a part is asked, all is well."""

    breaker = SimpleNamespace(state="closed")

    def snapshot(self) -> dict[str, Any]:
        return {"lane": {"running": 0, "waiting": 0}}

    async def check(self) -> tuple[bool, str]:
        return True, "it answers"

    def ready(self) -> tuple[bool, str]:
        return True, "it is"


@pytest.mark.parametrize(
    ("doors", "stopping", "ready", "detail"),
    [
        (Doors(), False, True, "accepting"),
        (Doors(), True, False, "stopping"),
        (Doors(draining=True), False, False, "draining"),
        (Doors(maintenance="soon"), False, True, "in maintenance"),
        (Doors(draining=True, maintenance="soon"), False, False, "draining"),
    ],
)
def test_a_drain_is_not_ready_and_maintenance_is(
    doors: Doors, stopping: bool, ready: bool, detail: str
) -> None:
    """Load balancers send nobody to a drained server; agents must reach a message."""
    part: Any = Parts()
    status = Status(
        config=Config(ConnectionSettings("demo", Backend.DEMO)),
        clock=Clock(),
        wall_clock=lambda: 0.0,
        kernel=part,
        warehouse=part,
        metrics=part,
        judges=part,
        ledger=part,
        doors=doors,
    )
    status.stopping = stopping
    answers: list[Any] = []
    Deferred.fromCoroutine(status.ready()).addCallback(answers.append)
    ((ok, checks),) = answers
    (serving,) = [check for check in checks if check.name == "serving"]
    assert (ok, serving.ok, serving.detail) == (ready, ready, detail)
