"""Rows that any JSON reader can take: bounded values, bounded nesting, valid Unicode."""

import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

__all__ = ["Tamed", "TamedRows", "tamed", "tamed_rows"]

_DEPTH: Final = 64
"""Deeper nesting is replaced by "…": common JSON readers give up between 100 and 200 levels."""

_encode_lines = msgspec.json.Encoder().encode_lines
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


class Tamed(NamedTuple):
    """A row as it goes into the answer."""

    value: Sequence[Any]
    encoded: bytes
    cut: int
    """Values that were shortened."""


class TamedRows(NamedTuple):
    """Rows as they go into the answer."""

    values: Sequence[Sequence[Any]]
    encoded: Sequence[bytes]
    cut: Sequence[int]
    """Values that were shortened in each; empty: in none."""


def tamed_rows(rows: Sequence[Sequence[Any]], cell_chars: int) -> TamedRows:
    """What ``tamed`` makes of each row; rows within bounds cost a few calls for all of them."""
    if len(rows) == 1:
        value, whole, shortened = tamed(rows[0], cell_chars)
        return TamedRows([value], [whole], [shortened] if shortened else ())
    if rows:
        try:
            encoded = _encode_lines(rows).split(b"\n")
        except (ValueError, RecursionError):
            # One of them has to be mended.
            pass
        else:
            encoded.pop()
            longest = max(map(len, encoded))
            # Every character and every level of a value takes its bytes in its row.
            if longest <= cell_chars and (
                longest < 2 * _DEPTH or not any(map(_may_be_deep, encoded))
            ):
                return TamedRows(rows, encoded, ())
    tame = [tamed(row, cell_chars) for row in rows]
    return TamedRows(
        [row.value for row in tame], [row.encoded for row in tame], [row.cut for row in tame]
    )


def _may_be_deep(encoded: bytes) -> bool:
    return encoded.count(b"[") + encoded.count(b"{") > _DEPTH


def tamed(row: Sequence[Any], cell_chars: int) -> Tamed:
    """The row with every value within bounds; never raises for JSON values of any shape.

    A text longer than ``cell_chars`` is cut and ends in "…". A nested value whose JSON text is
    longer becomes that text, cut alike.
    """
    cut = 0
    # Texts first: encoding megabytes only to drop them would hold the interpreter all the while.
    for value in row:
        # A loop, because this is asked of every value there is.
        if isinstance(value, str) and len(value) > cell_chars:
            row, cut = _shortened(row, cell_chars, nested=False)
            break
    try:
        encoded = msgspec.json.encode(row)
    except (ValueError, RecursionError):
        # A lone surrogate, an integer of thousands of digits, or nesting without end.
        row = [_mended(value, 0) for value in row]
        encoded = msgspec.json.encode(row)
    if _may_be_deep(encoded) and _too_deep(row, 0):
        row = [_mended(value, 0) for value in row]
        encoded = msgspec.json.encode(row)
    # Every character of a value takes a byte at least, so most rows need no second look.
    if len(encoded) > cell_chars:
        row, more = _shortened(row, cell_chars, nested=True)
        if more:
            encoded = msgspec.json.encode(row)
            cut += more
    return Tamed(row, encoded, cut)


def _shortened(row: Sequence[Any], cell_chars: int, *, nested: bool) -> tuple[list[Any], int]:
    """The row with long values cut, and how many were."""
    values = []
    cut = 0
    for value in row:
        text = value
        if nested and isinstance(value, (list, dict)):
            text = msgspec.json.encode(value).decode()
        if isinstance(text, str) and len(text) > cell_chars:
            values.append(text[: cell_chars - 1] + "…")
            cut += 1
        else:
            values.append(value)
    return values, cut


def _too_deep(value: object, depth: int) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple)):
        return False
    return depth >= _DEPTH or any(_too_deep(member, depth + 1) for member in value)


def _mended(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, int) and not isinstance(value, bool):
        # Hexadecimal, because Python refuses to write so many decimal digits.
        return value if value.bit_length() <= 4_096 else f"{value:#x}"
    if isinstance(value, (list, tuple)):
        return "…" if depth >= _DEPTH else [_mended(member, depth + 1) for member in value]
    if isinstance(value, dict):
        if depth >= _DEPTH:
            return "…"
        return {_mended(key, depth): _mended(member, depth + 1) for key, member in value.items()}
    return value
