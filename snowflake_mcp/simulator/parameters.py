"""Session parameters that the endpoint acts upon: at login, by ALTER SESSION, on a statement."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import Words, tokens

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


@dataclass(slots=True)
class Parameters:
    """What one session has set; reactor thread only."""

    _set: dict[str, bool | int | str] = field(default_factory=dict)

    def get(self, name: str, statement: Mapping[str, Any] | None = None) -> bool | int | str:
        """The value for a statement, whose own parameters go before the session's."""
        if statement and name in statement:
            own = _read(name, statement[name])
            if own is not None:
                return own
        return self._set.get(name, _DEFAULTS[name])

    def put(self, name: str, value: object) -> None:
        """Set a parameter.

        :raises StatementFailed: 001008 for a value that it cannot have.
        """
        if name not in _DEFAULTS:
            return
        read = _read(name, value)
        if read is None:
            text = f"invalid value [{str(value)[:100]}] for parameter '{name}'"
            raise StatementFailed("001008", "22023", f"SQL compilation error:\n{text}")
        self._set[name] = read

    def alter(self, sql: str) -> None:
        """Do what ``sql`` says if it is an ALTER SESSION; any other statement changes nothing.

        :raises StatementFailed: 001003 or 001008
        """
        if not _ALTER.match(sql):
            return
        words = Words(tokens(sql)[2:])
        setting = words.accept("SET")
        if not setting and not words.accept("UNSET"):
            raise words.unexpected()
        while not words.done and not words.accept(";"):
            name = words.name()
            if not setting:
                self._set.pop(name, None)
            elif words.accept("="):
                sign = "-" if words.accept("-") else ""
                token = words.take()
                self.put(name, sign + (token.value if token.kind == "string" else token.text))
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
