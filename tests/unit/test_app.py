"""The composition root: what is built, in which order, and that building starts nothing."""

import gc
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger, capturedLogs, formatEvent

from snowflake_mcp import app
from snowflake_mcp.app import network_services, stdio_services
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    PolicySettings,
    RateSettings,
)
from snowflake_mcp.core import Core
from snowflake_mcp.ops import logs
from snowflake_mcp.ops.logfile import LogFile
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.errors import BUSY
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.services import Interpreter, WarehouseService

DEMO = load(Flags(ports=("9999",)), {})
ACCOUNT = replace(
    DEMO,
    connection=ConnectionSettings("prod", Backend.SNOWFLAKE, MappingProxyType({"account": "a"})),
)


class Answering:
    """A warehouse that says how it is when the test wants."""

    def __init__(self) -> None:
        self.answer: Deferred[tuple[bool, str]] = Deferred()
        self.story: list[str] = []

    def start(self) -> None:
        self.story.append("start")

    async def check(self) -> tuple[bool, str]:
        self.story.append("check")
        return await self.answer

    def keep_warm(self) -> None:
        self.story.append("keep warm")

    async def stop(self, limit_s: float) -> None:
        self.story.append(f"stop {limit_s}")


def service(warehouse: Any, *, log_in: bool = True) -> WarehouseService:
    return WarehouseService(warehouse, 5.0, log_in=log_in)


@pytest.mark.parametrize("config", [DEMO, ACCOUNT])
def test_building_starts_nothing(config: Config) -> None:
    """Services are made before twistd forks: no thread, socket, timer or process yet."""
    reactor = MemoryReactorClock()
    before = threading.active_count()
    network_services(config, reactor)
    stdio_services(config, reactor, lambda: None)
    assert threading.active_count() == before
    assert (reactor.tcpServers, reactor.getDelayedCalls()) == ([], [])


@pytest.mark.parametrize("config", [DEMO, ACCOUNT])
def test_the_order_of_the_stages(config: Config) -> None:
    """The listener starts last and stops first; the warehouse outlives the clients."""
    demo = ["demo warehouse"] if config.is_demo else []
    services = network_services(config, MemoryReactorClock())
    assert [stage.name for stage in services._stages] == [
        "log lines",
        "interpreter",
        "audit",
        "reactor lag",
        "gate",
        "charts",
        "exports",
        *demo,
        "warehouse",
        "catalog watch",
        "trend",
        "callers",
        "clients",
        "listener",
        "signals",
        "systemd",
    ]


def test_what_only_its_user_can_check_is_a_value_error() -> None:
    """The tap turns it into one line and status 1."""
    bad_port = replace(DEMO, http=replace(DEMO.http, endpoints=("70000",)))
    bad_grant = replace(DEMO, policy=PolicySettings(("teleport",)))
    for config in (bad_port, bad_grant):
        with pytest.raises(ValueError, match=r"70000|teleport"):
            network_services(config, MemoryReactorClock())


def test_the_demo_is_announced_to_the_model() -> None:
    """Nobody mistakes demo data for real data, and nobody doubts real data."""
    demo, account = Core(DEMO, MemoryReactorClock()), Core(ACCOUNT, MemoryReactorClock())
    assert "Demo data" in demo.kernel._identity.instructions(LOCAL)
    assert "Demo data" not in account.kernel._identity.instructions(LOCAL)


def test_rates_are_held_and_what_was_used_is_kept(tmp_path: Path) -> None:
    """A configured rate refuses the second request; a configured file keeps the ledger."""
    rates = RateSettings(requests_per_s=0.01, burst_requests=1, state_file=str(tmp_path / "u"))
    core = Core(replace(DEMO, rates=rates), MemoryReactorClock())
    facts = Facts("stdio", LOCAL, "2025-11-25")
    answers: list[Any] = []
    for number in range(2):
        asked = Request(number, "tools/list", {})
        core.kernel.start(asked, facts, print).reply.addCallback(answers.append)
    assert [answer.error_code for answer in answers] == [None, BUSY]
    assert "state file" in [stage.name for stage in core.stages()]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("reachable", [True, False])
def test_the_operator_hears_at_start_how_snowflake_is(reachable: bool) -> None:
    """One login, one line, and the long-lived objects leave the collector's sight."""
    warehouse = Answering()
    try:
        with capturedLogs() as events:
            service(warehouse).startService()
            warehouse.answer.callback((reachable, "the detail"))
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
    assert warehouse.story == ["start", "check", "keep warm"]
    (line,) = [formatEvent(event) for event in events]
    assert line == f"Snowflake is {'' if reachable else 'not '}reachable: the detail"


def test_nothing_holds_the_interpreter_for_long() -> None:
    """Threads hand it over soon, and a slice of rows is no reason to collect garbage."""
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    one = Interpreter(DEMO)
    try:
        one.startService()
        assert sys.getswitchinterval() <= 0.001
        assert gc.get_threshold()[0] >= 5_000
        one.stopService()
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*threshold)


def test_a_login_in_a_browser_waits_until_it_is_needed() -> None:
    """Starting the server opens no browser."""
    warehouse = Answering()
    service(warehouse, log_in=False).startService()
    assert warehouse.story == ["start"]
    browser = replace(ACCOUNT, connection=replace(ACCOUNT.connection, asks_somebody=True))
    for config, expected in ((browser, False), (ACCOUNT, True)):
        stages = Core(config, MemoryReactorClock()).stages()
        (built,) = [stage.service for stage in stages if stage.name == "warehouse"]
        assert isinstance(built, WarehouseService)
        assert built._log_in is expected


def test_a_stop_during_the_first_login() -> None:
    """The login is given up and the warehouse stopped."""
    warehouse = Answering()
    one = service(warehouse)
    one.startService()
    stopped = one.stopService()
    assert stopped.called
    assert warehouse.story == ["start", "check", "stop 5.0"]


@pytest.mark.parametrize("give_up", [app._exit, partial(app._crash, SimpleNamespace())])
def test_giving_up_leaves_no_line_behind(
    give_up: Callable[[int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is written before the process ends, whichever way that is."""
    monkeypatch.setattr(logs, "_shared", shared := logs._Shared())
    logs.configure(str(tmp_path / "log"), 0, 0, str(tmp_path / "access"))
    observer = logs.file_text()
    logs.begin(Clock())
    Logger("snowflake_mcp.pipeline.observe", observer=observer).info("tools/call ok")
    ended: list[str] = []

    def end(*_: object) -> None:
        ended.append((tmp_path / "access").read_text())

    monkeypatch.setattr(os, "_exit", end)
    if isinstance(give_up, partial):
        give_up.args[0].crash = end
    give_up(15)
    (written,) = ended
    assert written.endswith("tools/call ok\n")
    for stream in shared.streams:
        assert isinstance(stream, LogFile)
        stream.close()
