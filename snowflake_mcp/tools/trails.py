"""What a call of a tool leaves in the request's trail, written where no tool can pass by."""

from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.protocol.trail import Trail
from snowflake_mcp.tools.backing import Backing
from snowflake_mcp.warehouse.standing import Standing

__all__ = ["note_export", "note_state", "note_statement", "note_verdict"]


def note_verdict(trail: Trail, verdict: Verdict, sql: str) -> None:
    """The gate has judged ``sql``."""
    trail.judged(verdict.word, verdict.kind, verdict.tier.word, verdict.rules, verdict.sql or sql)
    trail.named(verdict.mentioned)


def note_statement(trail: Trail, backing: Backing, sql: str = "") -> None:
    """A statement is about to be sent, or one is asked for."""
    trail.connection = backing.connection.name
    trail.role, trail.warehouse = backing.role, backing.warehouse
    trail.runs(sql)


def note_export(trail: Trail, name: str) -> None:
    """The caller can fetch a result under this name."""
    trail.export = name


def note_state(trail: Trail, backing: Backing, standing: Standing) -> Standing:
    """The caller is told how a statement stands."""
    note_statement(trail, backing)
    trail.query_ids[standing.query_id] = standing.state
    return standing
