"""Bounds the rows that GENERATOR makes."""

from collections.abc import Sequence
from typing import Final

from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token

__all__ = ["MAX_GENERATED_ROWS", "judge_generator"]

MAX_GENERATED_ROWS: Final = 1_000_000
"""Rows of one GENERATOR."""


def judge_generator(tokens: Sequence[Token], at: int) -> list[Finding]:
    """What speaks against the arguments of the GENERATOR whose bracket is ``tokens[at]``.

    Only ``ROWCOUNT => <number>`` is read: with TIMELIMIT, or with a count that is computed, the
    work has no bound that the text shows.
    """
    first = at + 1
    if tokens[first].word == "ROWCOUNT" and tokens[first + 1].text == "=>":
        first += 2
    count, end = tokens[first], tokens[first + 1]
    if (
        count.kind is Kind.NUMBER
        and count.text.isdecimal()
        and len(count.text) <= len(str(MAX_GENERATED_ROWS))
        and int(count.text) <= MAX_GENERATED_ROWS
        and end.text == ")"
    ):
        return []
    return [
        Finding(
            Rule.COST,
            "GENERATOR is asked for an unbounded or a very large number of rows.",
            f"Use GENERATOR(ROWCOUNT => n) with a literal n up to {MAX_GENERATED_ROWS}, "
            "without TIMELIMIT.",
            tokens[at - 1],
        )
    ]
