"""The rules of the gate: one stable id each, in order of importance, with its remedy."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from snowflake_mcp.policy.tokens import Token

__all__ = ["CAPABILITIES", "SECTION", "Capability", "Finding", "Rule"]

SECTION: Final = "{policy}"
"""Stands in remedies for the section of settings that counts for the author of the text."""


class Rule(Enum):
    """Why a statement is refused; the value is the public id.

    Members stand in order of importance: of several findings the earlier member is told first.
    """

    # no judgement at all
    GATE_UNAVAILABLE = "gate-unavailable"
    # bytes and characters
    TOO_LONG = "too-long"
    NOT_UNICODE = "not-unicode"
    CONTROL_CHARACTER = "control-character"
    # the lexer
    UNTERMINATED = "unterminated"
    NESTED_COMMENT = "nested-comment"
    COMMENT_CHARACTER = "comment-character"
    DOLLAR_QUOTE = "dollar-quote"
    STRING_PREFIX = "string-prefix"
    STAGE_PATH = "stage-path"
    NUMBER = "number"
    CHARACTER = "character"
    BRACKETS = "brackets"
    TOO_DEEP = "too-deep"
    TOO_MANY_TOKENS = "too-many-tokens"
    # one statement, and of which kind
    EMPTY = "empty"
    NOT_A_READ = "not-a-read"
    MULTIPLE_STATEMENTS = "multiple-statements"
    FLOW_NESTED = "flow-nested"
    FLOW_LENGTH = "flow-length"
    WRITE_INSIDE = "write-inside"
    UNKNOWN_STATEMENT = "unknown-statement"
    WRITE_FORM = "write-form"
    UNBOUNDED_WRITE = "unbounded-write"
    # constructs that change something although the statement begins like a read
    SELECT_INTO = "select-into"
    ROW_LOCK = "row-lock"
    SEQUENCE = "sequence"
    SYSTEM_FUNCTION = "system-function"
    DYNAMIC_SQL = "dynamic-sql"
    DYNAMIC_IDENTIFIER = "dynamic-identifier"
    CALL_OF_EXPRESSION = "call-of-expression"
    # capabilities
    USER_FUNCTION = "user-function"
    AI_FUNCTION = "ai-function"
    RESULT_SCAN = "result-scan"
    QUERY_HISTORY = "query-history"
    PRESIGNED_URL = "presigned-url"
    OBJECT_DEFINITION = "object-definition"
    ADMIN_METADATA = "admin-metadata"
    COST = "cost"
    # the operator's rules about objects
    OBJECT_DENIED = "object-denied"
    OBJECT_UNRESOLVED = "object-unresolved"
    MASKED_COLUMN = "masked-column"
    # grammar
    SHOW_KIND = "show-kind"
    DESCRIBE_KIND = "describe-kind"
    METADATA_SYNTAX = "metadata-syntax"
    QUERY_SHAPE = "query-shape"
    # the second opinion
    LEXERS_DISAGREE = "lexers-disagree"
    NOT_PARSED = "not-parsed"
    SYNTAX_TREE = "syntax-tree"

    @property
    def rank(self) -> int:
        """Position in order of importance, from 0."""
        return _RANKS[self]


_RANKS: Final = {rule: position for position, rule in enumerate(Rule)}


@dataclass(frozen=True, slots=True)
class Capability:
    """Something beyond plain reading that an operator may grant by name."""

    name: str
    rule: Rule
    meaning: str
    """What the operator allows with it, completing "a statement that …"."""


CAPABILITIES: Final = {
    capability.name: capability
    for capability in (
        Capability(
            "udf",
            Rule.USER_FUNCTION,
            "calls a user-defined function, model or procedure, which may reach the network",
        ),
        Capability(
            "ai", Rule.AI_FUNCTION, "calls a Cortex model, which costs credits and sends data to it"
        ),
        Capability(
            "result_scan",
            Rule.RESULT_SCAN,
            "reads the stored result of another statement of the same Snowflake user",
        ),
        Capability(
            "query_history",
            Rule.QUERY_HISTORY,
            "reads the text of statements and logins of other clients",
        ),
        Capability(
            "presigned_url",
            Rule.PRESIGNED_URL,
            "makes a URL that opens staged files to whoever holds it",
        ),
        Capability(
            "get_ddl", Rule.OBJECT_DEFINITION, "reads the definition of an object with GET_DDL"
        ),
        Capability(
            "admin_metadata",
            Rule.ADMIN_METADATA,
            "lists users, integrations, secrets, policies, shares or other security metadata",
        ),
        Capability("system_wait", Rule.COST, "keeps a warehouse busy with SYSTEM$WAIT"),
    )
}
"""Every capability by name, in the order in which the documentation lists them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation while a statement is judged; becomes a ``Refusal`` with its place."""

    rule: Rule
    message: str
    remedy: str
    """``SECTION`` in it becomes the section's name."""
    token: Token | None = None
    capability: str | None = None
    """Set when granting this capability would lift the finding."""
