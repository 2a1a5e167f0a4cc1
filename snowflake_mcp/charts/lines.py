"""What the server and the drawing child say to each other: a JSON object a line."""

from typing import Any, Literal, TypeAlias

import msgspec

__all__ = ["Answer", "Facts", "Field", "Kind", "Log", "Look", "Question", "Ready", "Values"]

Kind: TypeAlias = Literal["line", "bar", "scatter", "histogram", "heatmap"]
Log: TypeAlias = Literal["x", "y", "xy"]
Values: TypeAlias = Literal["number", "date", "text", "any"]
"""What the values of a column are; ``any``: numbers if all of them are."""


class Ready(msgspec.Struct, tag=True):
    """The child is warm."""


class Field(msgspec.Struct, array_like=True, frozen=True):
    """A column of the rows."""

    name: str
    values: Values


class Look(msgspec.Struct, frozen=True):
    """Bounds of a picture."""

    width_px: int
    height_px: int
    max_series: int
    max_categories: int


class Question(msgspec.Struct, frozen=True):
    """What to draw; every text in it is data."""

    number: int
    kind: Kind
    look: Look
    fields: list[Field]
    x: int
    """Place of the column among ``fields``, like the following."""
    y: list[int]
    """For a heat map the one column of its other axis; none: rows are counted."""
    color: int | None
    """What splits into series; for a heat map the value."""
    rows: Any
    """A list of lists; in the server it is JSON that a worker thread has encoded."""
    title: str = ""
    log: str = ""


class Facts(msgspec.Struct, kw_only=True):
    """What a picture shows, and what it leaves out."""

    points: int = 0
    """Marks: points, bars, cells of a heat map, or values of a histogram."""
    nulls: int = 0
    """Rows or values left out because something in them is NULL."""
    unreadable: int = 0
    """Left out because they are no finite number, or no date of the years 1 to 9999."""
    not_positive: int = 0
    """Left out because a logarithmic axis has no place for them."""
    added_up: bool = False
    """Several rows were one mark, and their values were added."""
    categories: tuple[int, int] | None = None
    """How many there are, and how many are shown by themselves."""
    series: tuple[int, int] | None = None
    """Likewise."""
    names: list[str] = []
    """Of the series shown."""
    bins: int = 0
    x_range: tuple[str, str] | None = None
    y_range: tuple[str, str] | None = None


class Answer(msgspec.Struct, tag=True):
    """A picture, or why there is none."""

    number: int
    png: str = ""
    """In base64, as MCP carries it."""
    facts: Facts | None = None
    problem: str = ""
    """Why not, for who asked for it; holds no data."""
