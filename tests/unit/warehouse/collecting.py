"""A collector for tests: it keeps everything, or says "enough" after a number of rows."""

from collections.abc import Sequence

from snowflake_mcp.warehouse.results import Column, JsonValue

__all__ = ["Kept"]


class Kept:
    """Keeps the rows as lists."""

    def __init__(self, enough: int | None = None) -> None:
        self._enough = enough
        self.columns: tuple[Column, ...] = ()
        self.rows: list[list[JsonValue]] = []
        self.slices: list[int] = []

    def begin(self, columns: Sequence[Column]) -> None:
        self.columns = tuple(columns)

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        self.slices.append(len(rows))
        self.rows.extend(list(row) for row in rows)
        return self._enough is None or len(self.rows) < self._enough

    def finish(self) -> list[list[JsonValue]]:
        return self.rows
