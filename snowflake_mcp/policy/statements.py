"""One text, one statement: the final semicolon, the flow operator, and what is sent."""

from dataclasses import dataclass
from typing import Final

from snowflake_mcp.policy.lexer import LexicalError, Scan
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import Kind, Token

__all__ = ["MAX_SEGMENTS", "Statement", "one_statement"]

MAX_SEGMENTS: Final = 8
"""Statements of one flow chain (``a ->> b ->> c``)."""


@dataclass(frozen=True, slots=True)
class Statement:
    """What one text holds, once it is known to be a single statement."""

    segments: tuple[list[Token], ...]
    """The statements of the flow chain; one when there is no ``->>``. None is empty."""
    sendable: str
    """The judged text: comments are one blank each, the final semicolon is gone."""


def one_statement(sql: str, scan: Scan) -> Statement:
    """Check that ``scan`` of ``sql`` is one statement, and cut its flow chain.

    Raises:
        LexicalError: there is none, more than one, or the chain is malformed.
    """
    tokens = scan.tokens
    semicolon: Token | None = None
    if tokens and tokens[-1].text == ";" and tokens[-1].kind is Kind.PUNCT:
        semicolon = tokens[-1]
        tokens = tokens[:-1]
    if not tokens:
        raise LexicalError(
            Finding(Rule.EMPTY, "There is no statement.", "Send one SELECT, SHOW or DESCRIBE.")
        )
    segments: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind is Kind.PUNCT:
            if token.text == ";":
                raise LexicalError(
                    Finding(
                        Rule.MULTIPLE_STATEMENTS,
                        "The text holds more than one statement.",
                        "Send one statement per call; a ; may only stand at the end.",
                        token,
                    )
                )
            if token.text == "->>":
                if depth:
                    raise LexicalError(
                        Finding(
                            Rule.FLOW_NESTED,
                            "The flow operator ->> stands inside brackets.",
                            "Use ->> only between whole statements; "
                            "write -> for the body of a lambda function.",
                            token,
                        )
                    )
                segments.append([])
                if len(segments) > MAX_SEGMENTS:
                    raise LexicalError(
                        Finding(
                            Rule.FLOW_LENGTH,
                            f"The flow chain has more than {MAX_SEGMENTS} statements.",
                            "Use fewer ->> steps, for example with WITH.",
                            token,
                        )
                    )
                continue
            if token.text in "([{":
                depth += 1
            elif token.text in ")]}":
                depth -= 1
        segments[-1].append(token)
    if not all(segments):
        flow = next(token for token in tokens if token.text == "->>")
        raise LexicalError(
            Finding(
                Rule.FLOW_LENGTH,
                "A step of the flow chain is empty.",
                "Put a whole statement on both sides of ->>.",
                flow,
            )
        )
    return Statement(tuple(segments), _sendable(sql, scan, semicolon))


def _sendable(sql: str, scan: Scan, semicolon: Token | None) -> str:
    pieces: list[str] = []
    at = 0
    cuts = [(start, end, " ") for start, end in scan.comments]
    if semicolon is not None:
        cuts.append((semicolon.start, semicolon.start + 1, ""))
        cuts.sort()
    for start, end, instead in cuts:
        pieces += (sql[at:start], instead)
        at = end
    pieces.append(sql[at:])
    return "".join(pieces).strip(" \t\r\n")
