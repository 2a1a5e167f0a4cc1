"""An operator's statement with places for values, and the statement with values in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from snowflake_mcp.policy.lexer import LexicalError, scan

__all__ = ["Template"]

_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_MELTS: Final = re.compile(r"[\w\"'$]")
"""What must not touch a place: the value would become a part of what stands there."""
_ALONE: Final = (
    "{{{0}}} has to stand alone, neither in quotes nor in a comment nor next to a name, a number "
    "or a dot; write '%' || {{{0}}} || '%' to put it into a text"
)


@dataclass(frozen=True, slots=True)
class Template:
    """A statement in pieces, with a parameter between each two of them."""

    pieces: tuple[str, ...]
    names: tuple[str, ...]
    """The parameters in their places; one fewer than pieces."""

    @classmethod
    def of(cls, sql: str, types: Mapping[str, str]) -> Self:
        """The template of a statement with ``{parameter}`` in it; ``types`` are by parameter.

        A place has to be a word of its own for Snowflake's lexical rules: neither in a text in
        quotes, a quoted name or a comment, nor next to something that it would melt into.

        Raises:
            ValueError: a place is none, has no parameter, or a parameter has no place.
        """
        places = list(_PLACE.finditer(sql))
        for found in places:
            if found[1] in types and _touches(sql, found, types[found[1]]):
                raise ValueError(_ALONE.format(found[1]))
        # A word of the same length stands for each place, so that offsets stay what they are.
        try:
            tokens = scan(_PLACE.sub(lambda found: f"_{found[1]}_", sql)).tokens
        except LexicalError as error:
            raise ValueError(error.finding.message) from None
        words = {token.start: token.text for token in tokens}
        pieces, names, done = [], [], 0
        for found in places:
            name, start, end = found[1], found.start(), found.end()
            alone = words.get(start) == f"_{name}_"
            if name not in types:
                if alone:
                    raise ValueError(f"{{{name}}} names no parameter")
                continue
            if not alone:
                raise ValueError(_ALONE.format(name))
            pieces.append(sql[done:start])
            names.append(name)
            done = end
        if unused := [name for name in types if name not in names]:
            raise ValueError(f"{{{unused[0]}}} stands nowhere in it")
        return cls((*pieces, sql[done:]), tuple(names))

    def filled(self, values: Mapping[str, str]) -> str:
        """The statement with what ``literals.rendered`` made of each parameter's value."""
        between = [values[name] for name in self.names]
        return self.pieces[0] + "".join(
            value + piece for value, piece in zip(between, self.pieces[1:], strict=True)
        )


def _touches(sql: str, place: re.Match[str], kind: str) -> bool:
    """Whether a value would melt into its neighbour; a name may have dots beside it."""
    beside = sql[max(place.start() - 1, 0) : place.start()], sql[place.end() : place.end() + 1]
    return any(_MELTS.match(each) or (each == "." and kind != "identifier") for each in beside)
