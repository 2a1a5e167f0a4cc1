"""What a query would read, asked of Snowflake before it runs, held against the budget."""

from typing import Final

from snowflake_mcp.config.model import PolicySettings
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.allowing import used_up
from snowflake_mcp.tools.base import Call
from snowflake_mcp.tools.confirming import ask
from snowflake_mcp.tools.plans import EXPLAIN, Plan, PlanCollector, size

__all__ = ["over_budget", "within_budget"]

_ESTIMATED: Final = frozenset({"select", "values"})
"""Kinds of statement that read tables; the others read the catalog, which costs nothing."""
_HINT: Final = (
    "Filter on columns that the table is clustered by (often dates), select fewer columns, or "
    "aggregate less; EXPLAIN shows the plan. The operator sets {0}.max_scan_partitions and "
    "{0}.max_scan_bytes."
)
_ASK_HINT: Final = _HINT + " With {0}.over_budget = ask, clients with elicitation may go on."


async def within_budget(
    call: Call, sql: str, kind: str, steps: int, database: str | None, schema: str | None
) -> None:
    """Check that the judged query ``sql`` keeps within the budget, if one is set.

    ``steps`` is the length of its flow chain, ``database`` and ``schema`` are those of its session.

    Raises:
        ToolFailure: it does not, or that cannot be told; nothing but EXPLAIN was run.
        InputRequired: stateless era: the user is asked; pass it on.
        McpError: stateless era: the client cannot be asked (-32021).
    """
    backing = call.backing
    if not backing.budgeted or kind not in _ESTIMATED:
        return
    if steps > 1:
        # EXPLAIN would explain the first step and run the others.
        raise ToolFailure(
            Family.LIMIT,
            "What a chain of steps (->>) reads cannot be estimated, and this server has a budget.",
            "Write it as one query, with WITH for its steps.",
        )
    outcome = await call.run(
        f"{EXPLAIN}{sql}",
        PlanCollector(),
        max_rows=1,
        database=database,
        schema=schema,
    )
    estimate, policy = outcome.value, backing.policy
    if estimate is None:
        raise ToolFailure(
            Family.LIMIT,
            "Snowflake gave no estimate of what this query reads, and this server has a budget.",
            "Write the query with plain tables and views.",
        )
    if problem := over_budget(estimate, policy):
        if policy.over_budget != "ask":
            hint = _HINT.format(backing.terms.section)
            raise ToolFailure(Family.LIMIT, f"{problem} It was not run.", hint)
        message = f"{problem} Run it all the same?\n{sql[:2_000]}"
        subject = (sql, database, schema, str(backing.wish.words))
        instead = _ASK_HINT.format(backing.terms.section)
        await ask(call.context, backing.parts.confirmations, message, *subject, instead=instead)
    principal, ledger = call.context.facts.principal.name, backing.parts.ledger
    if spent := ledger.exhausted(principal, backing.allowances, estimate.scan_bytes):
        raise used_up(spent, backing, by_this_query=True)
    ledger.use(principal, scan_bytes=estimate.scan_bytes)


def over_budget(estimate: Plan, policy: PolicySettings) -> str:
    """What of the budget of one query this one would pass, as a sentence; empty: nothing."""
    found = []
    if 0 < policy.max_scan_partitions < estimate.partitions:
        found.append(f"{estimate.partitions} partitions (limit {policy.max_scan_partitions})")
    if 0 < policy.max_scan_bytes < estimate.scan_bytes:
        read, limit = size(estimate.scan_bytes), size(policy.max_scan_bytes)
        found.append(f"{read} (limit {limit})")
    return f"This query would read up to {' and '.join(found)}." if found else ""
