"""The judgement about one text, as a pure function; the server runs it in a child process."""

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.fence import outside
from snowflake_mcp.policy.judgement import judge_head, judge_segment, query_of
from snowflake_mcp.policy.lexer import LexicalError, Scan, check_bytes, scan
from snowflake_mcp.policy.references import References
from snowflake_mcp.policy.refusals import refused
from snowflake_mcp.policy.rules import Finding
from snowflake_mcp.policy.statements import Statement, one_statement
from snowflake_mcp.policy.syntax import parse
from snowflake_mcp.policy.terms import NOWHERE, Situation, Terms
from snowflake_mcp.policy.verdict import Verdict

__all__ = ["assess"]


def assess(sql: str, terms: Terms, situation: Situation = NOWHERE) -> Verdict:
    """Decide about ``sql``; never raises for any text. Any thread."""
    head: Finding | None = None
    try:
        check_bytes(sql, terms.max_sql_bytes)
        cut = scan(sql)
        head = judge_head(cut.tokens)
        statement = one_statement(sql, cut)
    except LexicalError as error:
        return refused(sql, [*filter(None, [head]), error.finding])
    kind = "unknown"
    findings: list[Finding] = []
    mentioned = References()
    for segment in statement.segments:
        calls: list[Called] = []
        kind, found = judge_segment(segment, calls)
        findings += found
        mentioned.called(calls)
        if all(each.capability for each in found):
            mentioned.tokens(segment, calls)
    needed = frozenset(found.capability for found in findings if found.capability)
    standing = [found for found in findings if found.capability not in terms.granted]
    if not standing:
        standing = _second_opinion(_blanked(sql, cut), statement, needed, mentioned)
    if not standing:
        standing = outside(mentioned.all, terms.rules, situation)
    objects = mentioned.objects()
    if standing:
        return refused(sql, standing, kind, needed, objects)
    return Verdict(True, kind, statement.sendable, needed, (), objects)


def _second_opinion(
    blanked: str, statement: Statement, needed: frozenset[str], mentioned: References
) -> list[Finding]:
    """What the independent parser has against a statement that the token layers allow."""
    findings: list[Finding] = []
    for segment in statement.segments:
        query = query_of(segment)
        if not query:
            continue  # SHOW, DESCRIBE, LIST: judged whole by a grammar of our own
        last = query[-1]
        # The offsets of the tokens stay what they are, so the text is blank up to the query.
        text = " " * query[0].start + blanked[query[0].start : last.start + len(last.text)]
        tree, found = parse(text, query, needed)
        findings += found
        if tree is not None:
            mentioned.tree(tree, query)
    return findings


def _blanked(sql: str, cut: Scan) -> str:
    """``sql`` with its comments replaced by blanks, as long as before."""
    pieces: list[str] = []
    done = 0
    for start, end in cut.comments:
        pieces += (sql[done:start], " " * (end - start))
        done = end
    return "".join([*pieces, sql[done:]])
