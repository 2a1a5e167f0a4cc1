"""Decides about one function call by its name."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from snowflake_mcp.policy.functions import (
    BUILT_IN,
    CAPABILITY_OF,
    GRANTABLE_SYSTEM,
    MATCH_FUNCTIONS,
    NEVER,
    SCHEMA_FUNCTIONS,
    SYSTEM_READS,
    USAGE_SCHEMAS,
    USAGE_VIEWS,
)
from snowflake_mcp.policy.rules import CAPABILITIES, SECTION, Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token

__all__ = ["Called", "judge_call", "judge_part", "judge_system_name", "needs"]


class Called(NamedTuple):
    """The name of a function that a statement calls."""

    path: list[Token]
    """Its parts, outermost first; at least one."""
    of_object: bool
    """It is a method of a model or class instance (``name!METHOD``)."""


_ASK: Final = "ask the operator to grant capability `{}` (setting {}.capabilities)"


def needs(capability: str, message: str, token: Token, instead: str = "") -> Finding:
    """A finding that granting ``capability`` lifts; ``instead`` is a way without it."""
    remedy = _ASK.format(capability, SECTION)
    remedy = f"{instead} or {remedy}." if instead else f"{remedy[0].upper()}{remedy[1:]}."
    return Finding(CAPABILITIES[capability].rule, message, remedy, token, capability)


def judge_call(path: Sequence[Token], *, of_object: bool, in_match: bool) -> list[Finding]:
    """What speaks against calling the function at ``path``.

    Args:
        path: the parts of its name, outermost first; at least one.
        of_object: it is a method of a model or class instance (``name!METHOD``).
        in_match: the call stands inside MATCH_RECOGNIZE.
    """
    last = path[-1]
    name = last.name.upper()
    if name.startswith("SYSTEM$") and len(path) == 1 and not of_object:
        return []  # every mention of such a name is judged by judge_system_name
    if name in NEVER:
        return [_never(name, last)]
    findings: list[Finding] = []
    if capability := CAPABILITY_OF.get(name):
        findings.append(
            needs(
                capability,
                f"{name} {_MEANING[capability]}.",
                last,
                _INSTEAD.get(capability, ""),
            )
        )
    plain = last.kind is Kind.WORD and not of_object
    schema = path[-2].name if len(path) > 1 else None
    if plain and schema is None:
        if findings or name in BUILT_IN or name in SCHEMA_FUNCTIONS:
            return findings
        if in_match and name in MATCH_FUNCTIONS:
            return findings
    elif plain and schema == "INFORMATION_SCHEMA":
        if findings or name in SCHEMA_FUNCTIONS:
            return findings
    elif plain and schema == "CORTEX" and len(path) == 3 and path[0].name == "SNOWFLAKE":
        message = f"SNOWFLAKE.CORTEX.{name} {_MEANING['ai']}."
        return [*findings, needs("ai", message, last, _INSTEAD["ai"])]
    if plain and schema is None and name.startswith("AI_"):
        # A model function that is newer than the list, or a user's own: it takes both grants.
        findings.append(needs("ai", f"{name[:80]} {_MEANING['ai']}.", last, _INSTEAD["ai"]))
    full = ".".join(part.text for part in path)
    findings.append(
        needs(
            "udf",
            f"{full[:80]} is not a known built-in function; "
            "a user-defined function may reach the network.",
            last,
            'Use a built-in function (unquoted: ABS, not "abs")'
            if last.kind is Kind.QUOTED
            else "Use a built-in function",
        )
    )
    return findings


def judge_system_name(token: Token) -> Finding | None:
    """What speaks against a name that begins with SYSTEM$, called or not."""
    name = token.name.upper()
    if name in SYSTEM_READS and token.kind is Kind.WORD:
        return None
    if (capability := GRANTABLE_SYSTEM.get(name)) and token.kind is Kind.WORD:
        return needs(
            capability,
            f"{name} keeps a warehouse busy without reading anything.",
            token,
            "Remove the call",
        )
    return Finding(
        Rule.SYSTEM_FUNCTION,
        f"{name[:80]} is not on the list of system functions that only read.",
        "Remove the call; SHOW, DESCRIBE and INFORMATION_SCHEMA tell most of what is asked for.",
        token,
    )


def judge_part(owner: Token, part: Token) -> list[Finding]:
    """What speaks against the name ``owner.part``, called or not."""
    name = part.name.upper()
    if name == "NEXTVAL":
        return [_never(name, part)]
    if name in USAGE_VIEWS and owner.name.upper() in USAGE_SCHEMAS:
        message = f"{name} {_MEANING['query_history']}."
        return [needs("query_history", message, part, _INSTEAD["query_history"])]
    return []


def _never(name: str, token: Token) -> Finding:
    if name == "TO_QUERY":
        return Finding(
            Rule.DYNAMIC_SQL,
            "TO_QUERY runs a text as SQL, so nobody can see what it does.",
            "Write the query itself instead of a text that holds it.",
            token,
        )
    return Finding(
        Rule.SEQUENCE,
        f"{name} takes a number from a sequence, which changes the sequence.",
        "Use ROW_NUMBER() OVER (ORDER BY ...) or SEQ4() to number rows; "
        "of a JSON path write v['nextval'].",
        token,
    )


_MEANING: Final = {
    "ai": "calls a model, which costs credits and sends it the data",
    "result_scan": "reaches the stored results of earlier statements",
    "query_history": "shows the statements or logins of other clients",
    "presigned_url": "makes a URL that opens staged files to whoever holds it",
    "get_ddl": "shows the definition of an object",
    "admin_metadata": "shows security metadata",
}
_INSTEAD: Final = {
    "ai": "Read the columns without the model",
    "result_scan": "Run the query itself again, or chain it with ->> and read FROM $1,",
    "query_history": "Use WAREHOUSE_LOAD_HISTORY or the usage views without statement texts",
    "presigned_url": "Read the file with SELECT $1 FROM @stage/path",
    "get_ddl": "Use the tools describe_view and describe_table",
}
