"""The judgement about one text, as a pure function; the server runs it in a child process."""

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.fence import outside
from snowflake_mcp.policy.judgement import judge_head, judge_segment, query_of
from snowflake_mcp.policy.lexer import LexicalError, Scan, check_bytes, scan
from snowflake_mcp.policy.masking import misuse, named
from snowflake_mcp.policy.references import References
from snowflake_mcp.policy.refusals import refused
from snowflake_mcp.policy.results import results_read
from snowflake_mcp.policy.rules import Finding
from snowflake_mcp.policy.statements import Statement, one_statement
from snowflake_mcp.policy.syntax import parse
from snowflake_mcp.policy.terms import NOWHERE, Situation, Terms
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import Token
from snowflake_mcp.policy.verdict import Verdict
from snowflake_mcp.policy.words import VERBS
from snowflake_mcp.policy.writes import judge_write, place_of

__all__ = ["assess"]


def assess(sql: str, terms: Terms, situation: Situation = NOWHERE) -> Verdict:
    """Decide about ``sql``; never raises for any text. Any thread."""
    head: Finding | None = None
    try:
        check_bytes(sql, terms.max_sql_bytes)
        cut = scan(sql)
        head = judge_head(cut.tokens, situation.tier)
        statement = one_statement(sql, cut)
    except LexicalError as error:
        found = [*filter(None, [head]), error.finding]
        return refused(sql, found, section=terms.section)
    work = _Assessment(terms, situation)
    parts = work.segments(statement)
    needed = frozenset(found.capability for found in work.findings if found.capability)
    standing = [found for found in work.findings if found.capability not in terms.granted]
    if not standing:
        blanked = _blanked(sql, cut)
        for part, writes in parts:
            standing += work.second_opinion(blanked, part, needed, writes=writes)
    results: tuple[str, ...] = ()
    if not standing and "result_scan" in needed:
        results, standing = results_read(statement.segments)
    if not standing:
        standing = outside(work.mentioned.all, terms.rules, situation)
    objects = work.mentioned.objects()
    if standing:
        return refused(sql, standing, work.kind, needed, objects, work.tier, section=terms.section)
    steps = len(statement.segments)
    return Verdict(
        True, work.kind, statement.sendable, needed, (), objects, work.tier, steps, results
    )


class _Assessment:
    """What is found of one text."""

    def __init__(self, terms: Terms, situation: Situation) -> None:
        self._terms = terms
        self._tier = situation.tier
        self.kind = "unknown"
        self.tier = Tier.READ
        """What it needs."""
        self.findings: list[Finding] = []
        self.mentioned = References()

    def segments(self, statement: Statement) -> list[tuple[list[Token], bool]]:
        """Judge the steps of the flow chain.

        Gives what the second parser has to read, and for each whether it is a whole write.
        """
        parts: list[tuple[list[Token], bool]] = []
        for segment in statement.segments:
            calls: list[Called] = []
            place = place_of(segment) if segment[0].word in VERBS else None
            if place is not None and len(statement.segments) == 1:
                self.tier = place.tier
            if place is not None and place.tier <= self._tier and len(statement.segments) == 1:
                write = judge_write(segment, place, calls)
                self.kind, found = write.kind, write.findings
                self.mentioned.all += write.references
                part, writes = segment if write.has_tree else [], True
                if not write.has_tree:
                    self.findings += named(segment, self._terms.masked)
            else:
                # A write is never a step of a chain, whatever the tier.
                tier = self._tier if len(statement.segments) == 1 else Tier.READ
                self.kind, found = judge_segment(segment, calls, tier)
                part, writes = query_of(segment) if _sound(found) else [], False
            self.findings += found
            self.mentioned.called(calls)
            if _sound(found):
                self.mentioned.tokens(segment, calls)
                parts += [(part, writes)] if part else []
        return parts

    def second_opinion(
        self, blanked: str, part: list[Token], needed: frozenset[str], *, writes: bool
    ) -> list[Finding]:
        """What the independent parser has against what the token layers allow."""
        last = part[-1]
        # The offsets of the tokens stay what they are, so the text is blank up to the query.
        text = " " * part[0].start + blanked[part[0].start : last.start + len(last.text)]
        tree, found = parse(text, part, needed, writes=writes)
        if tree is not None:
            self.mentioned.tree(tree, part)
            found = [*found, *misuse(tree, part, self._terms.masked)]
        return found


def _sound(found: list[Finding]) -> bool:
    """Whether the token layers have understood a statement, so that its parts are known."""
    return all(each.capability for each in found)


def _blanked(sql: str, cut: Scan) -> str:
    """``sql`` with its comments replaced by blanks, as long as before."""
    pieces: list[str] = []
    done = 0
    for start, end in cut.comments:
        pieces += (sql[done:start], " " * (end - start))
        done = end
    return "".join([*pieces, sql[done:]])
