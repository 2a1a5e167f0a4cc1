"""What a walk over a query finds, bounded, and without what only follows from something else."""

from typing import Final, final

from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Token

__all__ = ["Findings"]

_MAX_OF_A_CAUSE: Final = 8
_ONCE: Final = {Rule.QUERY_SHAPE, Rule.WRITE_INSIDE}
"""Of these one is enough: the others follow from it."""
_EXPLAINS_SHAPE: Final = {Rule.WRITE_INSIDE, Rule.SELECT_INTO, Rule.ROW_LOCK}
"""With one of these the text is no query, so that it has not the shape of one is no news."""


@final
class Findings:
    """Collects while one statement is walked over."""

    def __init__(self) -> None:
        self._causes: dict[tuple[Rule, str | None], dict[str, Finding]] = {}
        """By cause (rule and capability), then by word."""

    def add(self, finding: Finding) -> None:
        """Take a finding, unless its cause has been told often enough."""
        # Bounded for each cause by itself: what one capability lifts must never hide the rest.
        found = self._causes.setdefault((finding.rule, finding.capability), {})
        limit = 1 if finding.rule in _ONCE else _MAX_OF_A_CAUSE
        if len(found) < limit:
            found.setdefault(finding.token.word if finding.token else "", finding)

    def shape(self, token: Token, message: str = "") -> None:
        """The text has not the shape of a query at ``token``."""
        if (Rule.QUERY_SHAPE, None) in self._causes:
            return
        self.add(
            Finding(
                Rule.QUERY_SHAPE,
                message or f"{token.text[:40]} is not expected here.",
                "Mend the syntax near this word; put names that are keywords into double quotes.",
                token,
            )
        )

    def write(self, token: Token) -> None:
        """``token`` begins a statement that is no read."""
        self.add(
            Finding(
                Rule.WRITE_INSIDE,
                f"{token.text[:40]} begins a statement that is no read.",
                "Send only the reading part; if this is a name, put it into double quotes.",
                token,
            )
        )

    def told(self) -> list[Finding]:
        """All that is worth telling."""
        findings = [found for words in self._causes.values() for found in words.values()]
        if any(found.rule in _EXPLAINS_SHAPE for found in findings):
            return [found for found in findings if found.rule is not Rule.QUERY_SHAPE]
        return findings
