"""Whether files of the audit are what was written: every record follows the one before it."""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from snowflake_mcp.ops.chain import GENESIS, Link, Sealer, link_of
from snowflake_mcp.ops.journal import GAP, RECOVERED

__all__ = ["Findings", "records_of", "verify"]

_MAX_LINE_BYTES: Final = 4 << 20
_EXPLAIN_TORN: Final = frozenset({GAP, RECOVERED})


@dataclass(slots=True)
class Findings:
    """What was found in a row of files."""

    records: int = 0
    first: Link | None = None
    last: Link | None = None
    lost: int = 0
    """Records that the audit itself says it could not write."""
    problem: str = ""
    """The first thing that does not fit; empty: everything does."""
    notes: list[str] = field(default_factory=list)
    """What is no fault of the chain and yet worth knowing."""


@dataclass(frozen=True, slots=True)
class _Line:
    path: Path
    number: int
    data: bytes
    whole: bool
    """Whether it has its newline."""

    def __str__(self) -> str:
        return f"{self.path}, line {self.number}"


def verify(paths: Sequence[Path], sealer: Sealer) -> Findings:
    """Check the records of files that follow each other, in whatever order they are given.

    Blocks. Files that end with ``.gz`` are read as they are.

    Raises:
        OSError: a file cannot be read.
    """
    found = Findings()
    torn: _Line | None = None
    why = ""
    for line in _lines(_in_order(paths)):
        link = _link(line)
        if torn is not None:
            if isinstance(link, str) or link.record.get("event") not in _EXPLAIN_TORN:
                found.problem = f"{torn}: {why}"
                return found
            found.notes.append(f"{torn}: not written to its end; the record after it says so")
            torn = None
        if isinstance(link, str):
            torn, why = line, link
            continue
        found.problem = _fault(found.last, link, sealer, line)
        if found.problem:
            return found
        _take(found, link)
    if torn is not None and torn.whole:
        found.problem = f"{torn}: {why}"
    elif torn is not None:
        found.notes.append(f"{torn}: not written to its end, and nothing follows")
    return found


def records_of(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The records of files in the order of their numbers, unchecked; torn lines are left out.

    Raises:
        OSError: a file cannot be read.
    """
    for line in _lines(_in_order(paths)):
        with suppress(ValueError):
            link = link_of(line.data)
            yield {**link.record, "hash": link.hash}


def _link(line: _Line) -> Link | str:
    """The record of a line, or why it is none."""
    try:
        return link_of(line.data)
    except ValueError as error:
        return str(error)


def _take(found: Findings, link: Link) -> None:
    if found.first is None:
        found.first = link
        if link.seq > 1:
            found.notes.append(
                f"begins with record {link.seq}: what came before was not given, and follows from "
                f"hash {link.previous}"
            )
    found.records += 1
    found.last = link
    lost = link.record.get("lost")
    if link.record.get("event") == GAP and isinstance(lost, int):
        found.lost += lost
        found.notes.append(f"record {link.seq}: {lost} records before it could not be written")


def _fault(before: Link | None, link: Link, sealer: Sealer, line: _Line) -> str:
    if not sealer.fits(link):
        return f"{line}: record {link.seq} is not what was written, or the key is another"
    if before is None:
        if link.seq == 1 and link.previous != GENESIS:
            return f"{line}: record 1 claims that others came before it"
        return ""
    if link.seq != before.seq + 1:
        return f"{line}: record {link.seq} follows record {before.seq}: some are missing or moved"
    if link.previous != before.hash:
        return f"{line}: record {link.seq} does not follow from the record before it"
    return ""


def _in_order(paths: Sequence[Path]) -> list[Path]:
    """By the number of their first record; what has none comes last."""
    numbered: list[tuple[int, Path]] = []
    for path in paths:
        seq = 1 << 62
        for line in _lines([path]):
            with suppress(ValueError):
                seq = link_of(line.data).seq
                break
        numbered.append((seq, path))
    return [path for _, path in sorted(numbered, key=lambda pair: pair[0])]


def _lines(paths: Sequence[Path]) -> Iterator[_Line]:
    for path in paths:
        with _opened(path) as file:
            number = 0
            while data := file.readline(_MAX_LINE_BYTES):
                number += 1
                yield _Line(path, number, data.rstrip(b"\n"), data.endswith(b"\n"))


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")
