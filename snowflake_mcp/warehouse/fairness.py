"""A queue that serves its owners in turn, so that nobody's many calls push others back."""

from collections import OrderedDict, deque
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

    def take(self) -> T:
        """The first item of the owner whose turn it is.

        Raises:
            KeyError: nobody waits.
        """
        owner, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[owner] = line
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
