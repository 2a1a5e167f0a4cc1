"""Result reuse: a query asked again over unchanged data is answered with the result of before."""

import re
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from snowflake_mcp.simulator.failures import StatementFailed
from snowflake_mcp.simulator.lexical import tokens

__all__ = ["Reuse", "changes_data", "is_repeatable"]

_KEPT: Final = 1_000
_MAX_TEXT: Final = 64 << 10
"""Longer statements always run."""

_FIRST_WORD: Final = re.compile(r"(?:\s+|--[^\n]*|//[^\n]*|/\*.*?\*/|\()*([A-Za-z]*)", re.DOTALL)
_QUERIES: Final = frozenset({"SELECT", "WITH", "VALUES"})
_HARMLESS: Final = _QUERIES | {"SHOW", "DESC", "DESCRIBE", "EXPLAIN", "USE", "CALL", "SET", "UNSET"}
_ALTER_SESSION: Final = re.compile(r"\s*ALTER\s+SESSION\b", re.IGNORECASE)
_WRITES: Final = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|TRUNCATE|CREATE|ALTER|DROP|COMMIT|ROLLBACK|BEGIN)\b",
    re.IGNORECASE,
)
"""Behind a WITH or a ->>, which may lead to any statement."""
_UNREPEATABLE: Final = frozenset(
    {
        "GETDATE",
        "INFORMATION_SCHEMA",
        "IS_ROLE_IN_SESSION",
        "LAST_QUERY_ID",
        "LAST_TRANSACTION",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "NEXTVAL",
        "NORMAL",
        "NOW",
        "RANDOM",
        "RANDSTR",
        "RESULT_SCAN",
        "SAMPLE",
        "SYSDATE",
        "SYSTIMESTAMP",
        "TABLESAMPLE",
        "UNIFORM",
        "UUID_STRING",
        "ZIPF",
    }
)
"""Besides every CURRENT_ function, SYSTEM$ function and session variable."""


def changes_data(sql: str) -> bool:
    """Whether a statement may change what another one reads; in doubt it may."""
    found = _FIRST_WORD.match(sql)
    word = found[1].upper() if found is not None else ""
    if word == "WITH" or "->>" in sql:
        return _WRITES.search(sql) is not None
    return word not in _HARMLESS and not _ALTER_SESSION.match(sql)


def is_repeatable(sql: str) -> bool:
    """Whether a query gives the same rows again while nothing changes."""
    found = _FIRST_WORD.match(sql)
    if len(sql) > _MAX_TEXT or found is None or found[1].upper() not in _QUERIES:
        return False
    try:
        words = tokens(sql)
    except StatementFailed:
        return False
    for word in words:
        name = word.keyword or (word.name.upper() if word.kind == "quoted" else "")
        if (
            "$" in name
            or name.startswith("CURRENT_")
            or name in _UNREPEATABLE
            or word.text in {"$", "->>"}
        ):
            return False
    return True


class Reuse:
    """Which statement has the rows of which query, until anything changes; reactor thread only.

    The rule is coarser than Snowflake's: every statement that may change anything, in any
    table, ends the reuse of all results, when it begins and when it has ended.
    """

    def __init__(self) -> None:
        self.version = 0
        """Grows with every change."""
        self.hits = 0
        self._known: OrderedDict[Hashable, str] = OrderedDict()

    def changed(self) -> None:
        """Something may have changed, or is about to."""
        self.version += 1
        self._known.clear()

    def find(self, question: Hashable) -> str | None:
        """The query id of a statement that answered this before."""
        return self._known.get(question)

    def keep(self, question: Hashable, version: int, query_id: str) -> None:
        """Remember an answer, unless something changed since ``version``."""
        if version != self.version:
            return
        self._known[question] = query_id
        self._known.move_to_end(question)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
