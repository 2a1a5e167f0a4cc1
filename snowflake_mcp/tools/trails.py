"""What a call of a tool leaves in the request's trail, written where no tool can pass by."""

from typing import Final

from snowflake_mcp.config.model import ConnectionSettings
from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.protocol.trail import Trail
from snowflake_mcp.warehouse.standing import Standing

__all__ = ["note_state", "note_statement", "note_verdict"]

_OWN_FUNCTIONS: Final = "udf"
"""The capability without which every function that is called is built in, and no news."""


def note_verdict(trail: Trail, verdict: Verdict, sql: str) -> None:
    """The gate has judged ``sql``."""
    objects, refusals = verdict.objects, verdict.refusals
    unjudged = any(refusal.retryable for refusal in refusals)
    trail.judged(
        "allowed" if verdict.allowed else "unjudged" if unjudged else "refused",
        verdict.kind,
        verdict.tier.word,
        [refusal.rule for refusal in refusals],
        verdict.sql or sql,
    )
    functions = objects.functions if _OWN_FUNCTIONS in verdict.capabilities else ()
    trail.named((*objects.tables, *objects.stages, *functions))


def note_statement(trail: Trail, connection: ConnectionSettings, sql: str = "") -> None:
    """A statement is about to be sent on a connection, or one of it is asked for."""
    trail.connection = connection.name
    trail.role = str(connection.parameters.get("role") or "")
    trail.runs(sql)


def note_state(trail: Trail, connection: ConnectionSettings, standing: Standing) -> Standing:
    """The caller is told how a statement stands."""
    note_statement(trail, connection)
    trail.query_ids[standing.query_id] = standing.state
    return standing
