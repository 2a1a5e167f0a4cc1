"""A small catalog in memory that answers SHOW and DESCRIBE, and a request to read it with."""

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from snowflake_mcp.config.model import Backend, ConnectionSettings
from snowflake_mcp.protocol.context import Facts, RequestContext
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import LOCAL, Principal
from snowflake_mcp.warehouse.accounts import Seat
from snowflake_mcp.warehouse.results import Collector, Column, JsonValue, Outcome
from snowflake_mcp.warehouse.statement import Job
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish

__all__ = ["MISSING", "SMALL", "Answer", "CatalogStatements", "request"]

P = ParamSpec("P")
T = TypeVar("T")

Answer = tuple[Sequence[str], Sequence[Sequence[JsonValue]]] | Exception
"""Column names and rows, or what is raised."""

MISSING = ToolFailure(Family.MISSING_OBJECT, "Object 'X' does not exist or not authorized.")

SMALL: dict[str, Answer] = {
    "SHOW DATABASES": (
        ("created_on", "name", "is_current", "comment"),
        [["2026-01-01", "DEMO", "Y", "Sales"], ["2026-01-01", "my db", "N", ""]],
    ),
    'SHOW SCHEMAS IN DATABASE "DEMO"': (
        ("name", "is_current", "comment"),
        [["PUBLIC", "N", None], ["SALES", "Y", "What was sold"]],
    ),
    'SHOW SCHEMAS IN DATABASE "my db"': (("name",), [["S"]]),
    'SHOW TABLES IN SCHEMA "DEMO"."SALES"': (
        ("name", "kind", "rows", "bytes", "comment"),
        [["ORDERS", "TABLE", 5, "1024", "all"], ["order lines", "TABLE", None, None, ""]],
    ),
    'SHOW VIEWS IN SCHEMA "DEMO"."SALES"': (
        ("name", "is_secure", "is_materialized", "comment"),
        [["ORDERS_BY_DAY", "true", "false", ""]],
    ),
    "SHOW OBJECTS LIKE 'ORDERS' ": (
        ("name", "kind", "rows", "bytes", "comment"),
        [["orders", "TABLE", 1, 1, "another"], ["ORDERS", "TABLE", 5, "1024", "all"]],
    ),
    "SHOW OBJECTS LIKE 'ORDERS_BY_DAY' ": (
        ("name", "kind", "rows", "bytes", "comment"),
        [["ORDERSXBYXDAY", "TABLE", 1, 1, ""], ["ORDERS_BY_DAY", "VIEW", 0, 0, ""]],
    ),
    "SHOW OBJECTS LIKE ": (("name", "kind"), []),
    "SHOW VIEWS LIKE 'ORDERS_BY_DAY' ": (
        ("name", "text"),
        [["ORDERS_BY_DAY", "create view ORDERS_BY_DAY as select 1"]],
    ),
    'DESCRIBE TABLE "DEMO"."SALES"."ORDERS': (
        ("name", "type", "kind", "null?", "default", "primary key", "unique key", "comment"),
        [
            ["ID", "NUMBER(38,0)", "COLUMN", "N", None, "Y", "Y", "Key"],
            ["at", "DATE", "COLUMN", "Y", "CURRENT_DATE()", "N", "N", None],
            ["V", "VARIANT", "VIRTUAL", "Y", None, "N", "N", None],
        ],
    ),
    "SHOW": MISSING,
    "DESCRIBE": MISSING,
}
"""Two databases, one of them with a schema of two tables and a view."""


class CatalogStatements:
    """Answers by the first prefix that fits; holds answers back while ``held`` is set."""

    def __init__(self, answers: dict[str, Answer] | None = None) -> None:
        self.answers = dict(SMALL if answers is None else answers)
        self.jobs: list[Job] = []
        self.held = False
        self.waiting: list[Deferred[None]] = []
        self.cancelled = 0
        self.connection = ConnectionSettings("main", Backend.SNOWFLAKE)
        self.seats: dict[str, Seat] = {}

    @property
    def sql(self) -> list[str]:
        """The statements so far."""
        return [job.sql for job in self.jobs]

    def let_go(self) -> None:
        """Answer everything that is held back."""
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.callback(None)

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """The same for everybody, unless a test says something else."""
        own = Seat(self.connection.name, None, None, self.connection)
        return self.seats.get(principal.name, own)

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Run a statement as the warehouse does."""
        self.jobs.append(job)
        if self.held:
            self.waiting.append(Deferred(self._cancel))
            await self.waiting[-1]
        answer = next(
            answer for prefix, answer in self.answers.items() if job.sql.startswith(prefix)
        )
        if isinstance(answer, Exception):
            raise answer
        names, rows = answer
        collector.begin([Column(name, "VARCHAR(16777216)", True) for name in names])
        given = rows[: job.max_rows]
        cut: Any = "rows" if len(rows) > job.max_rows else None
        for start in range(0, len(given), 500):
            if not collector.add(given[start : start + 500]):
                cut = "collector"
                break
        return Outcome("01b0", (), len(given), None, cut, 0.01, collector.finish())

    def aside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """At once."""
        return execute(job, *args, **kwargs)

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


def request(clock: Clock | None = None, method: str = "resources/read") -> RequestContext:
    """A request of a local client."""
    return RequestContext(
        facts=Facts("http", LOCAL, "2026-07-28", client="probe/1", session_id="s-1"),
        request_id="r-1",
        method=method,
        clock=clock or Clock(),
        deadline=60.0,
        send=lambda data: None,
    )
