"""A file with a key of this server's own: random bytes, no form."""

from pathlib import Path
from typing import Final

__all__ = ["key_in"]

_MIN_KEY_BYTES: Final = 32


def key_in(path: str, setting: str) -> bytes:
    """The key in a file.

    Raises:
        ValueError: the file cannot be read or is too short; names the setting.
    """
    try:
        key = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"{setting}: {path} cannot be read: {error.strerror}") from None
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"{setting}: {path} holds less than {_MIN_KEY_BYTES} bytes")
    return key
