"""Walks once over the tokens of a query and collects what speaks against it.

This is no parser of SQL. It knows enough of the grammar to say of every bracket whether it is a
function call, to find every place where a statement could begin, and to refuse text that has not
the shape of a query. Time is linear, and nesting costs a list entry, not a call.
"""

from typing import Final, final

from snowflake_mcp.policy import heads
from snowflake_mcp.policy.brackets import open_bracket, path_before
from snowflake_mcp.policy.calls import Called, judge_part, judge_system_name
from snowflake_mcp.policy.findings import Findings
from snowflake_mcp.policy.frames import Clause, Frame, Hold, State
from snowflake_mcp.policy.functions import BUILT_IN
from snowflake_mcp.policy.grammar import ACTIONS, SOFT, TAILS, Step
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import END, START, Kind, Token
from snowflake_mcp.policy.verbs import begins_statement
from snowflake_mcp.policy.words import VERBS

__all__ = ["judge_query"]

_PAD: Final = 4
"""Edge tokens on both sides, so that looking around needs no bounds."""
_FREE: Final = {Hold.MATCH, Hold.OPTIONS, Hold.SEMANTIC, Hold.TYPE}
"""Brackets with words of their own, where values may stand side by side."""
_OPAQUE: Final = {Hold.PATTERN, Hold.MARK}
_BINARY: Final = {"=", "<", ">", "<=", ">=", "<>", "!=", "||", "/", "%", "::", "=>", "->"}


def judge_query(tokens: list[Token], calls: list[Called]) -> list[Finding]:
    """What speaks against ``tokens``, one statement that begins like a query.

    The name of every function that it calls is added to ``calls``.
    """
    return _Walk(tokens, calls).run()


