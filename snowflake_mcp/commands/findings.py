"""What a check of ``snowflake-mcp doctor`` found, and how it is told."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TextIO

__all__ = ["Finding", "Verdict", "tell"]

Verdict = Literal["ok", "warn", "fail", "skip"]

_INDENT: Final = " " * 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it was about, how it ended, and what to do next."""

    about: str
    verdict: Verdict
    detail: str
    remedy: str = ""


def tell(findings: Iterable[Finding], out: TextIO) -> bool:
    """Write each finding as soon as it is there; whether none has failed."""
    worst: set[Verdict] = set()
    for each in findings:
        worst.add(each.verdict)
        out.write(f"{each.verdict:<5} {each.about}: {each.detail}\n")
        if each.remedy:
            out.write(f"{_INDENT}{each.remedy}\n")
        out.flush()
    word = "something is wrong" if "fail" in worst else "nothing is wrong"
    out.write(f"{word}{', see the warnings' if 'warn' in worst else ''}\n")
    return "fail" not in worst
