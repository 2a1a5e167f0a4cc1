"""What a statement gives back: columns, rows as JSON values, and the caller's collector."""

from collections.abc import Sequence
from typing import Any, Generic, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

import msgspec

__all__ = [
    "BatchCollector",
    "Collector",
    "Column",
    "Cut",
    "JsonValue",
    "Outcome",
    "Reading",
    "TextCollector",
]

T = TypeVar("T")
OtherT = TypeVar("OtherT")
T_co = TypeVar("T_co", covariant=True)

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
"""What a cell may be; docs/results.md has the table from Snowflake's types."""

Cut = Literal["rows", "collector"]
"""Why reading stopped early: the row limit of the job, or the collector had enough."""


class Column(msgspec.Struct, frozen=True):
    """A column of a result as Snowflake describes it."""

    name: str
    type: str
    """As in DDL: ``NUMBER(12,2)``, ``VARCHAR(50)``, ``TIMESTAMP_NTZ(9)``, ``VARIANT``, ..."""
    nullable: bool


class Collector(Protocol[T_co]):
    """Takes a result slice by slice; every method runs in a worker thread.

    ``begin`` comes once before the rows, ``finish`` once after them; neither is called again
    when the statement fails half way.
    """

    def begin(self, columns: Sequence[Column]) -> None:
        """Learn the columns."""

    def add(self, rows: Sequence[Sequence[JsonValue]]) -> bool:
        """Take at most 500 rows, fewer when they are large; ``False`` says that this is enough.

        Reading stops then.
        """

    def finish(self) -> T_co:
        """The collected value; it becomes ``Outcome.value``."""


@runtime_checkable
class TextCollector(Protocol):
    """A collector that writes a result down: semi-structured cells come as Snowflake wrote them."""

    def settle(self) -> None:
        """After each slice, while no other thread waits for the interpreter: bring it to disk."""


@runtime_checkable
class BatchCollector(TextCollector, Protocol):
    """One whose ``add`` takes Arrow record batches of plain types, at most 4,096 rows each."""

    coarse: bool
    """Whether timestamps finer than microseconds become microseconds."""

    def hide(self, cells: Sequence[JsonValue]) -> Sequence[str | None]:
        """What stands for the values of a column that is hidden."""

    def hides(self, place: int) -> bool:
        """Whether values of this column are hidden; known once it has begun."""

    def shape(self, schema: Any) -> None:
        """Learn the schema of the batches, a ``pyarrow.Schema``; after ``begin``."""


class Reading(msgspec.Struct, Generic[T], frozen=True):
    """What a worker thread brings back from a finished statement."""

    columns: tuple[Column, ...]
    rows: int
    total_rows: int | None
    cut: Cut | None
    value: T


class Outcome(msgspec.Struct, Generic[T], frozen=True):
    """A statement that ended well."""

    query_id: str
    columns: tuple[Column, ...]
    rows: int
    """Rows that the collector was given."""
    total_rows: int | None
    """Rows of the whole result; ``None`` when Snowflake was told to stop counting earlier."""
    cut: Cut | None
    elapsed_s: float
    """From admission to the last row, a login included."""
    value: T

    def holding(self, value: OtherT) -> "Outcome[OtherT]":
        """The same statement with another value, such as a part of the one it has."""
        return Outcome(
            self.query_id,
            self.columns,
            self.rows,
            self.total_rows,
            self.cut,
            self.elapsed_s,
            value,
        )
