"""What may not stand in a log: secrets, and characters that make one line look like two."""

import re
from functools import lru_cache
from typing import Final

__all__ = ["HIDDEN", "cleaned", "escaped", "is_plain", "is_secret_name", "redacted"]

HIDDEN: Final = "***"

_WORDS: Final = (
    r"(?:pass(?:word|wd|phrase|code)|pwd|secret|token|credential|cookie"
    r"|api[_-]?key|private[_-]?key(?!_(?:file|path)))"
)
_SECRET_NAME: Final = re.compile(rf"(?i){_WORDS}|authorization")
_SUSPICIOUS: Final = (
    r"pass|pwd|secret|token|credential|cookie|key|authorization|bearer|basic |eyj|smcp_|://"
)
"""Most lines have none of these, and need no closer look."""
_SUSPECT: Final = re.compile(rf"(?i){_SUSPICIOUS}")
_SUSPECT_LOWER: Final = re.compile(_SUSPICIOUS)
"""For text in lower case: many times as fast as to ignore case."""
# Repetitions are bounded: what a client repeats must not make the search quadratic.
_FORMS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile(r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*KEY-----|\Z)"),
        HIDDEN,
    ),
    (re.compile(r"(?i)(authorization[\"']?\s{0,4}[:=]\s{0,4}[\"']?)[^\r\n]+"), rf"\1{HIDDEN}"),
    (
        re.compile(r"(?i:\b(bearer|basic))\s{1,4}(?=[^\s]{0,64}[\dA-Z._=-])[\w+/=.~-]{6,}"),
        rf"\1 {HIDDEN}",
    ),
    (re.compile(r"\bsmcp_([a-z0-9]{1,32})_[\w.~+/=-]+"), rf"smcp_\1_{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w.-]+"), HIDDEN),
    (re.compile(r"://[^/\s:@]{0,256}:[^/\s@]{1,256}@"), f"://{HIDDEN}@"),
    # After "=" or in quotes everything is a value; after a colon words of prose may follow.
    (
        re.compile(
            r"(?i)(" + _WORDS + r"[\w-]{0,32}[\"']?\s{0,4}(?:=\s{0,4}|:\s{0,4}(?=[\"'])))"
            r"(?:\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|[^\s,;&)}\]]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)(" + _WORDS + r"[\w-]{0,32}\s{0,4}:\s{0,4})"
            r"(?=[^\s]{0,64}[^\sa-z\"'*(])[^\s,;\"'*(][^\s,;]{5,}"
        ),
        rf"\1{HIDDEN}",
    ),
)
_CONTROLS: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


@lru_cache(maxsize=512)
def is_secret_name(name: str) -> bool:
    """Whether a key says that its value is a secret."""
    return _SECRET_NAME.search(name) is not None


def is_plain(text: str) -> bool:
    """Whether ``redacted`` and ``escaped`` leave the text as it is; a no may be too careful.

    What is plain consists of plain parts, however it is cut.
    """
    return text.isascii() and text.isprintable() and not _SUSPECT_LOWER.search(text.lower())


def redacted(text: str) -> str:
    """The text without what looks like a secret; linear in its length."""
    # Outside ASCII there are letters that only a search without case takes for ours.
    if _SUSPECT_LOWER.search(text.lower()) if text.isascii() else _SUSPECT.search(text):
        for form, instead in _FORMS:
            text = form.sub(instead, text)
    return text


def escaped(text: str) -> str:
    """The text on one line: controls, and marks that hide or reorder, become visible."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROLS.sub(_visible, text)


def cleaned(text: str, limit: int) -> str:
    """At most so many characters of the text, as they may stand in a line."""
    return escaped(redacted(text if len(text) <= limit else text[:limit] + "…"))


def _visible(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape", "surrogatepass").decode("ascii")
