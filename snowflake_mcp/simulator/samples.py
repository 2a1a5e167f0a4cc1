"""The sample data: a small retail and subscription business, the same for everyone on a day."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.samples_rows import MACROS, ROWS
from snowflake_mcp.simulator.samples_tables import OBJECTS

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection
    from snowflake_mcp.simulator.notes import Notes

__all__ = ["create_samples", "first_day"]

_DATABASES: Final = ("DEMO", "MARKETING")


def first_day(today: date) -> date:
    """The first day that the data covers: New Year two years before ``today``."""
    return date(today.year - 2, 1, 1)


def create_samples(connection: "Connection", notes: "Notes", today: date) -> None:
    """Create the databases DEMO and MARKETING with data up to ``today``; blocks.

    The tables are made by Snowflake's own statements, so that types, comments and keys are known
    as if a user had made them; the rows come from DuckDB's SQL, which is much faster.
    """
    for number, statement in enumerate(OBJECTS):
        connection.run(Job(f"sample-{number}", statement, "DEMO", 0))
    _fill(connection, today)
    made = datetime(today.year - 2, 1, 1, 9, tzinfo=UTC)
    for database in _DATABASES:
        catalog = connection.catalog
        notes.restate_created((database,), made)
        for entry in (
            *catalog.schemas(database),
            *catalog.tables(database),
            *catalog.views(database),
        ):
            notes.restate_created(entry.path, made)


def _fill(connection: "Connection", today: date) -> None:
    start = first_day(today)
    facts = {"start": start.isoformat(), "today": today.isoformat(), "days": (today - start).days}
    for statement in (*MACROS, *ROWS):
        connection.duck.execute(statement.format_map(facts))
