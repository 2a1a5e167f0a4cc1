"""SHOW, DESCRIBE and LIST: allow-lists of what may be shown, and the grammar of the rest."""

from collections.abc import Container
from typing import Final, final

from snowflake_mcp.policy.calls import needs
from snowflake_mcp.policy.kinds import ADMIN_KINDS, DESCRIBE_CAPABILITY, DESCRIBE_KINDS, SHOW_KINDS
from snowflake_mcp.policy.rules import Finding, Rule
from snowflake_mcp.policy.tokens import END, Kind, Token
from snowflake_mcp.policy.words import TYPES, VERBS, words

__all__ = ["judge_describe", "judge_list", "judge_show"]


_DESCRIBABLE: Final = DESCRIBE_KINDS | DESCRIBE_CAPABILITY.keys()
_MAX_KIND_WORDS: Final = 4
_OPTIONS: Final = words("FOR HISTORY IN LIKE LIMIT STARTS WITH")
_SCOPES: Final = words(
    """
    ACCOUNT AGENT APPLICATION CLASS COMPUTE CORTEX DATABASE DIMENSION DYNAMIC EVENT EXTERNAL FACT
    FAILOVER FILE FORMAT FUNCTION FUTURE GIT GROUP HYBRID ICEBERG IMAGE INTEGRATION MATERIALIZED
    METRIC MODEL NOTEBOOK PACKAGE PIPE POOL PROCEDURE REPLICATION REPOSITORY ROLE SCHEMA SEARCH
    SEMANTIC SEQUENCE SERVICE SHARE STAGE STREAM STREAMLIT TABLE TAG TASK USER VIEW VOLUME WAREHOUSE
    """
)
"""Words that name the kind of what SHOW looks into."""
_SHOW_EXAMPLE: Final = "SHOW TABLES LIKE '%name%' IN SCHEMA db.schema LIMIT 10"


def judge_show(tokens: list[Token]) -> list[Finding]:
    """What speaks against a statement that begins with SHOW."""
    reader = _Reader(tokens)
    reader.take("TERSE")
    kind = reader.kind(SHOW_KINDS | ADMIN_KINDS)
    if not kind:
        return [
            Finding(
                Rule.SHOW_KIND,
                "This is not among the kinds of object that SHOW may list.",
                f"Use one of: {', '.join(sorted(SHOW_KINDS))}.",
                reader.here if reader.more else tokens[0],
            )
        ]
    findings = []
    if kind in ADMIN_KINDS:
        findings.append(
            needs("admin_metadata", f"SHOW {kind} lists security metadata.", tokens[reader.at - 1])
        )
    if "GRANTS" in kind:
        reader.grant()
    while reader.more and reader.option():
        pass
    return findings + reader.rest(_SHOW_EXAMPLE)


def judge_describe(tokens: list[Token]) -> list[Finding]:
    """What speaks against a statement that begins with DESCRIBE or DESC."""
    reader = _Reader(tokens)
    kind = reader.kind(_DESCRIBABLE)
    if not kind:
        # Without a kind it is a table or a view: one name and nothing else.
        if tokens[-1].word not in VERBS and reader.name() and not reader.more:
            return []
        return [
            Finding(
                Rule.DESCRIBE_KIND,
                "This is not among the kinds of object that DESCRIBE may describe.",
                f"Use DESCRIBE and one of: {', '.join(sorted(DESCRIBE_KINDS))}, and a name.",
                reader.here if reader.more else tokens[-1],
            )
        ]
    findings: list[Finding] = []
    if capability := DESCRIBE_CAPABILITY.get(kind):
        findings.append(
            needs(capability, f"DESCRIBE {kind} shows protected metadata.", tokens[reader.at - 1])
        )
    if kind == "RESULT":
        reader.result()
        return findings + reader.rest("DESCRIBE RESULT LAST_QUERY_ID()")
    if not reader.name():
        return findings + reader.rest(f"DESCRIBE {kind} db.schema.name", force=True)
    if kind in {"FUNCTION", "PROCEDURE"}:
        reader.signature()
    if reader.take("TYPE") and reader.take("="):
        _ = reader.take("COLUMNS") or reader.take("STAGE")
    elif kind == "MODEL" and reader.take("VERSION"):
        reader.name()
    return findings + reader.rest(f"DESCRIBE {kind} db.schema.name")


