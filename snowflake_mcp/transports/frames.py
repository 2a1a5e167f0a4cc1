"""WebSocket messages that are one frame (RFC 6455, section 5.2): a client's read, ours made."""

from struct import Struct
from typing import Final

from snowflake_mcp.protocol.pieces import Body, enclosed

__all__ = ["WHOLE_BYTES", "read_text", "text_frame"]

WHOLE_BYTES: Final = 8_192
"""Longer messages are not read here: an integer as long is slower than autobahn's mask in C."""
_TEXT: Final = 0x81
_MASKED: Final = 0x80
_SHORT: Final = 125
_TWO_BYTES: Final = 126
_EIGHT_BYTES: Final = 127
_head = Struct("!BB").pack
_head_and_two = Struct("!BBH").pack
_head_and_eight = Struct("!BBQ").pack


def read_text(data: bytes, limit_bytes: int) -> tuple[bytes, int] | None:
    """The message that ``data`` begins with, and the bytes of its frame.

    ``None`` for whatever is not a whole text message in one masked frame of at most
    ``limit_bytes``, in its shortest form and in UTF-8: what that is, and what to do about it, is
    for others to say.
    """
    size = len(data)
    if size < 6 or data[0] != _TEXT:
        return None
    length = data[1] - _MASKED
    start = 6
    if length > _SHORT:
        if length == _EIGHT_BYTES or size < 8:
            return None
        length = data[2] << 8 | data[3]
        start = 8
        if length <= _SHORT:
            return None
    end = start + length
    if length < 0 or end > size or length > limit_bytes:
        return None
    mask = data[start - 4 : start] * (length // 4 + 1)
    # As two long numbers: nothing else in the interpreter takes the mask off many bytes at once.
    masked = int.from_bytes(data[start:end], "little")
    bits = masked ^ int.from_bytes(mask[:length], "little")
    payload = bits.to_bytes(length, "little")
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError:
            return None
    return payload, end


def text_frame(payload: Body) -> Body:
    """A message of the server's in one frame, which has no mask."""
    length = len(payload)
    if length > 0xFFFF or type(payload) is not bytes:
        return enclosed(_head_and_eight(_TEXT, _EIGHT_BYTES, length), payload, b"")
    if length <= _SHORT:
        return _head(_TEXT, length) + payload
    return _head_and_two(_TEXT, _TWO_BYTES, length) + payload
