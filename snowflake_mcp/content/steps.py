"""A prompt and its steps, in the words for the tools that a caller has."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Argument", "Prompt", "Step", "perhaps", "step"]

_TOOL: Final = re.compile(r"\{([a-z_]+)\}")
"""How a text names a tool."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a prompt; ``kind`` says how it is checked."""

    name: str
    description: str
    kind: Literal["name", "text", "sql"] = "name"
    required: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One step, and the ways to go it; the first for which the caller has the tools counts."""

    ways: Sequence[str]
    needed: bool

    def words(self, have: Collection[str] | None) -> str | None:
        """The text for a caller with these tools, ``None`` for all; ``None`` where there is no way.

        Tools are named without their braces.
        """
        for way in self.ways:
            if have is None or set(_TOOL.findall(way)) <= set(have):
                return _TOOL.sub(r"\1", way)
        return None


def step(*ways: str) -> Step:
    """A step without which the prompt makes no sense."""
    return Step(ways, needed=True)


def perhaps(*ways: str) -> Step:
    """A step that is left out for whoever has not the tools."""
    return Step(ways, needed=False)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt: the task in a sentence, the arguments, the steps, and what to answer."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    task: str
    steps: tuple[Step, ...]
    answer: str

    def is_for(self, have: Collection[str] | None) -> bool:
        """Whether a caller with these tools, ``None`` for all, can follow it."""
        return all(each.words(have) is not None for each in self.steps if each.needed)

    def instructions(self, have: Collection[str] | None) -> str:
        """Steps, numbered, and what to answer, for a caller with these tools."""
        told = [words for each in self.steps if (words := each.words(have)) is not None]
        lines = [f"{number}. {words}" for number, words in enumerate(told, 1)]
        return "\n".join(["Steps:", *lines, "", self.answer])

    @property
    def tools(self) -> frozenset[str]:
        """Every tool that one of its ways names."""
        return frozenset(
            tool for each in self.steps for way in each.ways for tool in _TOOL.findall(way)
        )
