"""What is known of a statement that changes something, and the cursor that its grammar uses."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from snowflake_mcp.policy.names import path_at
from snowflake_mcp.policy.reference import Level, Reference
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.policy.tokens import END, Kind, Token

__all__ = ["Reader", "Write", "WriteFormError", "select_of"]


class WriteFormError(Exception):
    """The statement has not a form that the gate knows; ``finding`` says where."""

    def __init__(self, token: Token, example: str, message: str = "") -> None:
        super().__init__(message)
        self.finding = Finding(
            Rule.WRITE_FORM,
            message or f"{token.text[:40]} is not understood in this place of a write.",
            f"Write it like: {example}",
            token,
        )


@dataclass(slots=True)
class Write:
    """One statement that changes something."""

    kind: str
    """Its verb and the kind of object, in lower case: ``insert``, ``create table``."""
    tier: Tier
    findings: list[Finding] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    """What its own grammar tells; a tree tells more."""
    has_tree: bool = False
    """The second parser has to read it as well."""


def select_of(anchor: Token, *rest: Token) -> list[Token]:
    """Tokens that begin a query in the place of ``anchor``, for the walk over its expressions."""
    return [Token(Kind.WORD, "SELECT", anchor.text, anchor.start), *rest]


@final
class Reader:
    """A cursor over a write; never goes back, so its time is linear."""

    def __init__(self, tokens: Sequence[Token], at: int, example: str) -> None:
        self.tokens = tokens
        self.at = at
        self.example = example

    @property
    def here(self) -> Token:
        """The next token."""
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    @property
    def left(self) -> list[Token]:
        """What has not been read."""
        return list(self.tokens[self.at :])

    def take(self, *words: str) -> bool:
        """Pass over these words when exactly they come next."""
        ahead = [token.word for token in self.tokens[self.at : self.at + len(words)]]
        if ahead != list(words):
            return False
        self.at += len(words)
        return True

    def one_of(self, *choices: str) -> str:
        """Pass over the first of the words that comes next; empty when none does."""
        return next((word for word in choices if self.take(word)), "")

    def need(self, *words: str) -> None:
        """Pass over these words.

        Raises:
            WriteFormError: something else comes next.
        """
        if not self.take(*words):
            self.fail()

    def path(self) -> tuple[str, ...]:
        """The stored parts of the name that comes next.

        Raises:
            WriteFormError: none does.
        """
        path, at = path_at(self.tokens, self.at)
        # A name that is given as a string, or computed, is none.
        if not path or (at < len(self.tokens) and path == ("IDENTIFIER",) and self._opens(at)):
            self.fail()
        self.at = at
        return path

    def object(self, level: Level = Level.OBJECT) -> Reference:
        """The object whose name comes next.

        Raises:
            WriteFormError: none does.
        """
        token = self.here
        return Reference(level, self.path(), token, is_table=level is Level.OBJECT)

    def value(self, *kinds: Kind) -> None:
        """Pass over one token of these kinds.

        Raises:
            WriteFormError: another one comes next.
        """
        if self.here.kind not in kinds:
            self.fail()
        self.at += 1

    def names(self) -> None:
        """Pass over a list of plain names in brackets.

        Raises:
            WriteFormError: something else comes next.
        """
        self.need("(")
        while True:
            self.value(Kind.WORD, Kind.QUOTED)
            if not self.take(","):
                break
        self.need(")")

    def end(self) -> None:
        """Check that nothing is left.

        Raises:
            WriteFormError: something is.
        """
        if self.at < len(self.tokens):
            self.fail()

    def fail(self, message: str = "") -> None:
        """Say that what comes next is not understood.

        Raises:
            WriteFormError: always.
        """
        token = self.here if self.here is not END else self.tokens[-1]
        raise WriteFormError(token, self.example, message)

    def _opens(self, at: int) -> bool:
        return self.tokens[at].text == "("
