"""What each keyword of a query does to the clause it stands in, and what may follow it."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, NamedTuple

from snowflake_mcp.policy.frames import Clause, Frame, Hold, State
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import TYPED_LITERALS, words

__all__ = ["ACTIONS", "SOFT", "TAILS", "Step"]


class Step(NamedTuple):
    """A keyword with its surroundings."""

    token: Token
    before: Token
    second: Token
    """The token before ``before``."""
    after: Token
    then: Token
    """The token after ``after``."""
    frame: Frame
    state: State
    shape: Callable[[Token], None]
    """Reports that ``token`` does not belong here."""
    add: Callable[[Finding], None]


SOFT: Final = words(
    """
    ALL ANY ASC ASOF AT BEFORE BERNOULLI BLOCK CHANGES CROSS CUBE CURRENT DESC DIRECTED EXCLUDE
    FIRST FOLLOWING FULL GROUPING GROUPS IGNORE INCLUDE INNER LAST LEFT MATCH_CONDITION
    MATCH_RECOGNIZE NATURAL NEXT NOCYCLE NULLS ONLY OUTER OVER PARTITION PERCENT PIVOT PRECEDING
    PRECISION RANGE RECURSIVE RENAME REPEATABLE REPLACE RESAMPLE RESPECT RIGHT ROLLUP ROW ROWS
    SAMPLE SEED SETS SOME SYSTEM TABLESAMPLE TO TOP UNBOUNDED UNPIVOT VARYING WITHIN ZONE
    """
)
"""Keywords in some places, names in others."""

TAILS: Final = words("EXCEPT FETCH INTERSECT LIMIT MINUS OFFSET ORDER UNION")
"""Words that may follow a whole query."""

_FREE: Final = {Hold.MATCH, Hold.OPTIONS, Hold.SEMANTIC}
_PLAIN: Final = {Hold.QUERY, Hold.GROUP, Hold.CALL, Hold.LIST}
_NEGATED: Final = words("BETWEEN ILIKE IN LIKE REGEXP RLIKE")
_BOUNDS: Final = {Kind.NUMBER, Kind.VARIABLE, Kind.BIND, Kind.STRING}


def _soft(step: Step) -> State:
    step.frame.run = 0
    return State.SOFT


def _prefix(step: Step) -> State:
    step.frame.run = 0
    return State.NEED


def _value_begins(step: Step) -> State:
    if step.state is State.HAVE:
        step.shape(step.token)
    return _prefix(step)


def _table(step: Step) -> State:
    if step.state is State.HAVE or step.after.text != "(":
        step.shape(step.token)
    return _prefix(step)


def _not(step: Step) -> State:
    if step.state is State.HAVE and step.after.word not in _NEGATED and step.frame.hold in _PLAIN:
        step.shape(step.token)
    return _prefix(step)


def _infix(step: Step) -> State:
    if step.state is State.NEED and step.before.word != "NOT":
        step.shape(step.token)
    return _prefix(step)


def _misplaced(step: Step) -> State:
    step.shape(step.token)
    return _prefix(step)


def _case(step: Step) -> State:
    step.frame.cases += 1
    return _value_begins(step)


def _case_end(step: Step) -> State:
    frame = step.frame
    if not frame.cases:
        return _soft(step)
    frame.cases -= 1
    if step.state is State.NEED:
        step.shape(step.token)
    frame.run = 1
    return State.HAVE


def _typed(step: Step) -> State:
    if step.state is State.HAVE:
        step.frame.run += 1
        if step.frame.run > 2:
            step.shape(step.token)
        return State.HAVE
    if step.after.kind is Kind.STRING:
        return _prefix(step)
    step.frame.run = 1
    return State.HAVE


def _with(step: Step) -> State:
    if step.before.word == "TIMESTAMP":
        return _soft(step)
    if step.before.word != "START" and step.frame.hold not in _FREE:
        step.shape(step.token)
    return _prefix(step)


def _values(step: Step) -> State:
    if not step.frame.expects_table(step.state, step.before):
        step.shape(step.token)
    step.frame.rows = True
    return _prefix(step)


def _from(step: Step) -> State:
    frame, before = step.frame, step.before
    if frame.hold is Hold.CALL and frame.name in {"EXTRACT", "DATE_PART"}:
        return _prefix(step)
    if before.word == "DISTINCT" and step.second.word in {"IS", "NOT"}:
        return _prefix(step)
    if step.after.word in {"FIRST", "LAST"} and step.then.word in {"IGNORE", "RESPECT", "OVER"}:
        return _soft(step)
    # A comma may stand after the last item of a select list.
    if frame.clause is not Clause.SELECT or (step.state is State.NEED and before.text != ","):
        step.shape(step.token)
    elif frame.clause is Clause.SELECT:
        frame.clause = Clause.FROM
        frame.in_on = False
    return _prefix(step)


def _advance(step: Step, clause: Clause) -> State:
    frame = step.frame
    if frame.hold not in _FREE:
        only_tail = frame.clause in {Clause.VALUES, Clause.TAIL, Clause.EITHER}
        if (
            step.state is State.NEED
            or frame.clause is Clause.NONE
            or frame.clause >= clause
            or (only_tail and clause < Clause.TAIL)
        ):
            step.shape(step.token)
        else:
            frame.clause = clause
    return _prefix(step)


def _where(step: Step) -> State:
    frame = step.frame
    if frame.clause is Clause.WHERE and frame.name == "CONNECT":
        frame.name = ""
        return _prefix(step)
    return _advance(step, Clause.WHERE)


def _connect(step: Step) -> State:
    frame = step.frame
    if step.after.word in {"WITH", "BY"} and frame.clause in {Clause.FROM, Clause.WHERE}:
        frame.clause = Clause.WHERE
        frame.name = "CONNECT"
        return _soft(step)
    return _soft(step)


def _group(step: Step) -> State:
    if step.before.word == "WITHIN":
        return _soft(step)
    if step.after.word != "BY":
        return _misplaced(step)
    return _advance(step, Clause.GROUP)


def _order(step: Step) -> State:
    if step.after.word != "BY":
        return _misplaced(step)
    if step.frame.clause is Clause.NONE:
        return _prefix(step)
    return _advance(step, Clause.ORDER)


def _bound(step: Step, clause: Clause) -> State:
    """LIMIT, OFFSET and FETCH are keywords only where a number follows a query."""
    is_clause = (
        step.after.kind in _BOUNDS
        or step.after.text == ":"
        or step.after.word == "NULL"
        or (clause is Clause.FETCH and step.after.word in {"FIRST", "NEXT"})
    )
    if not is_clause or step.state is State.NEED or step.frame.clause is Clause.NONE:
        return _soft(step)
    state = _advance(step, clause)
    return State.SOFT if clause is Clause.FETCH else state


def _set_operator(step: Step) -> State:
    frame = step.frame
    if step.state is State.NEED or frame.clause is Clause.NONE:
        step.shape(step.token)
    else:
        frame.clause = Clause.HEAD
        frame.stated = True
        frame.in_on = frame.rows = False
        frame.name = ""
    return _prefix(step)


def _join(step: Step) -> State:
    if step.state is State.NEED or step.frame.clause is not Clause.FROM:
        step.shape(step.token)
    step.frame.in_on = False
    return _prefix(step)


def _on(step: Step) -> State:
    if step.state is State.NEED:
        step.shape(step.token)
    step.frame.in_on = True
    return _prefix(step)


def _for(step: Step) -> State:
    if step.frame.hold is not Hold.PIVOT:
        step.add(
            Finding(
                Rule.ROW_LOCK,
                "FOR belongs only into PIVOT and UNPIVOT; FOR UPDATE locks rows.",
                'Remove it; if it is a column, quote it: "FOR".',
                step.token,
            )
        )
    return _prefix(step)


def _actions() -> dict[str, Callable[[Step], State]]:
    actions: dict[str, Callable[[Step], State]] = dict.fromkeys(SOFT, _soft)
    actions |= dict.fromkeys(words("CONNECT_BY_ROOT DISTINCT EXISTS LATERAL PRIOR"), _value_begins)
    actions |= dict.fromkeys(words("BY USING WHEN"), _prefix)
    actions |= dict.fromkeys(
        words("AND AS BETWEEN COLLATE ELSE ESCAPE ILIKE IN IS LIKE OR REGEXP RLIKE THEN"), _infix
    )
    actions |= dict.fromkeys(TYPED_LITERALS, _typed)
    actions |= dict.fromkeys(words("EXCEPT INTERSECT MINUS UNION"), _set_operator)
    actions |= dict.fromkeys(words("CONNECT START"), _connect)
    actions |= {
        "CASE": _case,
        "END": _case_end,
        "FETCH": partial(_bound, clause=Clause.FETCH),
        "FOR": _for,
        "FROM": _from,
        "GROUP": _group,
        "HAVING": partial(_advance, clause=Clause.HAVING),
        "JOIN": _join,
        "LIMIT": partial(_bound, clause=Clause.LIMIT),
        "OFFSET": partial(_bound, clause=Clause.OFFSET),
        "NOT": _not,
        "ON": _on,
        "ORDER": _order,
        "QUALIFY": partial(_advance, clause=Clause.QUALIFY),
        "SELECT": _misplaced,
        "TABLE": _table,
        "VALUES": _values,
        "WHERE": _where,
        "WITH": _with,
    }
    return actions


ACTIONS: Final[Mapping[str, Callable[[Step], State]]] = MappingProxyType(_actions())
"""Every keyword that is more than a name."""
