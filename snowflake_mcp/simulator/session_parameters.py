"""Session parameters that the endpoint acts upon: at login, by ALTER SESSION, on a statement."""

import re
from collections.abc import Mapping
from typing import Any, Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import Words, statements, tokens

__all__ = ["Parameters"]

_DEFAULTS: Final[Mapping[str, bool | int | str]] = {
    "ABORT_DETACHED_QUERY": False,
    "QUERY_TAG": "",
    "ROWS_PER_RESULTSET": 0,
    "STATEMENT_TIMEOUT_IN_SECONDS": 0,
    "USE_CACHED_RESULT": True,
}
"""All others are accepted and without effect. 0: no limit."""

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
        return _DEFAULTS[name]

    def put(self, name: str, value: object) -> None:
        """Set a parameter; without effect for one that nothing here acts upon.

        :raises StatementFailed: 001008 for a value that it cannot have.
        """
        if name not in _DEFAULTS:
            return
        if _read(name, value) is None:
            text = f"invalid value [{str(value)[:100]}] for parameter '{name}'"
            raise StatementFailed("001008", "22023", f"SQL compilation error:\n{text}")
        self._texts[name] = str(value)

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
    default = _DEFAULTS[name]
    text = str(value)
    if isinstance(default, bool):
        return {"TRUE": True, "FALSE": False}.get(text.upper())
    if isinstance(default, str):
        return text if len(text) <= _MAX_TEXT else None
    return int(text) if text.isdecimal() and len(text) < 10 else None
