"""Stored results that a statement reads, by their query ids: each is its owner's alone."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import END, Kind, Token

__all__ = ["MAX_RESULTS", "results_read"]

MAX_RESULTS: Final = 8
"""Of one statement: whose each is may have to be asked of Snowflake."""
_ID: Final = re.compile(r"'([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})'")
_READ: Final = "Write RESULT_SCAN('query id'), or call fetch_results with the query id."


def results_read(segments: Iterable[Sequence[Token]]) -> tuple[tuple[str, ...], list[Finding]]:
    """The query ids of the results that are read, and what speaks against how they are named.

    ``LAST_QUERY_ID()`` names none: a session serves one principal, so what it ran last is that
    principal's.
    """
    found: dict[str, None] = {}
    findings: list[Finding] = []
    for segment in segments:
        for at, token in enumerate(segment):
            named = _named(segment, at)
            if named is None or named.word == "LAST_QUERY_ID":
                continue
            query_id = _ID.fullmatch(named.text) if named.kind is Kind.STRING else None
            if query_id is None:
                message = "Which result is read has to stand there as a query id."
                findings.append(Finding(Rule.RESULT_SCAN, message, _READ, token))
            else:
                found[query_id[1].lower()] = None
    if len(found) > MAX_RESULTS:
        message = f"More than {MAX_RESULTS} stored results are read."
        findings.append(Finding(Rule.RESULT_SCAN, message, "Read fewer in one statement."))
    return tuple(found), findings


def _named(segment: Sequence[Token], at: int) -> Token | None:
    """The token that says which result is read here; ``None`` where none is."""
    ahead = [*segment[at + 1 : at + 4], END, END, END]
    if segment[at].name.upper() == "RESULT_SCAN" and ahead[0].text == "(":
        whole = ahead[2].text == ")" or ahead[1].word == "LAST_QUERY_ID"
        return ahead[1] if whole else END
    if segment[at].word in {"DESCRIBE", "DESC"} and ahead[0].word == "RESULT":
        return ahead[1]
    return None
