"""JSON texts of megabytes in pieces, so that no thread ever holds the interpreter for a copy."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

__all__ = [
    "PIECE_BYTES",
    "Body",
    "Pieces",
    "array_of",
    "enclosed",
    "encode",
    "encoded_bytes",
    "in_pieces",
]

PIECE_BYTES: Final = 65_536
"""About as long is each piece of a long text; a shorter text is one."""

_PLACE: Final = b"\0"
"""Stands for pieces in what is encoded around them: JSON has it nowhere, not even in strings."""

_encode = msgspec.json.Encoder().encode


class Pieces:
    """A JSON text of more than ``PIECE_BYTES``; its length is in bytes.

    As a member of a value it takes the place of ``msgspec.Raw``, for ``encode`` to put in.
    """

    __slots__ = ("_size", "parts")

    def __init__(self, parts: Sequence[bytes]) -> None:
        self.parts = parts
        self._size = sum(map(len, parts))

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return b"".join(self.parts)


Body: TypeAlias = bytes | Pieces
"""An encoded text, of any length."""


def in_pieces(parts: list[bytes]) -> msgspec.Raw | Pieces:
    """The text that the parts are together, which are few or many; takes them out of the list.

    Any thread; for megabytes the one that made them, so that it also frees them.
    """
    if sum(map(len, parts)) <= PIECE_BYTES:
        whole = msgspec.Raw(b"".join(parts))
        parts.clear()
        return whole
    parts.reverse()
    made: list[bytes] = []
    gathered: list[bytes] = []
    size = 0
    while parts:
        part = parts.pop()
        size += len(part)
        if size > PIECE_BYTES and gathered:
            made.append(b"".join(gathered))
            gathered, size = [], len(part)
        gathered.append(part)
    made.append(b"".join(gathered))
    return Pieces(made)


def encode(value: object) -> Body:
    """A value as JSON; what is in pieces inside of it stays so.

    Raises:
        TypeError: there is something in it that is no JSON.
    """
    try:
        return _encode(value)
    except TypeError:
        # Nearly nothing is in pieces, and a hook would be made for each.
        pass
    found: list[Pieces] = []

    def put_aside(member: Any) -> msgspec.Raw:
        if not isinstance(member, Pieces):
            raise TypeError(f"{type(member).__name__} is no JSON")
        found.append(member)
        return msgspec.Raw(_PLACE)

    first, *others = msgspec.json.encode(value, enc_hook=put_aside).split(_PLACE)
    parts = [first]
    for member, text in zip(found, others, strict=True):
        parts += member.parts
        parts.append(text)
    return Pieces(parts)


def encoded_bytes(members: Iterable[object]) -> int:
    """How long those of the members are that are JSON already."""
    return sum(len(each) for each in members if isinstance(each, msgspec.Raw | Pieces))


def enclosed(before: bytes, body: Body, after: bytes) -> Body:
    """The text between two others, which are short."""
    if isinstance(body, Pieces):
        return Pieces([before, *body.parts, after])
    return before + body + after if len(body) <= PIECE_BYTES else Pieces([before, body, after])


def array_of(bodies: Sequence[Body]) -> Body:
    """The JSON array of texts."""
    return encode([body if isinstance(body, Pieces) else msgspec.Raw(body) for body in bodies])