def judge_list(tokens: list[Token]) -> list[Finding]:
    """What speaks against a statement that begins with LIST or LS."""
    reader = _Reader(tokens)
    here = reader.here
    if here.kind is Kind.STAGE or (here.kind is Kind.STRING and here.text.startswith("'@")):
        reader.at += 1
        if reader.take("PATTERN") and reader.take("="):
            reader.string()
        return reader.rest("LIST @stage/path PATTERN = '.*csv'")
    return reader.rest("LIST @stage/path PATTERN = '.*csv'", force=True)


@final
class _Reader:
    """A cursor over the tokens after the verb; never goes back, so its time is linear."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self.at = 1

    @property
    def more(self) -> bool:
        return self.at < len(self._tokens)

    @property
    def here(self) -> Token:
        return self._tokens[self.at] if self.more else END

    def take(self, word: str) -> bool:
        if self.here.word != word:
            return False
        self.at += 1
        return True

    def _ahead(self, word: str) -> bool:
        return self.at + 1 < len(self._tokens) and self._tokens[self.at + 1].word == word

    def kind(self, kinds: Container[str]) -> str:
        """The longest known kind that stands here, passed over; empty when there is none."""
        ahead = self._tokens[self.at : self.at + _MAX_KIND_WORDS]
        for length in range(len(ahead), 0, -1):
            kind = " ".join(token.word for token in ahead[:length])
            if kind in kinds:
                self.at += length
                return kind
        return ""

    def name(self) -> bool:
        """A dotted name, ``IDENTIFIER('name')`` or a stage."""
        if self.here.kind in {Kind.STAGE, Kind.STRING}:
            self.at += 1
            return True
        if self.here.word == "IDENTIFIER" and self._ahead("("):
            self.at += 2
            return self.string() and self.take(")")
        found = False
        while self.here.kind in {Kind.WORD, Kind.QUOTED}:
            found = True
            self.at += 1
            if not self.take("."):
                return True
            self.take(".")
        return found and self._tokens[self.at - 1].text != "."

    def result(self) -> bool:
        """Which result: a query id, or the last one."""
        if self.take("LAST_QUERY_ID"):
            return self.take("(") and self.take(")")
        return self.string()

    def string(self) -> bool:
        if self.here.kind is not Kind.STRING:
            return False
        self.at += 1
        return True

    def option(self) -> bool:
        """One option of SHOW; False when none stands here."""
        if self.take("HISTORY"):
            return True
        if self.take("LIKE"):
            return self.string()
        if self.take("STARTS"):
            return self.take("WITH") and self.string()
        if self.take("LIMIT"):
            if self.here.kind is not Kind.NUMBER:
                return False
            self.at += 1
            return self.string() if self.take("FROM") else True
        if self.take("WITH"):
            return self.take("PRIVILEGES") and self.names()
        if self.take("IN") or self.take("FOR") or self.take("FROM"):
            return self.scope()
        return False

    def names(self) -> bool:
        while self.name():
            if not self.take(","):
                return True
        return False

    def scope(self) -> bool:
        """Where SHOW looks: words of a kind, then perhaps a name."""
        while (
            self.here.word in _SCOPES
            and self.at + 1 < len(self._tokens)
            and self._tokens[self.at + 1].kind in {Kind.WORD, Kind.QUOTED, Kind.STAGE}
            and self._tokens[self.at + 1].word not in _OPTIONS
        ):
            self.at += 1
        return self.name()

    def grant(self) -> None:
        """Whose grants, or the grants on what."""
        for preposition in ("ON", "TO", "OF"):
            if self.take(preposition):
                self.scope()
                self.signature()

    def signature(self) -> None:
        """Argument types in brackets, when they are there."""
        if not self.take("("):
            return
        while self.here.word in TYPES or self.here.text in {",", "("}:
            if self.take("("):
                while self.here.kind is Kind.NUMBER or self.here.text == ",":
                    self.at += 1
                self.take(")")
            else:
                self.at += 1
        self.take(")")

    def rest(self, example: str, *, force: bool = False) -> list[Finding]:
        """A finding when something is left that the grammar does not know."""
        if not self.more and not force:
            return []
        token = self.here if self.more else self._tokens[-1]
        return [
            Finding(
                Rule.METADATA_SYNTAX,
                f"{token.text[:40]} is not understood in this place.",
                f"Write it like: {example}",
                token,
            )
        ]
