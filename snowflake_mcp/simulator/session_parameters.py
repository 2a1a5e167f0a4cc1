"""Session parameters: those there are, and what login, ALTER SESSION and statements set."""

import re
from collections.abc import Mapping
from typing import Any, Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import Words, statements, tokens

__all__ = ["KNOWN", "Parameters"]

KNOWN: Final[Mapping[str, tuple[str, str, str]]] = {
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

_ACTED_UPON: Final[Mapping[str, bool | int | str]] = {
    "ABORT_DETACHED_QUERY": False,
    "QUERY_TAG": "",
    "ROWS_PER_RESULTSET": 0,
    "STATEMENT_TIMEOUT_IN_SECONDS": 0,
    "USE_CACHED_RESULT": True,
}
"""With their values here; 0: no limit. All others are kept for SHOW PARAMETERS alone."""

_MAX_TEXT: Final = 2_000
"""Snowflake's longest QUERY_TAG."""

_ALTER: Final = re.compile(r"\s*ALTER\s+SESSION\b", re.IGNORECASE)


class Parameters:
    """What one session has set, in its ``texts`` by name; reactor thread only."""

    def __init__(self, texts: dict[str, str]) -> None:
        """``texts`` is the session's own; it is written to while no statement of it runs."""
        self._texts = texts

    def get(self, name: str, statement: Mapping[str, Any] | None = None) -> bool | int | str:
        """The value for a statement, whose own parameters go before the session's."""
        for given in (statement or {}, self._texts):
            value = _read(name, given[name]) if name in given else None
            if value is not None:
                return value
        return _ACTED_UPON[name]

    def put(self, name: str, value: object) -> None:
        """Set a parameter; one that is not known is forgotten.

        :raises StatementFailed: 001008 for a value that it cannot have.
        """
        if name not in KNOWN:
            return
        if name in _ACTED_UPON and _read(name, value) is None:
            text = f"invalid value [{str(value)[:100]}] for parameter '{name}'"
            raise StatementFailed("001008", "22023", f"SQL compilation error:\n{text}")
        self._texts[name] = str(value)[:_MAX_TEXT]

    def alter(self, sql: str) -> None:
        """Do what ``sql`` says if it is an ALTER SESSION; any other statement changes nothing.

        :raises StatementFailed: 001003 or 001008
        """
        if not _ALTER.match(sql):
            return
        parts = statements(tokens(sql))
        if len(parts) > 1:
            # It will be refused.
            return
        words = Words(parts[0][2:])
        setting = words.accept("SET")
        if not setting and not words.accept("UNSET"):
            raise words.unexpected()
        while not words.done:
            name = words.name()
            if not setting:
                self._texts.pop(name, None)
            elif words.accept("="):
                sign = "-" if words.accept("-") else ""
                token = words.take()
                text = token.value if token.kind == "string" else token.text.lower()
                self.put(name, sign + text)
            else:
                raise words.unexpected()
            words.accept(",")


def _read(name: str, value: object) -> bool | int | str | None:
    """``value`` in the kind that the parameter has; None when it cannot be."""
    default = _ACTED_UPON[name]
    text = str(value)
    if isinstance(default, bool):
        return {"TRUE": True, "FALSE": False}.get(text.upper())
    if isinstance(default, str):
        return text if len(text) <= _MAX_TEXT else None
    return int(text) if text.isdecimal() and len(text) < 10 else None
