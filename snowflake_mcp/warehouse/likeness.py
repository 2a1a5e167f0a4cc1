"""How alike two names are: letters to change until one is the other."""

from collections.abc import Iterable
from typing import Final

__all__ = ["closest", "distance", "tolerance"]

_TOLERANCES: Final = ((9, 3), (6, 2), (4, 1))
"""From how many letters on so many may be wrong."""


def tolerance(name: str) -> int:
    """How many letters of a name may be wrong for another one to be meant."""
    return next((most for length, most in _TOLERANCES if len(name) >= length), 0)


def distance(one: str, other: str, most: int) -> int:
    """Letters to insert, delete, change or swap with the next one; more than ``most`` is any."""
    beyond = most + 1
    if abs(len(one) - len(other)) > most or len(set(one) - set(other)) > most:
        return beyond
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        earlier, before, row = before, row, [at]
        for place, its in enumerate(other, 1):
            cost = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != its))
            swapped = at > 1 and place > 1 and letter == other[place - 2] and its == one[at - 2]
            row.append(min(cost, earlier[place - 2] + 1) if swapped else cost)
        if min(row) > most:
            return beyond
    return row[-1]


def closest(wanted: str, names: Iterable[str], most: int = 3) -> list[str]:
    """At most ``most`` of the names, the likest first: same but for case, nearly so, or holding it.

    Ties stand in alphabetical order.
    """
    low = wanted.lower()
    graded = []
    for name in dict.fromkeys(names):
        its = name.lower()
        away = 0 if its == low else distance(low, its, tolerance(low))
        if away > tolerance(low) or (away and not tolerance(low)):
            # A name with one word more, or less, is often meant as well.
            if len(low) < 3 or (low not in its and (len(its) < 3 or its not in low)):
                continue
            away = 10 + abs(len(its) - len(low))
        graded.append((away, name))
    return [name for _, name in sorted(graded)[:most]]
