"""What all tools of a connection stand on."""

from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from snowflake_mcp.config.model import ConnectionSettings, LimitSettings, PolicySettings
from snowflake_mcp.policy.ledger import Allowance, Ledger
from snowflake_mcp.policy.measured import Judge
from snowflake_mcp.policy.objects import NO_RULES, ObjectRules
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.tools.confirming import Confirmations
from snowflake_mcp.warehouse.handles import Asking
from snowflake_mcp.warehouse.results import Collector, Outcome
from snowflake_mcp.warehouse.standing import Standing
from snowflake_mcp.warehouse.statement import Job

__all__ = ["Backing", "Handles", "Statements"]

T = TypeVar("T")


class Statements(Protocol):
    """What runs SQL; ``warehouse.service.Warehouse`` does."""

    @property
    def handles(self) -> "Handles":
        """Its statements by query id."""

    async def run(self, job: Job, collector: Collector[T]) -> Outcome[T]:
        """Run one statement and give its rows to the collector; raises ToolFailure."""


class Handles(Protocol):
    """Statements by query id; ``warehouse.handles.Handles`` is it."""

    async def standing(self, query_id: str, asking: Asking, wait_s: float = 0.0) -> Standing:
        """How a statement of this caller stands; raises ToolFailure."""

    async def cancel(self, query_id: str, asking: Asking) -> Standing:
        """End a statement of this caller; raises ToolFailure."""

    async def read(
        self, query_id: str, asking: Asking, job: Job, collector: Collector[T], wait_s: float
    ) -> Outcome[T]:
        """Read rows of its result; raises ToolFailure and StillRunningError."""


@dataclass(frozen=True, slots=True)
class Backing:
    """What all tools of a connection stand on."""

    statements: Statements
    handles: Handles
    gate: Judge
    limits: LimitSettings
    connection: ConnectionSettings
    rules: ObjectRules = NO_RULES
    """About objects; the gate holds statements against the same."""
    tier: Tier = Tier.READ
    policy: PolicySettings = field(default_factory=PolicySettings)
    ledger: Ledger = field(default_factory=lambda: Ledger(Allowance(), lambda: 0.0))
    """What each principal has used today."""
    confirmations: Confirmations = field(default_factory=Confirmations)
