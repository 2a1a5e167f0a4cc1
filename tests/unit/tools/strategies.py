"""Hypothesis strategies for what Snowflake may hold and agents may write."""

from typing import Any

from hypothesis import strategies as st

__all__ = ["json_values", "matrices", "names", "texts"]

texts = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["", "NULL", "'NULL'", "''", "a|b", "\\", "\x1b[31mred", "\u202eevil", "\ud800", "x\u200by"]
)
"""Any text, lone surrogates, controls and NULL look-alikes included."""

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: "\x00" not in name
)
"""Any name Snowflake could store."""

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**4_000, -(2**70)])
    | st.floats()
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
"""Any JSON value, and some that JSON writers refuse."""


@st.composite
def matrices(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows of that width."""
    heading = draw(st.lists(texts, min_size=1, max_size=4))
    width = len(heading)
    row: st.SearchStrategy[list[Any]] = st.lists(json_values, min_size=width, max_size=width)
    return heading, draw(st.lists(row, max_size=6))