@final
class _Walk:
    """One pass; every token moves the innermost frame and the state."""

    def __init__(self, tokens: list[Token], calls: list[Called]) -> None:
        self._calls = calls
        self._tokens = [START] * _PAD + tokens + [END] * _PAD
        self._frames = [Frame(Hold.QUERY, Clause.HEAD)]
        self._frame = self._frames[0]
        self._state = State.NEED
        self._prior = State.NEED
        self._part = False
        """A part of a name must follow: the last token is a dot, a path colon or ``!``."""
        self._found = Findings()

    def run(self) -> list[Finding]:
        for at in range(_PAD, len(self._tokens) - _PAD):
            token = self._tokens[at]
            entry = self._state
            if token.kind is Kind.PUNCT:
                self._sign(at, token)
            elif self._part:
                self._name_part(at, token)
            elif self._frame.hold in _OPAQUE:
                pass
            elif token.kind is Kind.WORD:
                self._word(at, token)
            else:
                self._value(at, token)
            self._prior = entry
        self._check_end(self._frame, self._tokens[-_PAD - 1])
        return self._found.told()

    def _check_end(self, frame: Frame, last: Token) -> None:
        if self._part or (self._state is State.NEED and last.text not in {"(", "[", "{"}):
            self._found.shape(last, f"Something is missing after {last.text[:40]}.")
        elif frame.clause <= Clause.CTE_NEXT:
            self._found.shape(last, "A query is begun but never stated.")

    # values and names

    def _operand(self, token: Token) -> None:
        frame = self._frame
        if self._state is State.HAVE:
            frame.run += 1
            limit = 1 if frame.hold is Hold.NAMES else 2
            if frame.run > limit and frame.hold not in _FREE:
                self._found.shape(token)
        else:
            frame.run = 1
        self._state = State.HAVE

    def _leave_either(self) -> None:
        frame = self._frame
        if frame.clause is Clause.EITHER and self._state is State.HAVE:
            frame.clause = Clause.FROM if frame.in_table else Clause.NONE

    def _value(self, at: int, token: Token) -> None:
        frame = self._frame
        if token.kind is Kind.QUOTED:
            if token.name.upper().startswith("SYSTEM$"):
                self._system(token)
            if frame.clause is Clause.CTE_NAME:
                frame.clause = Clause.CTE_AS
                return
            frame.rows = False
        elif frame.hold is Hold.NAMES:
            self._found.shape(token)
        if frame.clause <= Clause.CTE_NEXT:
            heads.mismatch(frame, token, self._found)
        self._leave_either()
        before = self._tokens[at - 1]
        if before.word == "TOP" and self._tokens[at - 2].word in {"SELECT", "DISTINCT", "ALL"}:
            frame.run = 0
            self._state = State.NEED
            return
        self._operand(token)

    def _name_part(self, at: int, token: Token) -> None:
        self._part = False
        self._state = State.HAVE
        before = self._tokens[at - 1]
        if token.kind in {Kind.WORD, Kind.QUOTED}:
            name = token.name.upper()
            if name.startswith("SYSTEM$"):
                self._system(token)
            if before.text == ".":
                for finding in judge_part(self._tokens[at - 2], token):
                    self._found.add(finding)
        elif token.kind not in {Kind.NUMBER, Kind.VARIABLE}:
            self._found.shape(token)

    def _system(self, token: Token) -> None:
        finding = judge_system_name(token)
        if finding is not None:
            self._found.add(finding)

    # words

    def _word(self, at: int, token: Token) -> None:
        word, frame = token.word, self._frame
        if word == "INTO":
            self._found.add(
                Finding(
                    Rule.SELECT_INTO,
                    "INTO stores a result, which is a write.",
                    'Remove INTO; if it is a column, quote it: "INTO".',
                    token,
                )
            )
        if word.startswith("SYSTEM$"):
            self._system(token)
        if frame.clause <= Clause.CTE_NEXT:
            self._state = State.NEED
            if not heads.advance(frame, token, self._tokens[at - 1]):
                heads.mismatch(frame, token, self._found)
                self._operand(token)
            return
        frame.rows = False
        after = self._tokens[at + 1]
        if after.text == "=>":
            self._operand(token)
            return
        before = self._tokens[at - 1]
        if after.text == "(" and self._state is not State.HAVE and word in BUILT_IN:
            self._operand(token)
            return
        if word in VERBS and begins_statement(token, before, after, frame):
            self._found.write(token)
            self._operand(token)
            return
        if word not in TAILS:
            self._leave_either()
        action = ACTIONS.get(word)
        if action is None or (before.word == "AS" and word in SOFT):
            self._operand(token)
        else:
            self._state = action(self._step(at, token))

    def _step(self, at: int, token: Token) -> Step:
        return Step(
            token,
            self._tokens[at - 1],
            self._tokens[at - 2],
            self._tokens[at + 1],
            self._tokens[at + 2],
            self._frame,
            self._state,
            self._found.shape,
            self._found.add,
        )

    # signs

    def _sign(self, at: int, token: Token) -> None:
        text, frame = token.text, self._frame
        if text == "(":
            self._open(at)
        elif text in {"[", "{"}:
            self._open_list(token)
        elif text in {")", "]", "}"}:
            self._close(self._tokens[at - 1])
        elif frame.hold in _OPAQUE:
            return
        elif text == ".":
            # Two dots are the short form of a database's PUBLIC schema.
            if self._state is State.NEED and not (self._part and self._tokens[at - 1].text == "."):
                self._found.shape(token)
            self._part = True
        elif text == "*" and (self._part or self._state is not State.HAVE):
            self._part = False
            frame.star = True
            self._operand(token)
        else:
            if self._part:
                self._found.shape(token)
                self._part = False
            self._leave_either()
            self._operator(token)

    def _operator(self, token: Token) -> None:
        text, frame = token.text, self._frame
        need = self._state is State.NEED
        if text == ",":
            self._comma(token)
        elif text == ":":
            self._colon()
        elif text == "!" and not need:
            self._part = True
        elif text in {"+", "-"} or (text == "**" and need):
            self._state = State.NEED
        elif text in _BINARY or text == "*":
            if need or frame.clause <= Clause.CTE_NEXT:
                self._found.shape(token)
            self._state = State.NEED
        else:
            self._found.shape(token)
        frame.run = 0 if text not in {":", "!"} else frame.run

    def _comma(self, token: Token) -> None:
        frame = self._frame
        if frame.clause is Clause.CTE_NEXT:
            frame.clause = Clause.CTE_NAME
        elif self._state is State.NEED or frame.clause <= Clause.CTE_NEXT:
            self._found.shape(token)
        elif frame.clause is Clause.FROM:
            frame.in_on = False
        frame.star = frame.keyed = False
        self._state = State.NEED

    def _colon(self) -> None:
        frame = self._frame
        if self._state is State.NEED:
            frame.run = 1
            self._part = True
        elif frame.name == "{" and not frame.keyed:
            frame.keyed = True
            self._state = State.NEED
        else:
            self._part = True

    # brackets

    def _open(self, at: int) -> None:
        opened, findings = open_bracket(self._tokens, at, self._frames, self._state, self._prior)
        for finding in findings:
            self._found.add(finding)
        if opened.hold in {Hold.CALL, Hold.CAST}:
            self._calls.append(Called(*path_before(self._tokens, at - 1)))
        if self._part:
            self._found.shape(self._tokens[at])
            self._part = False
        if self._state is not State.HAVE:
            self._frame.run = 1
        self._push(opened)

    def _open_list(self, token: Token) -> None:
        if self._frame.hold in _OPAQUE:
            self._push(Frame(Hold.PATTERN, Clause.NONE))
            return
        if self._part:
            self._found.shape(token)
            self._part = False
        if self._state is not State.HAVE:
            self._frame.run = 1
        elif token.text == "{":
            self._found.shape(token)
        if self._frame.clause <= Clause.CTE_NEXT:
            self._found.shape(token)
        self._push(Frame(Hold.LIST, Clause.NONE, token.text))

    def _push(self, opened: Frame) -> None:
        opened.in_match = opened.in_match or self._frame.in_match
        self._frames.append(opened)
        self._frame = opened
        self._state = State.NEED

    def _close(self, before: Token) -> None:
        closed = self._frames.pop()
        if closed.hold not in _OPAQUE and closed.hold is not Hold.OPTIONS:
            self._check_end(closed, before)
        self._part = False
        self._state = State.HAVE
        self._frame = parent = self._frames[-1]
        if parent.clause is Clause.CTE_BODY:
            parent.clause = Clause.CTE_NEXT
        elif parent.clause in {Clause.HEAD, Clause.CTE_NEXT}:
            parent.clause = Clause.TAIL
