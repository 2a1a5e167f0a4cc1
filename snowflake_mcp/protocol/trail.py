"""What a request did, gathered while it runs, for whoever keeps a record of it."""

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

__all__ = ["Follower", "Trail"]


class Follower(Protocol):
    """Whoever is told of each statement as it goes; ``ops.tracing.RequestSpan`` is."""

    def sent(self, query_id: str) -> None:
        """Snowflake has a statement of the request under this id; may be said again."""

    def ended(self, query_id: str, state: str) -> None:
        """It has ended in this state, perhaps after the request."""


class Trail(msgspec.Struct):
    """The trail of one request; reactor thread only.

    It is filled where every tool has to pass: at the gate, on the way to Snowflake, at the
    question to the user. No tool writes into it by itself, so none can forget to.
    """

    tool: str = ""
    """The tool that was called by another name than its own; empty: there was no other."""
    connection: str = ""
    """The Snowflake connection that was asked."""
    role: str = ""
    """The Snowflake role that the connection names; empty: the login's own."""
    warehouse: str = ""
    """The Snowflake warehouse likewise."""
    verdict: str = ""
    """What the gate said: ``allowed``, ``refused`` or ``unjudged``; empty: it was not asked."""
    kind: str = ""
    """Of statement, in the gate's words."""
    tier: str = ""
    """That the statement needs."""
    rules: tuple[str, ...] = ()
    """For which the gate refused."""
    statement: str = ""
    """A judged text exactly as it may be sent, or as it came where it was refused; else the last
    statement that a tool made itself. May hold secrets: never for logs."""
    objects: dict[str, None] = msgspec.field(default_factory=dict)
    """Names of what was asked for, in order, each once."""
    confirmation: str = ""
    """Of the user: ``asked``, ``given``, ``declined`` or ``impossible``."""
    query_ids: dict[str, str] = msgspec.field(default_factory=dict)
    """Snowflake's ids of what ran for the request, in order, each with the state that Snowflake
    or its thread confirmed; empty: not known so far."""
    service_request: str = ""
    """Snowflake's id of the request to one of its AI services."""
    masked: tuple[str, ...] = ()
    """Columns of the answer whose values were masked."""
    export: str = ""
    """The id and format of a result that was put aside for the caller to fetch."""
    on_late_end: Callable[[str, str], None] | None = None
    """Told the id and the final state of what ends after the request has."""

    follower: Follower | None = None

    def judged(
        self, verdict: str, kind: str, tier: str, rules: Iterable[str], statement: str
    ) -> None:
        """The gate has spoken."""
        self.verdict, self.kind, self.tier = verdict, kind, tier
        self.rules = tuple(rules)
        self.statement = statement

    def named(self, names: Iterable[str]) -> None:
        """The request is about these."""
        self.objects.update(dict.fromkeys(names))

    def runs(self, statement: str) -> None:
        """A statement is about to be sent; a judged one is known already."""
        if statement and not self.verdict:
            self.statement = statement

    def sent(self, query_id: str) -> None:
        """Snowflake has it under this id."""
        self.query_ids.setdefault(query_id, "")
        if self.follower is not None:
            self.follower.sent(query_id)

    def ended(self, query_id: str | None, state: str) -> None:
        """Its end is known."""
        if query_id is None:
            return
        self.query_ids[query_id] = state
        if self.follower is not None:
            self.follower.ended(query_id, state)
        if self.on_late_end is not None:
            self.on_late_end(query_id, state)
