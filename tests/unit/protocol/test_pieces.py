"""JSON texts in pieces: put together nowhere, and still one text."""

import json
import tracemalloc

import msgspec
import pytest

from snowflake_mcp.protocol.pieces import (
    PIECE_BYTES,
    Pieces,
    array_of,
    enclosed,
    encode,
    in_pieces,
)

PART = b"1," * 30_000


def long(parts: int) -> Pieces:
    """A list of ones."""
    return Pieces([b"[", *([PART] * parts), b"1]"])


def test_values_without_pieces_are_encoded_as_ever() -> None:
    """They stay bytes, and what is no JSON is told."""
    assert encode({"a": [1, "\0"], "b": msgspec.Raw(b"[2]")}) == b'{"a":[1,"\\u0000"],"b":[2]}'
    with pytest.raises(TypeError):
        encode({"a": object()})
    with pytest.raises(TypeError):
        encode({"rows": long(2), "a": object()})


def test_pieces_stand_where_they_were_put() -> None:
    """Several of them too; the length is that of the text."""
    value = {"before": "\0", "rows": long(2), "more": [long(3), 7]}
    body = encode(value)
    assert isinstance(body, Pieces)
    decoded = json.loads(bytes(body))
    assert list(decoded) == ["before", "rows", "more"]
    assert decoded["before"] == "\0"
    assert decoded["rows"] == [1] * 60_001
    assert decoded["more"] == [[1] * 90_001, 7]
    assert len(body) == len(bytes(body))


def test_encoding_copies_no_piece() -> None:
    """What is written around ten megabytes takes next to no memory, and no time."""
    rows = long(170)
    tracemalloc.start()
    try:
        enclosed(b"data: ", encode({"result": {"rows": rows}}), b"\n\n")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(rows) > 10_000_000
    assert peak < 50_000


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES])
def test_a_short_text_is_one(size: int) -> None:
    """Nothing is in pieces that is sent in one go."""
    parts = [b"x"] * size
    found = in_pieces(parts)
    assert isinstance(found, msgspec.Raw)
    assert bytes(found) == b"x" * size
    assert parts == []


@pytest.mark.parametrize("size", [1, 100, 50_000, PIECE_BYTES, PIECE_BYTES + 1, 200_000])
def test_a_long_text_is_in_pieces_of_one_size(size: int) -> None:
    """Short parts are gathered, long ones stay; the order is kept, and the list is emptied."""
    parts = [bytes([97 + at % 26]) * size for at in range(PIECE_BYTES * 4 // size + 2)]
    whole = b"".join(parts)
    found = in_pieces(parts)
    assert isinstance(found, Pieces)
    assert bytes(found) == whole
    assert parts == []
    assert max(map(len, found.parts)) <= max(size, PIECE_BYTES)
    assert min(map(len, found.parts[:-1])) >= min(size, PIECE_BYTES // 2)


def test_arrays_and_enclosed_texts() -> None:
    """Short bodies are joined; a long one is carried along as it is."""
    assert array_of([b"1", b"{}"]) == b"[1,{}]"
    assert enclosed(b"<", b"1", b">") == b"<1>"
    assert json.loads(bytes(array_of([b"0", long(2)]))) == [0, [1] * 60_001]
    large = enclosed(b"<", PART + PART, b">")
    assert isinstance(large, Pieces)
    assert bytes(large) == b"<" + PART + PART + b">"
