"""The definition of a view, as Snowflake gives it and as the readable answer shows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from snowflake_mcp.tools.cells import block
from snowflake_mcp.tools.taming import tamed
from snowflake_mcp.warehouse.results import Column, JsonValue

__all__ = ["Definition", "DefinitionCollector"]


@dataclass(frozen=True, slots=True)
class Definition:
    """What GET_DDL gave."""

    ddl: str | None = None
    """``None`` when there is none to see."""
    truncated: bool = False
    shown: str = ""
    """The same, indented and with nothing invisible in it."""


class DefinitionCollector:
    """Collects the one text that GET_DDL gives; worker thread only."""

    def __init__(self, max_chars: int) -> None:
        self._max_chars = max_chars
        self._definition = Definition()

    def begin(self, columns: Sequence[Column]) -> None:
        """Nothing to learn: there is one column."""

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take the one row."""
        for row in rows:
            if len(row) == 1 and isinstance(row[0], str):
                tame = tamed(row, self._max_chars)
                ddl = str(tame.value[0])
                self._definition = Definition(ddl, tame.cut > 0, block(ddl))
        return True

    def finish(self) -> Definition:
        """The definition."""
        return self._definition
