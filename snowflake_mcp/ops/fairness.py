"""A queue that serves its owners in turn, so that nobody's many calls push others back."""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First come first served within one owner, one after the other between owners."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, owner: str, item: T) -> None:
        """Put an item at the end of its owner's line."""
        self._lines.setdefault(owner, deque()).append(item)
        self._size += 1

    def length(self, owner: str) -> int:
        """Items of one owner."""
        return len(self._lines.get(owner, ()))

    def longest(self) -> tuple[str, int]:
        """The owner with most items, and how many; ``("", 0)`` when nobody waits."""
        if not self._lines:
            return "", 0
        owner, line = max(self._lines.items(), key=lambda each: len(each[1]))
        return owner, len(line)

    def whose_turn(self, may: Callable[[str], bool]) -> str | None:
        """The first owner among those who ``may``, if there is one."""
        return next(filter(may, self._lines), None)

    def take(self, owner: str | None = None) -> T:
        """The first item of this owner, or of the one whose turn it is.

        Owners that are passed over keep their place in the turn.

        Raises:
            KeyError: nobody waits, or this one does not.
        """
        if owner is None:
            owner, line = self._lines.popitem(last=False)
        else:
            line = self._lines.pop(owner)
        item = line.popleft()
        if line:
            self._lines[owner] = line
        self._size -= 1
        return item

    def drop(self, owner: str) -> T:
        """Take out the newest item of an owner.

        Raises:
            KeyError: it has none.
        """
        line = self._lines[owner]
        item = line.pop()
        if not line:
            del self._lines[owner]
        self._size -= 1
        return item

    def remove(self, owner: str, item: T) -> None:
        """Forget an item, if it still waits."""
        line = self._lines.get(owner)
        if line is None or item not in line:
            return
        line.remove(item)
        self._size -= 1
        if not line:
            del self._lines[owner]

    def clear(self) -> list[T]:
        """Take everything out, in no particular order of owners."""
        lines, self._lines = self._lines, OrderedDict()
        self._size = 0
        return [item for line in lines.values() for item in line]
