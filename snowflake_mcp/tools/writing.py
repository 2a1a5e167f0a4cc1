"""The tool that changes something; offered only where the setting ``policy.tier`` opens writes."""

from typing import Any, Final

from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.answers import Written
from snowflake_mcp.tools.arguments import ExecuteStatement
from snowflake_mcp.tools.base import Call, Tool
from snowflake_mcp.tools.confirming import ask
from snowflake_mcp.tools.judging import own_results, refused
from snowflake_mcp.tools.names import placed
from snowflake_mcp.tools.render import Rendered
from snowflake_mcp.tools.seats import READING
from snowflake_mcp.tools.wording import answer
from snowflake_mcp.warehouse.results import Outcome
from snowflake_mcp.warehouse.visible import plain

__all__ = ["WRITING"]

_INSTEAD: Final = "Use a client that supports elicitation, or ask the operator to set {} to false."
_SHOWN_SQL: Final = 2_000
_SHOWN_NAMES: Final = 10
_MAX_ROWS: Final = 100
"""Snowflake answers a write with a row or two."""
_UNCERTAIN: Final = frozenset(
    {Family.UNAVAILABLE, Family.TIMEOUT, Family.CANCELLED, Family.INTERNAL}
)
"""Failures after which the statement may have had its effect all the same."""


async def _execute_statement(arguments: ExecuteStatement, call: Call) -> ToolResult:
    database, schema = placed(arguments.database, arguments.schema)
    situation = call.situation(database, schema, call.tier)
    verdict = await call.judge(arguments.query, situation)
    if not verdict.allowed:
        raise refused(
            verdict.refusals,
            f"Writes of tier {call.tier.word} are allowed here, one statement per call.",
        )
    if verdict.tier is Tier.READ:
        raise ToolFailure(
            Family.REFUSED,
            "This statement only reads. It was not sent.",
            "Call execute_query with it.",
        )
    await own_results(verdict, call)
    if call.backing.policy.confirm_writes:
        question = _question(verdict, call)
        subject = (verdict.sql, database, schema, str(call.backing.wish.words))
        instead = _INSTEAD.format(call.backing.setting("confirm_writes"))
        confirmations = call.backing.parts.confirmations
        await ask(call.context, confirmations, question, *subject, instead=instead)
        if not call.still_counts():
            raise ToolFailure(
                Family.REFUSED,
                "While the user was asked, the operator has changed the server's settings. Nothing "
                "was sent.",
                "Call again.",
            )
    try:
        outcome = await _sent(verdict, call, database, schema)
    finally:
        # Also where it is not known whether it took effect.
        if (lore := call.backing.parts.lore) is not None:
            lore.changed(call.backing.connection.name, verdict.tier)
    return answer(
        call,
        outcome,
        f"Done: {verdict.kind}.",
        truncated_by=None,
        next_step=None,
        extra={
            "kind": verdict.kind,
            "tier": verdict.tier.word,
            "columns": outcome.value.columns,
            "rows": outcome.value.rows,
            "masked": list(outcome.value.masked),
        },
    )


async def _sent(
    verdict: Verdict, call: Call, database: str | None, schema: str | None
) -> Outcome[Rendered]:
    try:
        return await call.run(
            verdict.sql,
            call.rows_collector,
            max_rows=_MAX_ROWS,
            database=database,
            schema=schema,
            once=True,
        )
    except ToolFailure as failure:
        if failure.family not in _UNCERTAIN:
            raise
        raise ToolFailure(
            failure.family,
            failure.message,
            "It is not known whether the statement took effect, and it was not repeated. Look at "
            "the data before you send it again.",
            details=failure.details,
        ) from failure


def _question(verdict: Verdict, call: Call) -> str:
    """What the user is asked: what is done, to what, and the statement itself."""
    names = verdict.objects.tables[:_SHOWN_NAMES]
    where = f" Objects: {', '.join(plain(name, 200) for name in names)}." if names else ""
    backing = call.backing
    role = f" as role {plain(backing.role, 200)}" if backing.wish.role else ""
    return (
        f"Run this {verdict.kind} on Snowflake connection {plain(backing.connection.name)}{role}? "
        f"It changes data or objects (tier {verdict.tier.word}).{where}\n"
        f"{plain(verdict.sql, _SHOWN_SQL)}"
    )


WRITING: Final[tuple[Tool[Any], ...]] = (
    Tool(
        name="execute_statement",
        title="Run a statement that changes something",
        description=(
            "Run one SQL statement that writes; the server's tier decides which, and the user may "
            "have to confirm it. Never repeated by the server. For reads use execute_query."
        ),
        arguments=ExecuteStatement,
        answer=Written,
        run=_execute_statement,
        seats=READING,
        effect="writes",
    ),
)
