"""Functions that are told which object to read by their arguments.

Only what is listed here is understood; of every other function that tells about objects it is
assumed that it may tell about all of them.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from snowflake_mcp.policy.calls import Called
from snowflake_mcp.policy.functions import (
    BUILT_IN,
    CAPABILITY_OF,
    GRANTABLE_SYSTEM,
    MATCH_FUNCTIONS,
    SCHEMA_FUNCTIONS,
)
from snowflake_mcp.policy.names import literal_text, path_in
from snowflake_mcp.policy.reference import Level, Reference, unknown
from snowflake_mcp.policy.tokens import Kind, Token
from snowflake_mcp.policy.words import words

__all__ = ["named_by"]

_OF_VALUES: Final = (
    (BUILT_IN - {"GET_OBJECT_REFERENCES", "INFER_SCHEMA", "TO_FILE", "TRY_TO_FILE"})
    | MATCH_FUNCTIONS
    | GRANTABLE_SYSTEM.keys()
    | {name for name, capability in CAPABILITY_OF.items() if capability == "ai"}
    - {"AI_GENERATE_TABLE_DESC", "CORTEX_SEARCH_DATA_SCAN"}
    | words(
        """
        SYSTEM$BEHAVIOR_CHANGE_BUNDLE_STATUS SYSTEM$CLIENT_VERSION_INFO
        SYSTEM$CURRENT_USER_TASK_NAME SYSTEM$EXPLAIN_JSON_TO_TEXT SYSTEM$TYPEOF
        """
    )
)
"""Functions that see only the values they are given."""
_OF_VALUES_IN_CORTEX: Final = words(
    """
    CLASSIFY_TEXT COMPLETE COUNT_TOKENS EMBED_TEXT_1024 EMBED_TEXT_768 EXTRACT_ANSWER SENTIMENT
    SUMMARIZE TRANSLATE TRY_COMPLETE
    """
)
_OF_AN_OBJECT: Final = words(
    """
    CORTEX_SEARCH_DATA_SCAN SEARCH_PREVIEW SYSTEM$AUTO_REFRESH_STATUS SYSTEM$CLUSTERING_DEPTH
    SYSTEM$CLUSTERING_INFORMATION SYSTEM$ESTIMATE_AUTOMATIC_CLUSTERING_COSTS
    SYSTEM$ESTIMATE_SEARCH_OPTIMIZATION_COSTS SYSTEM$EXTERNAL_TABLE_PIPE_STATUS
    SYSTEM$GET_TAG_ALLOWED_VALUES SYSTEM$LAST_CHANGE_COMMIT_TIME SYSTEM$PIPE_STATUS
    SYSTEM$STREAM_BACKLOG SYSTEM$STREAM_HAS_DATA
    """
)
"""Their first argument is the name of an object, as a string."""
_OF_A_STAGE: Final = words(
    """
    BUILD_SCOPED_FILE_URL BUILD_STAGE_FILE_URL GET_ABSOLUTE_PATH GET_PRESIGNED_URL
    GET_RELATIVE_PATH GET_STAGE_LOCATION INFER_SCHEMA PARSE_DOCUMENT TO_FILE TRY_TO_FILE
    """
)
"""Their first argument is a stage, bare or as a string that begins with ``@``."""
_OF_ANYTHING: Final = SCHEMA_FUNCTIONS | CAPABILITY_OF.keys() | {"GET_OBJECT_REFERENCES"}
_DDL_LEVELS: Final = {"DATABASE": Level.DATABASE, "SCHEMA": Level.SCHEMA} | dict.fromkeys(
    words("DYNAMIC_TABLE FUNCTION PIPE PROCEDURE SEQUENCE STREAM TABLE TASK VIEW"), Level.OBJECT
)


def named_by(called: Called, tokens: Sequence[Token], bracket: int) -> Iterator[Reference]:
    """What the call whose bracket is ``tokens[bracket]`` reaches, its own name included."""
    last = called.path[-1]
    name = last.name.upper()
    first = _argument(tokens, bracket + 1)
    path = tuple(part.name for part in called.path)
    in_cortex = path[:2] == ("SNOWFLAKE", "CORTEX")
    if called.of_object:
        yield unknown(last)
    elif name in _OF_AN_OBJECT:
        yield _object(first)
    elif name in _OF_A_STAGE:
        if first.kind is not Kind.STAGE and not _is_stage(first):
            yield unknown(first)
    elif name == "GET_DDL":
        yield _definition(tokens, bracket, first)
    elif (in_cortex and name in _OF_VALUES_IN_CORTEX) or (
        len(path) == 1 and last.kind is Kind.WORD and name in _OF_VALUES
    ):
        return
    elif in_cortex or name in _OF_ANYTHING or "$" in name:
        yield Reference(Level.ACCOUNT, (), last)
    else:
        yield Reference(Level.OBJECT, path, last)


def _argument(tokens: Sequence[Token], at: int) -> Token:
    """The argument at ``at`` when it is one token, else the bracket or sign that it begins with."""
    if at + 1 < len(tokens) and tokens[at + 1].text == "=>":
        at += 2
    whole = at + 1 < len(tokens) and tokens[at + 1].text in {",", ")"}
    return tokens[at] if whole else tokens[at - 1]


def _is_stage(token: Token) -> bool:
    return token.kind is Kind.STRING and literal_text(token).startswith("@")


def _object(first: Token) -> Reference:
    path = path_in(literal_text(first)) if first.kind is Kind.STRING else None
    return Reference(Level.OBJECT, path, first) if path else unknown(first)


def _definition(tokens: Sequence[Token], bracket: int, first: Token) -> Reference:
    """What GET_DDL('kind', 'name') tells about."""
    second = _argument(tokens, bracket + 3)
    if first.kind is not Kind.STRING or second.kind is not Kind.STRING:
        return unknown(first)
    level = _DDL_LEVELS.get(literal_text(first).upper())
    # Functions are named with the types of their arguments.
    path = path_in(literal_text(second).partition("(")[0])
    return Reference(level, path, second) if level is not None and path else unknown(second)
