"""What the gate says about one SQL text: allowed or refused, and why."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from snowflake_mcp.policy.tiers import Tier

__all__ = ["NO_OBJECTS", "Objects", "Refusal", "Verdict"]


@dataclass(frozen=True, slots=True)
class Objects:
    """What a statement mentions, as far as its text tells; sorted, each name once.

    Names are given as SQL takes them: folded to upper case, in double quotes where they need it,
    with as many parts as the statement writes. Names of common table expressions are left out.
    """

    databases: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    """``DATABASE.SCHEMA``, or ``SCHEMA`` alone."""
    tables: tuple[str, ...] = ()
    """Tables and views, and whatever else ``FROM`` names."""
    stages: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """Everything that is called."""
    columns: tuple[str, ...] = ()
    """Without their tables, and with names that the statement itself gives."""


NO_OBJECTS: Final = Objects()

_OWN_FUNCTIONS: Final = "udf"
"""The capability without which every function that is called is built in, and no news."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason why a statement is refused, in words that its author can act on."""

    rule: str
    """Stable kebab-case id; docs/security-gate.md explains each one."""
    message: str
    """What is wrong, as one sentence."""
    remedy: str
    """What would make the statement pass: a change of the text, or a setting."""
    token: str = ""
    """The text that the refusal is about, shortened; empty when it is about the whole."""
    line: int = 0
    """Line of ``token``, from 1; 0 when there is no token."""
    column: int = 0
    """Character within the line, from 1; 0 when there is no token."""
    retryable: bool = False
    """Whether the same text may pass when it is sent again: it was not judged at all."""


@dataclass(frozen=True)
class Verdict:
    """The gate's answer for one SQL text.

    It may be given many times over, so what follows from its parts is found out once.
    """

    allowed: bool
    kind: str
    """``select``, ``values``, ``show``, ``describe``, ``explain``, ``list`` or ``unknown``; of a
    write its verb and kind of object, such as ``insert`` or ``create table``.

    Of a flow chain (``->>``) the kind of its last statement, whose result is returned.
    """
    sql: str
    """Exactly what may be sent to Snowflake; empty when refused."""
    capabilities: frozenset[str]
    """Every capability that the statement needs, granted or not."""
    refusals: tuple[Refusal, ...]
    """Most important first, at most five; empty when allowed."""
    objects: Objects = NO_OBJECTS
    tier: Tier = Tier.READ
    """What the statement needs, granted or not."""
    steps: int = 1
    """Statements of its flow chain; 1 when there is no ``->>``."""
    results: tuple[str, ...] = ()
    """Query ids of the stored results that it reads; whoever sends it checks whose they are."""

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """For which it refuses."""
        return tuple(refusal.rule for refusal in self.refusals)

    @cached_property
    def mentioned(self) -> tuple[str, ...]:
        """What it is about, for records; functions only where some may not be built in."""
        objects = self.objects
        functions = objects.functions if _OWN_FUNCTIONS in self.capabilities else ()
        return (*objects.tables, *objects.stages, *functions)

    @cached_property
    def word(self) -> str:
        """``allowed``, ``refused``, or ``unjudged`` where nobody could tell."""
        if self.allowed:
            return "allowed"
        return "unjudged" if any(each.retryable for each in self.refusals) else "refused"
