"""What a worker thread is given to run one statement, and who it runs for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snowflake_mcp.simulator.results import Result, Rows

__all__ = ["ACCOUNT", "DEMO_REGION", "DEMO_ROLE", "DEMO_WAREHOUSE", "Job", "PastStatement"]

ACCOUNT = "DEMO"
DEMO_REGION = "LOCAL_DEMO"
DEMO_ROLE = "DEMO_ROLE"
DEMO_WAREHOUSE = "DEMO_WH"


@dataclass(frozen=True, slots=True)
class PastStatement:
    """One line of the query history."""

    query_id: str
    text: str
    status: str
    user: str
    role: str
    warehouse: str
    database: str
    schema: str
    tag: str
    session_id: int
    started_at: float
    """Seconds since 1970."""
    ended_at: float | None
    rows: int
    error_code: str
    error_message: str


@dataclass(frozen=True, slots=True)
class Job:
    """One statement, ready to run; built on the reactor thread, read in a worker thread."""

    query_id: str
    sql: str
    user: str
    session_id: int
    row_cap: int | None = None
    """ROWS_PER_RESULTSET; None: all rows."""
    statement_count: int = 1
    """MULTI_STATEMENT_COUNT."""
    describe_only: bool = False
    bindings: Mapping[str, Any] = field(default_factory=dict)
    last_query_id: str = ""
    history: Sequence[PastStatement] = ()
    """Only filled for statements that mention it."""
    scanned: "Mapping[str, Result]" = field(default_factory=dict)
    """Results that the statement names, by query id."""
    flow: "Sequence[Rows]" = ()
    """Rows of the statements before it in a chain with ``->>``; ``$1`` is the last."""
