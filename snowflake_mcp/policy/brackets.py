"""Says what an opening bracket of a query holds, and judges it when it is a function call."""

import re
from collections.abc import Sequence
from typing import Final

from snowflake_mcp.policy.calls import judge_call
from snowflake_mcp.policy.frames import Clause, Frame, Hold, State
from snowflake_mcp.policy.generators import judge_generator
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import TYPES, words

__all__ = ["open_bracket", "path_before"]

_QUERY_HEADS: Final = words("SELECT VALUES WITH")
_GROUP_WORDS: Final = words(
    """
    ALL AND ANY AS BETWEEN BY CASE DISTINCT ELSE ESCAPE EXISTS FROM HAVING ILIKE IN IS JOIN LATERAL
    LIKE NOT ON OR QUALIFY REGEXP RLIKE SELECT SOME THEN USING VALUES WHEN WHERE WITH
    """
)
"""Reserved words, so a bracket after one is never a call."""
_TABLE_TAILS: Final = {
    word: hold
    for hold, group in (
        (
            Hold.OPTIONS,
            words(
                "AT BEFORE CHANGES END MATCH_CONDITION REPEATABLE RESAMPLE SAMPLE SEED TABLESAMPLE"
            ),
        ),
        (Hold.PIVOT, words("PIVOT UNPIVOT")),
        (Hold.MATCH, words("MATCH_RECOGNIZE")),
    )
    for word in group
}
"""Words that take a bracket after a table, where no call can stand."""
_SAMPLING: Final = words("BERNOULLI BLOCK ROW SYSTEM")
_OBJECT_NAME: Final = re.compile(
    r"""'(?:[a-z_][\w$]*+|"[^"'\\.]++")(?:\.[ ]*+(?:[a-z_][\w$]*+|"[^"'\\.]++")){0,2}+'""",
    re.ASCII | re.IGNORECASE,
)
_BEFORE_OVER: Final = {")", "NULLS", "FIRST", "LAST"}
_MAX_PARTS: Final = 4
_MAX_TYPE_DEPTH: Final = 6


def open_bracket(
    tokens: Sequence[Token], at: int, frames: Sequence[Frame], state: State, prior: State
) -> tuple[Frame, list[Finding]]:
    """The frame that the ``(`` at ``tokens[at]`` opens, and what speaks against it.

    Args:
        tokens: of the query, padded at both ends.
        at: index of the bracket.
        frames: the open frames, innermost last.
        state: before the bracket.
        prior: before the token that precedes the bracket.
    """
    frame, before, after = frames[-1], tokens[at - 1], tokens[at + 1]
    if frame.hold is Hold.PATTERN:
        return Frame(Hold.PATTERN, Clause.NONE), []
    if frame.clause is Clause.CTE_AS and before.kind in {Kind.WORD, Kind.QUOTED}:
        return Frame(Hold.NAMES, Clause.NONE), []
    if frame.clause in {Clause.HEAD, Clause.CTE_BODY, Clause.CTE_NEXT}:
        return Frame(Hold.QUERY, Clause.HEAD), []
    if before.kind in {Kind.WORD, Kind.QUOTED}:
        return _after_name(tokens, at, frames, state, prior)
    if before.kind is Kind.STAGE:
        return Frame(Hold.OPTIONS, Clause.NONE), []
    # FROM '@stage/path' (...): the stage may be quoted.
    if before.text.startswith("'@") and frame.expects_table(prior, tokens[at - 2]):
        return Frame(Hold.OPTIONS, Clause.NONE), []
    findings = []
    if state is State.HAVE:
        findings.append(
            Finding(
                Rule.CALL_OF_EXPRESSION,
                f"A bracket follows {before.text[:40]}, as if a value were called.",
                "Call functions by their plain name.",
                before,
            )
        )
    return _group(tokens, at, frame, state, before, after), findings


def _after_name(
    tokens: Sequence[Token], at: int, frames: Sequence[Frame], state: State, prior: State
) -> tuple[Frame, list[Finding]]:
    frame, before, after, previous = frames[-1], tokens[at - 1], tokens[at + 1], tokens[at - 2]
    if after.text == "+" and tokens[at + 2].text == ")" and frame.clause is not Clause.SELECT:
        return Frame(Hold.MARK, Clause.NONE), []
    path, of_object = path_before(tokens, at - 1)
    if len(path) == 1 and not of_object:
        if before.kind is Kind.WORD:
            found = _after_keyword(tokens, at, frames, state, prior)
            if found is not None:
                return found
        # A name in this place is an alias; Snowflake reads no call behind a whole table.
        if (
            frame.clause is Clause.FROM
            and not frame.in_on
            and (previous.word == "AS" or prior is State.HAVE)
        ):
            return Frame(Hold.NAMES, Clause.NONE), []
    findings = judge_call(path, of_object=of_object, in_match=frame.in_match)
    hold = Hold.CAST if before.word in {"CAST", "TRY_CAST"} else Hold.CALL
    if before.word == "GENERATOR":
        findings += judge_generator(tokens, at)
    return Frame(hold, Clause.NONE, before.word), findings


