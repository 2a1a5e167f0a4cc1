"""The gate: asks the judges about one SQL text, and refuses when they cannot answer."""

from typing import Final

from snowflake_mcp.policy.judges import Judges, JudgesUnavailable
from snowflake_mcp.policy.lexer import LexicalError, check_bytes
from snowflake_mcp.policy.refusals import refused
from snowflake_mcp.policy.rules import Rule
from snowflake_mcp.policy.terms import NOWHERE, Situation, Terms
from snowflake_mcp.policy.verdict import Refusal, Verdict

__all__ = ["Gate"]

_REMEDY: Final = (
    "Nothing was sent. Call again; if this statement is refused like this every time, "
    "make it shorter or less nested."
)


class Gate:
    """Judges SQL texts; holds no state, so one gate serves every caller. Reactor thread only."""

    def __init__(self, judges: Judges) -> None:
        self._judges = judges

    async def judge(
        self, sql: str, terms: Terms, situation: Situation = NOWHERE, owner: str = ""
    ) -> Verdict:
        """Decide about ``sql``; never raises for any text, and answers within seconds.

        Texts of one ``owner`` wait behind each other, not others behind them.

        Raises:
            CancelledError: the caller is no longer interested.
        """
        try:
            # Length and single characters are all that this process looks at: what does not
            # even fit into one line of JSON is not handed on.
            check_bytes(sql, terms.max_sql_bytes)
            return await self._judges.verdict(sql, terms, situation, owner)
        except LexicalError as error:
            return refused(sql, [error.finding])
        except JudgesUnavailable as problem:
            refusal = Refusal(Rule.GATE_UNAVAILABLE.value, str(problem), _REMEDY, retryable=True)
            return Verdict(False, "unknown", "", frozenset(), (refusal,))
