"""Values that never show themselves: in the configuration, and in a file that may be replaced."""

from pathlib import Path
from typing import Final, final

__all__ = ["MAX_SECRET_BYTES", "Secret", "SecretFile"]

MAX_SECRET_BYTES: Final = 65_536
"""A key or a token is shorter; what is longer is not one."""


class _Veiled:
    """Shows itself nowhere: ``str``, ``repr`` and format give ``***``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"


@final
class Secret(_Veiled):
    """A value that never shows itself: ``str``, ``repr`` and format give ``***``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself; call it only where the value leaves for Snowflake."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@final
class SecretFile(_Veiled):
    """A secret in a file, which is read again for every login and never shows itself.

    ``last`` is what the file held when it was first read: it is used while the file cannot be
    read, as it happens after the process gave up its privileges or while the file is replaced.
    """

    __slots__ = ("_last", "path")

    def __init__(self, path: str, last: bytes) -> None:
        self.path = path
        self._last = last

    def read(self) -> bytes:
        """What the file holds now, at most 64 KiB; blocks."""
        try:
            with Path(self.path).open("rb") as file:
                content = file.read(MAX_SECRET_BYTES)
        except OSError:
            return self._last
        self._last = content or self._last
        return self._last

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretFile) and other.path == self.path

    def __hash__(self) -> int:
        return hash((SecretFile, self.path))
