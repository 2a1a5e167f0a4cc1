"""What the parts of the server know of themselves, made visible as metrics."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.ops import logs
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.policy.judges import Judges
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.version import VERSION
from snowflake_mcp.warehouse.directory import Directory
from snowflake_mcp.warehouse.service import Warehouse

__all__ = ["watch_parts"]

_CONNECTION_STATES: Final = ("ok", "paused", "untried")
_SESSION_STATES: Final = ("idle", "leased", "kept", "opening")


def watch_parts(
    metrics: Metrics,
    clock: IReactorTime,
    kernel: Kernel,
    warehouse: Warehouse,
    judges: Judges,
    directory: Directory,
) -> None:
    """Let ``metrics`` ask the parts for their numbers whenever somebody wants to see them."""
    began = clock.seconds()

    def of(part: str, name: str) -> Callable[[], float]:
        return lambda: float(warehouse.part(part)[name])

    def judged(name: str) -> Callable[[], float]:
        return lambda: float(str(judges.snapshot()[name]))

    python = ".".join(map(str, sys.version_info[:2]))
    metrics.watch("build_info", lambda: {(VERSION, python): 1.0})
    metrics.watch_one("uptime_seconds", lambda: clock.seconds() - began)
    metrics.watch_one("requests_running", lambda: kernel.running)
    metrics.watch_one("client_sessions", lambda: len(kernel.live_sessions))
    metrics.watch_one("lane_running", of("lane", "running"))
    metrics.watch_one("lane_waiting", of("lane", "waiting"))
    metrics.watch_one("lane_places", of("lane", "max_running"))
    metrics.watch_one("threads_busy", of("threads", "busy"))
    metrics.watch_one("threads_max", of("threads", "max"))
    metrics.watch_one("sessions_opened", of("pool", "opened"))
    metrics.watch_one("sessions_closed", of("pool", "closed"))
    metrics.watch(
        "sessions",
        lambda: {(state,): float(warehouse.part("pool")[state]) for state in _SESSION_STATES},
    )
    metrics.watch(
        "logins",
        lambda: {
            ("ok",): float(warehouse.part("pool")["logins"]),
            ("failed",): float(warehouse.part("pool")["failed_logins"]),
        },
    )
    metrics.watch("snowflake_connections", lambda: _states(warehouse))
    metrics.watch_one("breaker_open", of("breakers", "open"))
    metrics.watch_one("breaker_opened", of("breakers", "opened"))
    metrics.watch_one("catalog_objects", lambda: directory.objects)
    metrics.watch_one("gate_children", judged("ready"))
    metrics.watch_one("gate_waiting", judged("waiting"))
    metrics.watch_one("gate_late", judged("late"))
    metrics.watch_one("gate_ended", judged("died"))
    metrics.watch_one("log_lines_lost", logs.lost_lines)


def _states(warehouse: Warehouse) -> dict[tuple[str, ...], float]:
    states = Counter(str(each["state"]) for each in warehouse.part("connections").values())
    return {(state,): float(states[state]) for state in _CONNECTION_STATES}
