"""Features of Snowflake's SQL that are told to be unsupported, where the engine would mumble."""

from collections.abc import Sequence
from typing import Any, Final

from snowflake_mcp.simulator.failures import not_supported
from snowflake_mcp.simulator.lexical import Token

__all__ = ["refuse_features", "refuse_script"]

_MODEL_FUNCTIONS: Final = ("AI_", "CORTEX_")
_BEGIN: Final = frozenset({"", "TRANSACTION", "WORK", "NAME"})


def refuse_script(found: Sequence[Token]) -> None:
    """Refuse a block of Snowflake Scripting, which looks like several statements.

    :raises StatementFailed: 000002
    """
    words = [token.keyword or token.text for token in found[:2]]
    if words[:1] == ["BEGIN"] and len(words) == 2 and words[1] not in {*_BEGIN, ";"}:
        raise not_supported("Snowflake Scripting")


def refuse_features(expression: Any) -> None:
    """Refuse time travel, stages in queries, MATCH_RECOGNIZE and models.

    :raises StatementFailed: 000002
    """
    from sqlglot import exp

    told = {
        exp.HistoricalData: "time travel",
        exp.MatchRecognize: "MATCH_RECOGNIZE",
        exp.Changes: "CHANGES",
        exp.PivotAny: "PIVOT with ANY",
    }
    for node in expression.find_all(*told, exp.Var, exp.Func, exp.Dot):
        if type(node) in told:
            raise not_supported(told[type(node)])
        if isinstance(node, exp.Var) and node.name.startswith("@"):
            raise not_supported("reading a stage")
        if isinstance(node, exp.Dot):
            if str(node.this.sql()).upper().startswith("SNOWFLAKE.CORTEX"):
                raise not_supported("SNOWFLAKE.CORTEX")
        elif isinstance(node, exp.Func):
            name = str(node.this if isinstance(node, exp.Anonymous) else node.sql_name()).upper()
            if name.startswith(_MODEL_FUNCTIONS):
                raise not_supported(f"the function {name[:60]}")
