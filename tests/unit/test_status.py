"""Whether the server says that it is ready, degraded or not ready, and by which checks."""

import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import AuditSettings, Backend, Config, ConnectionSettings
from snowflake_mcp.ops.disk import LITTLE_BYTES
from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.status import Status
from snowflake_mcp.transports.probes import Check


class Parts:
    """Whatever a part is asked, all is well, unless the test says otherwise."""

    checked_s_ago = 7.31

    def __init__(self) -> None:
        self.lane = {"running": 3, "waiting": 0, "max_running": 16, "max_waiting": 10}
        self.pool = {"leased": 3, "idle": 2, "waiting": 0}
        self.breaker = SimpleNamespace(state="closed")
        self.reachable = True

    def snapshot(self) -> dict[str, Any]:
        return {"lane": self.lane, "pool": self.pool}

    async def check(self) -> tuple[bool, str]:
        return self.reachable, "it answers"

    def ready(self) -> tuple[bool, str]:
        return True, "it is"


def answer(
    part: Any, doors: Doors | None = None, *, stopping: bool = False, **places: Any
) -> tuple[bool, dict[str, Check]]:
    """Whether it is ready, and the checks by their names."""
    audit = AuditSettings(file=places.pop("audit", ""))
    status = Status(
        config=Config(ConnectionSettings("demo", Backend.DEMO), audit=audit),
        clock=Clock(),
        wall_clock=lambda: 0.0,
        kernel=part,
        warehouse=part,
        metrics=places.pop("metrics", Metrics()),
        judges=part,
        ledger=part,
        doors=doors,
        **places,
    )
    status.stopping = stopping
    answers: list[tuple[bool, Sequence[Check]]] = []
    Deferred.fromCoroutine(status.ready()).addCallback(answers.append)
    ((ok, checks),) = answers
    return ok, {check.name: check for check in checks}


def failing(checks: dict[str, Check]) -> dict[str, bool]:
    """What is not as it should be, and whether that is vital."""
    return {name: check.vital for name, check in checks.items() if not check.ok}


@pytest.mark.parametrize(
    ("doors", "stopping", "ready", "serves", "detail"),
    [
        (Doors(), False, True, True, "accepting"),
        (Doors(), True, False, False, "stopping"),
        (Doors(draining=True), False, False, False, "draining"),
        (Doors(maintenance="soon"), False, True, False, "in maintenance"),
        (Doors(draining=True, maintenance="soon"), False, False, False, "draining"),
    ],
)
def test_a_drain_is_not_ready_and_maintenance_is(
    doors: Doors, stopping: bool, ready: bool, serves: bool, detail: str
) -> None:
    """Load balancers send nobody to a drained server; agents must reach a message."""
    ok, checks = answer(Parts(), doors, stopping=stopping)
    serving = checks["serving"]
    assert (ok, serving.ok, serving.detail) == (ready, serves, detail)


def test_every_check_is_there_and_says_how_old_it_is() -> None:
    """What Snowflake said is some seconds old; of its own parts the server knows now."""
    ok, checks = answer(Parts())
    assert ok
    assert list(checks) == ["snowflake", "gate", "lane", "pool", "breaker", "disk", "serving"]
    assert failing(checks) == {}
    ages = {name: check.age_s for name, check in checks.items()}
    assert ages == {**dict.fromkeys(checks, 0.0), "snowflake": 7.3}
    assert checks["lane"].detail == "3 of 16 running, 0 of 10 waiting"
    assert checks["pool"].detail == "3 in use, 2 idle, 0 calls waiting"
    assert checks["disk"].detail == "no file is written"


@pytest.mark.parametrize(
    ("waiting", "most", "expected"),
    [
        (4, 10, {}),
        (5, 10, {"lane": False}),
        (10, 10, {"lane": True}),
        (0, 0, {}),
    ],
)
def test_a_queue_is_degraded_before_it_is_full(
    waiting: int, most: int, expected: dict[str, bool]
) -> None:
    """Without a queue there is none that could be full."""
    part = Parts()
    part.lane.update(waiting=waiting, max_waiting=most)
    ok, checks = answer(part)
    assert failing(checks) == expected
    assert ok is not expected.get("lane", False)


def test_calls_that_wait_for_a_session_are_degraded() -> None:
    """They are served, later."""
    part = Parts()
    part.pool["waiting"] = 1
    ok, checks = answer(part)
    assert (ok, failing(checks)) == (True, {"pool": False})


@pytest.mark.parametrize(
    ("state", "ready", "expected"),
    [("open", False, {"breaker": True}), ("half open", True, {"breaker": False})],
)
def test_a_breaker_that_is_half_open_must_be_tried(
    state: str, ready: bool, expected: dict[str, bool]
) -> None:
    """So the server is degraded, and sent to; open it is neither."""
    part = Parts()
    part.breaker.state = state
    ok, checks = answer(part)
    assert (ok, failing(checks)) == (ready, expected)


def test_snowflake_is_vital() -> None:
    """Without it nothing is answered."""
    part = Parts()
    part.reachable = False
    ok, checks = answer(part)
    assert (ok, failing(checks)) == (False, {"snowflake": True})


def test_little_room_is_degraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It serves on; the folder is told by what is written there, in metrics as well."""
    asked = []

    def statvfs(folder: Path) -> Any:
        asked.append(folder)
        free = LITTLE_BYTES if "audit" in str(folder) else LITTLE_BYTES - 1
        return SimpleNamespace(f_bavail=free, f_frsize=1)

    monkeypatch.setattr(os, "statvfs", statvfs)
    metrics = Metrics()
    ok, checks = answer(
        Parts(), audit="/var/audit/a.jsonl", state_file=Path("/var/lib/x/u.json"), metrics=metrics
    )
    assert (ok, failing(checks)) == (True, {"disk": False})
    assert checks["disk"].detail == "state: 63 MiB free, audit: 64 MiB free"
    assert asked == [Path("/var/lib/x"), Path("/var/audit")]
    (sample,) = [each for each in metrics.samples() if each.family.name == "disk_free_bytes"]
    assert sample.values == {("state",): LITTLE_BYTES - 1, ("audit",): LITTLE_BYTES}
