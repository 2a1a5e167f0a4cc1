"""Session parameters: what ALTER SESSION sets and SHOW PARAMETERS tells."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from snowflake_mcp.simulator.jobs import Job
from snowflake_mcp.simulator.lexical import Words
from snowflake_mcp.simulator.show import Listing, ShowRequest

if TYPE_CHECKING:
    from snowflake_mcp.simulator.execution import Connection

__all__ = ["alter_session", "parameters", "variables"]

_HEADER: Final = ("key", "value", "default", "level", "description", "type")
_DEFAULTS: Final[Mapping[str, tuple[str, str, str]]] = {
    "ABORT_DETACHED_QUERY": ("false", "BOOLEAN", "Abort a query when its client is gone"),
    "AUTOCOMMIT": ("true", "BOOLEAN", "Whether a statement commits by itself"),
    "BINARY_INPUT_FORMAT": ("HEX", "STRING", "Input format of BINARY"),
    "BINARY_OUTPUT_FORMAT": ("HEX", "STRING", "Output format of BINARY"),
    "CLIENT_SESSION_KEEP_ALIVE": ("false", "BOOLEAN", "Whether clients keep a session alive"),
    "DATE_INPUT_FORMAT": ("AUTO", "STRING", "Input format of DATE"),
    "DATE_OUTPUT_FORMAT": ("YYYY-MM-DD", "STRING", "Output format of DATE"),
    "GEOGRAPHY_OUTPUT_FORMAT": ("GeoJSON", "STRING", "Output format of GEOGRAPHY"),
    "GEOMETRY_OUTPUT_FORMAT": ("GeoJSON", "STRING", "Output format of GEOMETRY"),
    "LOCK_TIMEOUT": ("43200", "NUMBER", "Seconds to wait for a lock"),
    "MULTI_STATEMENT_COUNT": ("1", "NUMBER", "Statements in one request; 0: any number"),
    "QUERY_TAG": ("", "STRING", "Text kept with each statement in the history"),
    "QUOTED_IDENTIFIERS_IGNORE_CASE": ("false", "BOOLEAN", "Whether quoted names ignore case"),
    "ROWS_PER_RESULTSET": ("0", "NUMBER", "Most rows of a result; 0: all"),
    "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": ("0", "NUMBER", "Most seconds in the queue"),
    "STATEMENT_TIMEOUT_IN_SECONDS": ("172800", "NUMBER", "Most seconds that a statement runs"),
    "TIMESTAMP_LTZ_OUTPUT_FORMAT": ("", "STRING", "Output format of TIMESTAMP_LTZ"),
    "TIMESTAMP_NTZ_OUTPUT_FORMAT": (
        "YYYY-MM-DD HH24:MI:SS.FF3",
        "STRING",
        "Output format of TIMESTAMP_NTZ",
    ),
    "TIMESTAMP_OUTPUT_FORMAT": (
        "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM",
        "STRING",
        "Output format of all timestamps",
    ),
    "TIMESTAMP_TYPE_MAPPING": ("TIMESTAMP_NTZ", "STRING", "What TIMESTAMP means"),
    "TIMESTAMP_TZ_OUTPUT_FORMAT": ("", "STRING", "Output format of TIMESTAMP_TZ"),
    "TIMEZONE": ("Etc/UTC", "STRING", "Time zone of the session"),
    "TIME_OUTPUT_FORMAT": ("HH24:MI:SS", "STRING", "Output format of TIME"),
    "TRANSACTION_DEFAULT_ISOLATION_LEVEL": ("READ COMMITTED", "STRING", "Isolation level"),
    "USE_CACHED_RESULT": ("true", "BOOLEAN", "Whether a result may be used again"),
    "WEEK_OF_YEAR_POLICY": ("0", "NUMBER", "How weeks of a year are counted"),
    "WEEK_START": ("0", "NUMBER", "First day of a week"),
}
"""Value, type and meaning; the values of an account that changed nothing."""


def parameters(request: ShowRequest, connection: "Connection", _job: Job) -> Listing:
    """SHOW PARAMETERS: in the session with what it set, elsewhere as they are by default."""
    own = connection.place.parameters if request.scope in {"", "SESSION"} else {}
    return _HEADER, [
        (
            key,
            [key, own.get(key, default), default, "SESSION" if key in own else "", meaning, kind],
        )
        for key, (default, kind, meaning) in _DEFAULTS.items()
    ]


def variables(_request: ShowRequest, connection: "Connection", job: Job) -> Listing:
    """SHOW VARIABLES: what SET has set in this session."""
    header = ("session_id", "created_on", "updated_on", "name", "value", "type", "comment")
    return header, [
        (name, [str(job.session_id), None, None, name, value, kind, ""])
        for name, value, kind in connection.variables()
    ]


def alter_session(connection: "Connection", words: Words) -> None:
    """Keep what ALTER SESSION sets or unsets; nothing but SHOW PARAMETERS asks for it.

    ``words`` stand behind SESSION.

    :raises StatementFailed: 001003
    """
    kept = connection.place.parameters
    if words.accept("UNSET"):
        while not words.done:
            kept.pop(words.name(), None)
            words.accept(",")
        return
    if not words.accept("SET"):
        raise words.unexpected()
    while not words.done:
        name = words.name()
        if not words.accept("="):
            raise words.unexpected()
        sign = "-" if words.accept("-") else ""
        token = words.take()
        kept[name] = token.value if token.kind == "string" else sign + token.text.lower()
        words.accept(",")