def _after_keyword(
    tokens: Sequence[Token], at: int, frames: Sequence[Frame], state: State, prior: State
) -> tuple[Frame, list[Finding]] | None:
    """The frame after a keyword that takes a bracket here; None when the word is a name."""
    frame, before, after, previous = frames[-1], tokens[at - 1], tokens[at + 1], tokens[at - 2]
    word = before.word
    if (
        frame.hold is Hold.TYPE
        or previous.text == "::"
        or (frame.hold is Hold.CAST and previous.word == "AS")
    ):
        return _type(frames, before)
    if word in _GROUP_WORDS and state is not State.HAVE:
        return _group(tokens, at, frame, state, before, after), []
    if word in {"TABLE", "IDENTIFIER"}:
        return Frame(Hold.GROUP, Clause.NONE), _reference(tokens, at)
    hold: Hold | None = None
    if (word, previous.word) == ("GROUP", "WITHIN") or (
        word == "OVER" and previous.word in _BEFORE_OVER
    ):
        hold = Hold.WINDOW
    elif (word, previous.word) == ("SETS", "GROUPING") or (
        word in {"CUBE", "ROLLUP"} and frame.clause is Clause.GROUP and prior is State.NEED
    ):
        hold = Hold.GROUP
    elif word == "PATTERN" and frame.hold is Hold.MATCH:
        hold = Hold.PATTERN
    elif (word, previous.word) == ("NULL", "ON") and frame.hold is Hold.PIVOT:
        hold = Hold.GROUP
    elif frame.star and prior is State.HAVE and word in {"EXCLUDE", "RENAME", "REPLACE"}:
        hold = Hold.NAMES if word == "EXCLUDE" else Hold.GROUP
    elif frame.clause is Clause.FROM:
        hold = _after_table(word, previous, tokens[at - 3], prior, after)
    return None if hold is None else (Frame(hold, Clause.NONE), [])


def _after_table(
    word: str, previous: Token, second: Token, prior: State, after: Token
) -> Hold | None:
    if prior is State.HAVE and word in _TABLE_TAILS:
        return _TABLE_TAILS[word]
    if word in _SAMPLING and previous.word in {"SAMPLE", "TABLESAMPLE"}:
        return Hold.OPTIONS
    if word == "NULLS" and previous.word in {"INCLUDE", "EXCLUDE"} and second.word == "UNPIVOT":
        return Hold.PIVOT
    if prior is State.NEED and previous.word in {"FROM", "JOIN", ","}:
        if word == "SEMANTIC_VIEW":
            return Hold.SEMANTIC
        if word == "DIRECTORY" and after.kind is Kind.STAGE:
            return Hold.OPTIONS
    return None


def _type(frames: Sequence[Frame], before: Token) -> tuple[Frame, list[Finding]] | None:
    if before.word not in TYPES:
        return None
    depth = 1
    while depth <= len(frames) and frames[-depth].hold is Hold.TYPE:
        depth += 1
    findings = []
    if depth > _MAX_TYPE_DEPTH:
        findings.append(
            Finding(
                Rule.TOO_DEEP,
                f"Data types are nested deeper than {_MAX_TYPE_DEPTH}.",
                "Use VARIANT for the inner levels.",
                before,
            )
        )
    return Frame(Hold.TYPE, Clause.NONE), findings


def _group(
    tokens: Sequence[Token], at: int, frame: Frame, state: State, before: Token, after: Token
) -> Frame:
    in_table = frame.expects_table(state, before)
    if after.word in _QUERY_HEADS:
        return Frame(Hold.QUERY, Clause.HEAD)
    clause = Clause.FROM if in_table else Clause.NONE
    if after.text == "(":
        # Bounded by the depth that the lexer allows.
        first = at + 1
        while tokens[first].text == "(":
            first += 1
        if tokens[first].word in _QUERY_HEADS:
            clause = Clause.EITHER
    group = Frame(Hold.GROUP, clause)
    group.in_table = in_table
    return group


def _reference(tokens: Sequence[Token], at: int) -> list[Finding]:
    """What speaks against the argument of TABLE( or IDENTIFIER(; calls are judged elsewhere."""
    before, after = tokens[at - 1], tokens[at + 1]
    literal = after.kind is Kind.STRING
    if literal and _is_object_name(after.text) and tokens[at + 2].text == ")":
        return []
    if not literal and before.word == "TABLE" and after.kind in {Kind.WORD, Kind.QUOTED}:
        return []
    return [
        Finding(
            Rule.DYNAMIC_IDENTIFIER,
            f"{before.word} gets a name that cannot be read from the text.",
            f"Write the name itself, or as one literal: {before.word}('db.schema.table').",
            after,
        )
    ]


def _is_object_name(literal: str) -> bool:
    """Whether a string literal holds one to three names with dots between, and no sequence."""
    return bool(_OBJECT_NAME.fullmatch(literal)) and not literal.upper().endswith("NEXTVAL'")


def path_before(tokens: Sequence[Token], last: int) -> tuple[list[Token], bool]:
    """The dotted name that ends at ``last``, and whether it is a method of an object (``!``)."""
    path = [tokens[last]]
    of_object = False
    at = last
    while tokens[at - 1].text in {".", "!"} and len(path) < _MAX_PARTS:
        of_object = of_object or tokens[at - 1].text == "!"
        at -= 2
        if tokens[at].kind not in {Kind.WORD, Kind.QUOTED}:
            # Something else is before the dot, so this is no plain built-in either way.
            of_object = True
            break
        path.insert(0, tokens[at])
    if tokens[at - 1].text in {".", "!", ":"} and tokens[at - 1].kind is Kind.PUNCT:
        of_object = True
    return path, of_object
