"""What a tool is, and one call of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar

import msgspec

from snowflake_mcp.config.model import LimitSettings
from snowflake_mcp.policy.terms import Situation
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.arguments import Arguments
from snowflake_mcp.tools.layouts import Format
from snowflake_mcp.tools.names import stored
from snowflake_mcp.tools.render import Budget, RowsCollector
from snowflake_mcp.tools.sending import Sender
from snowflake_mcp.tools.trails import note_verdict
from snowflake_mcp.warehouse.identifiers import shown
from snowflake_mcp.warehouse.visible import plain

__all__ = ["Call", "Effect", "RowLimit", "Tool"]

ArgumentsT = TypeVar("ArgumentsT", bound=Arguments)


@dataclass(frozen=True, slots=True)
class RowLimit:
    """The bounds of a tool's ``limit`` argument."""

    default: int | None = None
    """``None``: the setting ``limits.default_rows``."""
    maximum: int | None = None
    """``None``: the setting ``limits.max_rows``."""

    def within(self, limits: LimitSettings) -> tuple[int, int]:
        """Default and maximum under these settings."""
        most = self.maximum or limits.max_rows
        return min(self.default or limits.default_rows, most), most


_NO_ROW_LIMIT: Final = RowLimit()

Effect: TypeAlias = Literal["reads", "ends", "delegates", "writes"]
"""What a tool does to Snowflake: nothing, ends a statement, whatever an agent there does, or
changes data or objects."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[ArgumentsT]):
    """One tool: everything that the list shows and that a call needs."""

    name: str
    title: str
    description: str
    arguments: type[ArgumentsT]
    answer: type[msgspec.Struct]
    run: "Callable[[ArgumentsT, Call], Awaitable[ToolResult]]"
    row_limit: RowLimit | None = None
    """Bounds of the argument ``limit`` where the tool has one."""
    effect: Effect = "reads"
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """What counts for an argument that is left out, where the schema is to say it."""
    seats: tuple[str, ...] = ()
    """Of connection, role and warehouse the arguments that it takes where the caller may choose;
    see ``tools.seats``. They are none of ``arguments``."""


class Call(Sender, frozen=True):
    """One call of a tool while it runs; reactor thread only."""

    row_limit: RowLimit | None = None
    still_counts: Callable[[], bool] = lambda: True
    """Whether the settings of the backing are still those of the caller."""

    @property
    def tier(self) -> Tier:
        """How far the caller's statements may go."""
        return self.backing.tier

    @property
    def rows_collector(self) -> RowsCollector:
        """What collects any result for the caller, within its bounds and with its masks."""
        return self.collector()

    def collector(self, layout: Format = "table") -> RowsCollector:
        """The same, with the rows of the text in this form."""
        return RowsCollector(Budget.of(self.backing.limits), self.backing.masks, layout)

    def seconds(self, timeout_s: int | None) -> float | None:
        """The time that a caller gives its statement, from the argument ``timeout_s``.

        Raises:
            ToolFailure: more than the setting allows.
        """
        most = self.backing.limits.statement_timeout_s
        if timeout_s is not None and timeout_s > most:
            raise ToolFailure(
                Family.INVALID_ARGUMENT,
                f"timeout_s: expected at most {most:g}, got {timeout_s:.15g}.",
                "Leave it out for the longest, or use submit_query for what takes longer.",
            )
        return timeout_s

    def rows(self, limit: int | None) -> int:
        """Rows to ask for, from the argument ``limit``.

        Raises:
            ToolFailure: more than the setting allows.
        """
        default, most = (self.row_limit or _NO_ROW_LIMIT).within(self.backing.limits)
        if limit is None:
            return default
        if limit > most:
            got = str(limit) if limit < 10**15 else "a larger one"
            raise ToolFailure(
                Family.INVALID_ARGUMENT,
                f"limit: expected at most {most}, got {got}.",
                f"Ask for at most {most} rows; filter or aggregate in SQL to need fewer.",
            )
        return limit

    def schema_in(self, database: str, given: str | None) -> str:
        """The schema as stored: the one given, or the connection's default for the database.

        Raises:
            ToolFailure: none was given and the connection has no default for this database.
        """
        if given is not None:
            return stored(given, "schema")
        default_database, default_schema = self.backing.place
        if default_schema is not None and default_database == database:
            return default_schema
        raise ToolFailure(
            Family.INVALID_ARGUMENT,
            "schema: the connection has no default schema for this database.",
            "Give the argument schema; list_schemas(database) shows which there are.",
        )

    def seen(self, *names: str) -> None:
        """Check that the rules let what is at these stored names be seen, or something in it.

        Raises:
            ToolFailure: they do not.
        """
        if names:
            self.context.trail.named([".".join(map(shown, names))])
        if not self.backing.rules.shows(names):
            raise ToolFailure(
                Family.REFUSED,
                f"{plain('.'.join(map(shown, names)), 800)} is not among the objects that may be "
                "used.",
                f"The operator sets {self.backing.setting('allow_objects')} and "
                f"{self.backing.setting('deny_objects')}; list_databases, list_schemas, "
                "list_tables and list_views show what may be used.",
                details={"rule": "object-denied"},
            )

    def situation(
        self, database: str | None, schema: str | None, tier: Tier = Tier.READ
    ) -> Situation:
        """Where the session of a statement with these stored names stands, and how far it may go.

        A database without a schema leaves the schema open: the login decides it.
        """
        if database is None:
            default_database, default_schema = self.backing.place
            database, schema = default_database, schema or default_schema
        return Situation(database, schema, tier)

    async def judge(self, sql: str, situation: Situation) -> Verdict:
        """What the gate says of a statement that an agent wrote, on the terms of the caller.

        Raises:
            CancelledError: the request was cancelled.
        """
        backing, context = self.backing, self.context
        owner = context.facts.principal.name
        verdict = await backing.parts.gate.judge(sql, backing.terms, situation, owner)
        note_verdict(context.trail, verdict, sql)
        return verdict
