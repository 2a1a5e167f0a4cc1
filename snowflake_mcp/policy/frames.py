"""What an open bracket of a query holds, and how far its clauses have come."""

from enum import Enum, IntEnum, auto
from typing import final

from snowflake_mcp.policy.tokens import Token

__all__ = ["Clause", "Frame", "Hold", "State"]


class Hold(Enum):
    """What stands between a pair of brackets."""

    QUERY = auto()
    """A query, or a query in more brackets."""
    GROUP = auto()
    """An expression, a list of expressions, a join, or the rows of VALUES."""
    CALL = auto()
    """Arguments of a function."""
    CAST = auto()
    """Arguments of CAST and TRY_CAST, where AS is followed by a type."""
    TYPE = auto()
    """Parameters of a data type."""
    NAMES = auto()
    """Column names of an alias, and nothing else."""
    WINDOW = auto()
    """A window or WITHIN GROUP."""
    PIVOT = auto()
    OPTIONS = auto()
    """Named options, as of AT, SAMPLE, a stage; free in their order of words."""
    MATCH = auto()
    """The body of MATCH_RECOGNIZE."""
    PATTERN = auto()
    """A row pattern, a language of its own without calls."""
    SEMANTIC = auto()
    """The body of SEMANTIC_VIEW."""
    MARK = auto()
    """The outer join mark ``(+)``."""
    LIST = auto()
    """An array or object literal, or a subscript."""


class Clause(IntEnum):
    """How far a query has come; clauses from SELECT on are in the order of the language."""

    HEAD = 0
    """A query must begin here."""
    CTE_NAME = 1
    CTE_AS = 2
    CTE_BODY = 3
    CTE_NEXT = 4
    EITHER = 5
    """A doubly bracketed thing that began with a query: its tail, an expression, or a join."""
    NONE = 6
    """No query: the content of a bracket."""
    SELECT = 10
    VALUES = 11
    FROM = 12
    WHERE = 13
    GROUP = 14
    HAVING = 15
    QUALIFY = 16
    TAIL = 17
    """After a query in brackets."""
    ORDER = 18
    LIMIT = 19
    OFFSET = 20
    FETCH = 21


class State(Enum):
    """What may come next inside an expression."""

    NEED = auto()
    """An operand."""
    HAVE = auto()
    """An operator, a separator, an alias, or the end."""
    SOFT = auto()
    """Either: the last word is a keyword in some places and a name in others."""


@final
class Frame:
    """One open bracket, or the statement itself; changed while the walk goes on."""

    __slots__ = (
        "cases",
        "clause",
        "hold",
        "in_match",
        "in_on",
        "in_table",
        "keyed",
        "name",
        "rows",
        "run",
        "star",
        "stated",
    )

    def __init__(self, hold: Hold, clause: Clause, name: str = "") -> None:
        self.hold = hold
        self.clause = clause
        self.name = name
        """Function name of a CALL."""
        self.cases = 0
        """CASE expressions that are not ended yet."""
        self.run = 0
        """Values that stand side by side without an operator; two is a value and its alias."""
        self.in_match = hold is Hold.MATCH
        """Anywhere inside MATCH_RECOGNIZE."""
        self.in_on = False
        """Within a join condition, as opposed to where a table may stand."""
        self.in_table = False
        """The bracket itself stands where a table may stand."""
        self.rows = False
        """Within the rows of FROM VALUES."""
        self.star = False
        """The present item began with ``*``, so EXCLUDE, RENAME and REPLACE may follow."""
        self.stated = False
        """Something has been read in this query, so WITH may no longer begin."""
        self.keyed = False
        """The present item of an object literal has had the colon after its key."""

    def expects_table(self, state: State, before: Token) -> bool:
        """Whether a table, and not a value, stands next; ``before`` is the token before it."""
        return (
            self.clause is Clause.FROM
            and not self.in_on
            and not self.rows
            and state is State.NEED
            and before.word in {"FROM", "JOIN", "LATERAL", ",", "("}
        )
