"""The warehouse alone on a reactor of its own, told what to do on standard input.

    python -m bench.in_process

Without transports, tools and protocol around it, but with the product's settings: SNOWFLAKE_* in
the environment say where the account is. Each line in is a JSON object, and so is each line out;
the end of standard input ends the process. ``bench.inside`` holds the other end.
"""

import json
import os
import time
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver
from twisted.python.failure import Failure

from bench.lateness import Lateness
from snowflake_mcp.config.load import Flags, load
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.services import Interpreter, WarehouseService
from snowflake_mcp.tools.masks import NO_MASKS
from snowflake_mcp.tools.render import Budget, RowsCollector
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.statement import Job

__all__ = ["main"]

_STOP_S: Final = 5.0
_TIMEOUT_S: Final = 300.0


class _Counter:
    """A collector that reads every row and keeps none."""

    def __init__(self) -> None:
        self._rows = 0

    def begin(self, columns: Sequence[Column]) -> None:
        """Columns do not matter."""

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Count them, and go on."""
        self._rows += len(rows)
        return True

    def finish(self) -> int:
        """How many there were."""
        return self._rows


class _Bench(LineReceiver):
    """Commands in, what they took out."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, warehouse: Warehouse, budget: Budget) -> None:
        self._reactor = reactor
        self._warehouse = warehouse
        self._budget = budget
        self._lateness = Lateness(reactor)

    def lineReceived(self, line: bytes) -> None:
        """Carry out one command."""
        Deferred.fromCoroutine(self._obey(json.loads(line))).addBoth(self._tell)

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Nobody asks any more."""
        stopped = Deferred.fromCoroutine(self._warehouse.stop(_STOP_S))
        stopped.addBoth(lambda _: self._reactor.stop())

    def _tell(self, outcome: dict[str, Any] | Failure) -> None:
        if isinstance(outcome, Failure):
            outcome = {"error": f"{type(outcome.value).__name__}: {outcome.getErrorMessage()}"}
        self.sendLine(json.dumps(outcome).encode())  # type: ignore[no-untyped-call]  # no types

    async def _obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Run ``sql`` ``calls`` times in each of ``at_once`` rows of calls."""
        at_once = int(command["at_once"])
        self._lateness.start()
        began = time.perf_counter()
        try:
            lanes = [
                Deferred.fromCoroutine(self._one_after_the_other(command)) for _ in range(at_once)
            ]
            outcomes = await gatherResults(lanes, consumeErrors=True)
        finally:
            late = self._lateness.stop()
        return {
            "seconds": time.perf_counter() - began,
            "late": late,
            "times": [taken for times, _ in outcomes for taken in times],
            "rows": sum(rows for _, rows in outcomes),
        }

    async def _one_after_the_other(self, command: dict[str, Any]) -> tuple[list[float], int]:
        times, rows = [], 0
        for _ in range(int(command["calls"])):
            collector: Collector[Any] = _Counter()
            if not command["count_only"]:
                collector = RowsCollector(self._budget, NO_MASKS)
            job = Job(
                sql=command["sql"],
                principal=Principal("bench"),
                max_rows=int(command["max_rows"]),
                timeout_s=_TIMEOUT_S,
            )
            began = time.perf_counter()
            outcome = await self._warehouse.run(job, collector)
            times.append(time.perf_counter() - began)
            rows += outcome.rows
        return times, rows


def main() -> None:
    """Serve until standard input ends."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    config = load(Flags(no_demo=True), os.environ)
    accounts = Accounts.configured(config, Profiles(config), None)
    warehouse = Warehouse(reactor, accounts, config.pool, Metrics())
    interpreter = Interpreter(config)
    interpreter.startService()
    WarehouseService(warehouse, _STOP_S, log_in=True).startService()
    StandardIO(_Bench(reactor, warehouse, Budget.of(config.limits)), reactor=reactor)
    reactor.run()
    interpreter.stopService()


if __name__ == "__main__":
    main()
