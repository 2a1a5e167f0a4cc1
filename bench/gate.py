"""What does the SQL gate cost, and what do hostile texts do to it?

    python -m bench.gate [--rounds 300]

Statements are judged in this process by the token layers alone and by the whole gate, then
through the child processes as the server does it, one after the other and 32 at once.
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.python.failure import Failure

from bench.report import Table, machine, percentile
from snowflake_mcp.policy.assessment import assess
from snowflake_mcp.policy.gate import Gate
from snowflake_mcp.policy.judgement import judge_segment
from snowflake_mcp.policy.judges import Judges
from snowflake_mcp.policy.lexer import check_bytes, scan
from snowflake_mcp.policy.statements import one_statement
from snowflake_mcp.policy.terms import Terms
from tests.support.bombs import BOMBS
from tests.support.stalls import Stalls

__all__ = ["STATEMENTS", "TEXTS", "main", "measure"]

TERMS: Final = Terms(65_536)
_AT_ONCE: Final = 32
_RESPAWNS: Final = 10

_SMALL: Final = "SELECT region, COUNT(*) AS n FROM sales.orders WHERE status = 'open' GROUP BY 1"
_REPORT: Final = """
WITH sold AS (
    SELECT c.customer_id, c.first_name, c.last_name, d.year AS sold_year, 's' AS channel,
           SUM(((f.list_price - f.wholesale_cost - f.discount) + f.sales_price) / 2) AS total
    FROM customers c, store_sales f, dates d
    WHERE c.customer_sk = f.customer_sk AND f.date_sk = d.date_sk
    GROUP BY c.customer_id, c.first_name, c.last_name, d.year
    UNION ALL
    SELECT c.customer_id, c.first_name, c.last_name, d.year, 'w',
           SUM((w.list_price - w.discount) / 2)
    FROM customers c JOIN web_sales w ON c.customer_sk = w.customer_sk
    JOIN dates d ON w.date_sk = d.date_sk AND d.month BETWEEN 1 AND 6
    GROUP BY 1, 2, 3, 4
)
SELECT a.customer_id, a.first_name, a.last_name,
       CASE WHEN b.total > 0 THEN b.total / NULLIF(a.total, 0) ELSE NULL END AS growth,
       RANK() OVER (PARTITION BY a.sold_year ORDER BY a.total DESC) AS place
FROM sold a JOIN sold b ON a.customer_id = b.customer_id AND a.channel = b.channel
WHERE a.sold_year = 2001 AND b.sold_year = a.sold_year + 1 AND a.channel IN ('s', 'w')
  AND EXISTS (SELECT 1 FROM returns r WHERE r.customer_id = a.customer_id AND r.amount > 100)
QUALIFY place <= 100
ORDER BY growth DESC NULLS LAST, a.customer_id
LIMIT 100
""".strip()
STATEMENTS: Final = {
    "small (80 bytes)": _SMALL,
    "SHOW (36 bytes)": "SHOW TABLES LIKE 'a%' IN SCHEMA d.sc",
    "report (1.5 kB)": _REPORT,
    "eight reports (12 kB)": " UNION ALL ".join(f"SELECT * FROM ({_REPORT}) r" for _ in range(8)),
}
TEXTS: Final = {
    **BOMBS,
    "subqueries that fit": "SELECT * FROM " + "(SELECT * FROM " * 4_000 + "t" + ")" * 4_000,
    "64 KiB string": "SELECT '" + "a" * 65_000 + "'",
}


def _tokens_only(sql: str) -> None:
    check_bytes(sql, TERMS.max_sql_bytes)
    cut = scan(sql)
    for segment in one_statement(sql, cut).segments:
        judge_segment(segment, [])


def _timed(work: Callable[[str], object], sql: str, rounds: int) -> list[float]:
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        work(sql)
        taken.append(time.perf_counter() - began)
    return taken


async def _cost(gate: Gate, rounds: int) -> Table:
    made = Table(
        "Cost of judging",
        f"Milliseconds over {rounds} rounds; *per second* with {_AT_ONCE} texts waiting at once.",
        ("statement", "tokens p50", "whole p50", "child p50", "child p99", "per second"),
    )
    for label, sql in STATEMENTS.items():
        tokens = _timed(_tokens_only, sql, rounds)
        whole = _timed(lambda text: assess(text, TERMS), sql, rounds)
        child = []
        for _ in range(rounds):
            began = time.perf_counter()
            verdict = await gate.judge(sql, TERMS)
            child.append(time.perf_counter() - began)
            if not verdict.allowed:
                raise SystemExit(f"{label} was refused: {verdict.refusals}")
        began = time.perf_counter()
        for _ in range(max(1, rounds // _AT_ONCE)):
            await gatherResults(
                [Deferred.fromCoroutine(gate.judge(sql, TERMS)) for _ in range(_AT_ONCE)]
            )
        rate = max(1, rounds // _AT_ONCE) * _AT_ONCE / (time.perf_counter() - began)
        figures = (percentile(tokens, 50), percentile(whole, 50), percentile(child, 50))
        made.add(label, *(each * 1e3 for each in (*figures, percentile(child, 99))), rate)
    return made


async def _hostile(reactor: Any, gate: Gate) -> Table:
    made = Table(
        "Hostile texts",
        "Through the children; a stall is the longest time in which the reactor did not turn.",
        ("text", "answered after ms", "stall ms", "verdict"),
    )
    for label, sql in TEXTS.items():
        stalls = Stalls(reactor, 0.001)
        began = time.perf_counter()
        verdict = await gate.judge(sql, TERMS)
        taken = time.perf_counter() - began
        stalls.stop()
        made.add(label, taken * 1e3, stalls.worst_s * 1e3)
        rule = "allowed" if verdict.allowed else verdict.refusals[0].rule
        made.rows[-1] = (*made.rows[-1], rule)
        await _ready(reactor, gate, None)
    return made


async def _respawn(reactor: Any, judges: Judges, gate: Gate) -> Table:
    taken = []
    for _ in range(_RESPAWNS):
        killed = judges.pids[0]
        began = time.perf_counter()
        os.kill(killed, signal.SIGKILL)
        await _ready(reactor, gate, killed, judges)
        taken.append(time.perf_counter() - began)
    made = Table(
        "A child that dies",
        f"kill -9 of one child until its successor is ready, {_RESPAWNS} times; meanwhile the "
        "other one judges.",
        ("", "p50 ms", "max ms"),
    )
    made.add("kill to ready", percentile(taken, 50) * 1e3, max(taken) * 1e3)
    return made


async def _ready(reactor: Any, gate: Gate, gone: int | None, judges: Judges | None = None) -> None:
    """Wait until every child is ready and ``gone`` is not one of them."""
    while judges is not None and (
        gone in judges.pids or judges.snapshot()["ready"] != judges.snapshot()["children"]
    ):
        turn: Deferred[None] = Deferred()
        reactor.callLater(0.001, turn.callback, None)
        await turn
    await gate.judge("SELECT 1", TERMS)


def measure(rounds: int) -> list[Table]:
    """All tables; runs a reactor to its end, so it can be called once in a process."""
    from twisted.internet import reactor

    tables: list[Table] = []
    problems: list[BaseException] = []
    sys.setrecursionlimit(5_000)

    async def run() -> None:
        # The cost of judging is what is measured: nothing may be remembered.
        judges = Judges(reactor, remembered=0)  # type: ignore[arg-type]  # a module to mypy
        gate = Gate(judges)
        judges.startService()
        try:
            await gate.judge("SELECT 1", TERMS)
            tables.append(await _cost(gate, rounds))
            tables.append(await _hostile(reactor, gate))
            tables.append(await _respawn(reactor, judges, gate))
        finally:
            await maybeDeferred(judges.stopService)

    def ended(outcome: Any) -> None:
        if isinstance(outcome, Failure):
            problems.append(outcome.value or RuntimeError("no reason given"))
        reactor.stop()

    def begin(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        done = Deferred.fromCoroutine(work())
        done.addBoth(ended)

    reactor.callWhenRunning(begin, run)
    reactor.run()
    if problems:
        raise problems[0]
    return tables


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    print(f"Measured on: {machine()}\n")
    for table in measure(options.rounds):
        print(table, flush=True)


if __name__ == "__main__":
    main()
