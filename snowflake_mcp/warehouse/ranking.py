"""The ranked search over tables of names; blocks for milliseconds, worker threads only.

What matches best comes first: the whole name, its beginning, a word of it, a part of it, a
column, the place, the comment, and at last names that are nearly so. Equals stand in the order
of the length of their names and then of their paths, so the same question about the same tables
always has the same answer.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.warehouse.likeness import distance, tolerance
from snowflake_mcp.warehouse.shelf import path_of

__all__ = ["MATCHES", "Found", "Hit", "Question", "find", "terms_of"]

Path = tuple[str, ...]

MATCHES: Final = ("name", "prefix", "word", "part", "column", "place", "comment", "similar")
"""How an object fits, best first."""
_NAME, _PREFIX, _WORD, _PART, _COLUMN, _PLACE, _COMMENT, _SIMILAR = range(len(MATCHES))
_NONE: Final = len(MATCHES)
_SLICE: Final = 500
_MOST_TERMS: Final = 6
_CANDIDATES: Final = 1_000
"""Objects of which a word is nearly what nobody has."""
_MOST_WORDS: Final = 5_000
"""Words that are compared letter by letter."""
_CLOSE_WORDS: Final = 20
_APART: Final = r"[^\pL\pN]"
"""Between words, to Arrow."""
_WORDS: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, and where."""

    terms: tuple[str, ...]
    """In lower case; every one has to fit somewhere."""
    database: str = ""
    """Stored names; empty: everywhere."""
    schema: str = ""
    kind: str = ""
    columns: tuple[frozenset[Path], ...] = ()
    """For each term the objects that have such a column."""
    shows: Callable[[Path], bool] = lambda _: True
    """Whether the asker may be told of what is at a path."""
    after: Path = ()
    """Go on behind this one."""
    most: int = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """One object that fits."""

    path: Path
    match: str
    facts: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """Of the shelf: kind, comment, rows, bytes, created."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what fits."""

    hits: tuple[Hit, ...]
    more: bool
    searched: int
    """Objects that were looked at."""
    lost: bool = False
    """What to go on behind does not fit any more."""


def terms_of(pattern: str) -> tuple[str, ...]:
    """The words of a pattern, in lower case, each once."""
    return tuple(dict.fromkeys(pattern.lower().split()))[:_MOST_TERMS]


def find(tables: Sequence[Any], question: Question) -> Found:
    """The page of hits that the question asks for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not tables:
        return Found((), more=False, searched=0)
    table = _within(pa.concat_tables(tables), question)
    names = pc.utf8_lower(table["name"])
    grades = _grades(table, names, question)
    ordered = table.append_column("grade", grades)
    kept = ordered.filter(pc.less(grades, _NONE))
    hits: list[Hit] = []
    reached = not question.after
    for hit in chain(_ordered(kept), _similar(ordered, names, question)):
        if not reached:
            reached = hit.path == question.after
        elif question.shows(hit.path):
            hits.append(hit)
            if len(hits) > question.most:
                break
    pa.default_memory_pool().release_unused()
    more = len(hits) > question.most
    return Found(tuple(hits[: question.most]), more, table.num_rows, lost=not reached)


def _within(table: Any, question: Question) -> Any:
    import pyarrow.compute as pc

    if question.database:
        of_it = pc.equal(table["database"], question.database)
        if not question.schema:
            itself = pc.and_(
                pc.equal(table["kind"], "database"), pc.equal(table["name"], question.database)
            )
            of_it = pc.or_(of_it, itself)
        table = table.filter(of_it)
    if question.schema:
        table = table.filter(pc.equal(table["schema"], question.schema))
    if question.kind and question.kind != "column":
        table = table.filter(pc.equal(table["kind"], question.kind))
    return table


def _grades(table: Any, names: Any, question: Question) -> Any:
    """How well each row fits, as a number; the term that fits worst counts."""
    import pyarrow.compute as pc

    terms = question.terms
    comments = pc.utf8_lower(table["comment"])
    paths = pc.binary_join_element_wise(table["database"], table["schema"], table["name"], "\0")
    places = pc.utf8_lower(pc.binary_join_element_wise(table["database"], table["schema"], "."))
    worst = None
    for at, term in enumerate(terms):
        own = question.columns[at] if at < len(question.columns) else frozenset()
        grade = _grade(names, comments, places if len(terms) > 1 else None, paths, own, term)
        worst = grade if worst is None else pc.max_element_wise(worst, grade)
    if question.kind == "column":
        return pc.if_else(pc.equal(worst, _COLUMN), worst, _NONE)
    if len(terms) > 1:
        # Several words are most of all a name that has them joined.
        whole = _by_name(names, "_".join(terms))
        return pc.min_element_wise(worst, whole)
    return worst


def _grade(
    names: Any, comments: Any, places: Any, paths: Any, columns: frozenset[Path], term: str
) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    grade = pc.if_else(pc.match_substring(comments, term), _COMMENT, _NONE)
    if places is not None:
        grade = pc.if_else(pc.match_substring(places, term), _PLACE, grade)
    if columns:
        having = pa.array(["\0".join(path) for path in sorted(columns)], pa.string())
        grade = pc.if_else(pc.is_in(paths, having), _COLUMN, grade)
    return pc.min_element_wise(grade, _by_name(names, term))


def _by_name(names: Any, term: str) -> Any:
    import pyarrow.compute as pc

    if "%" in term or "*" in term:
        fits = pc.match_like(names, term.replace("*", "%"))
        return pc.if_else(fits, _NAME, _NONE)
    grade = pc.if_else(pc.match_substring(names, term), _PART, _NONE)
    word = pc.match_substring_regex(names, rf"(?:^|{_APART}){re.escape(term)}")
    grade = pc.if_else(word, _WORD, grade)
    grade = pc.if_else(pc.starts_with(names, term), _PREFIX, grade)
    return pc.if_else(pc.equal(names, term), _NAME, grade)


def _ordered(table: Any) -> Iterator[Hit]:
    """The rows in the order of the answer, made as they are wanted."""
    import pyarrow.compute as pc

    system = pc.or_(
        pc.equal(table["schema"], "INFORMATION_SCHEMA"), pc.equal(table["database"], "SNOWFLAKE")
    )
    keys = table.select(["grade", "database", "schema", "name"])
    keys = keys.append_column("system", system)
    keys = keys.append_column("length", pc.utf8_length(table["name"]))
    # What Snowflake brings along itself is seldom meant.
    order = ("grade", "system", "length", "database", "schema", "name")
    places = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in order])
    for start in range(0, len(places), _SLICE):
        for row in table.take(places[start : start + _SLICE]).to_pylist():
            yield Hit(path_of(row), MATCHES[row["grade"]], row)


def _similar(table: Any, names: Any, question: Question) -> Iterator[Hit]:
    """Rows whose name, or a word of it, nearly is what is looked for."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = "_".join(question.terms)
    most = tolerance(wanted)
    if not most or question.kind == "column" or set(wanted) & set("%*"):
        return
    close = _close_words(names, wanted, most)
    if not close:
        return
    either = "|".join(map(re.escape, close))
    having = pc.match_substring_regex(names, rf"(?:^|{_APART})(?:{either})(?:$|{_APART})")
    near = pc.or_(having, pc.is_in(names, pa.array(list(close), pa.string())))
    rows = table.filter(pc.and_(near, pc.equal(table["grade"], _NONE)))
    order = [(name, "ascending") for name in ("name", "database", "schema")]
    shortest = pc.sort_indices(
        rows.append_column("length", pc.utf8_length(rows["name"])),
        sort_keys=[("length", "ascending"), *order],
    )
    graded = []
    for row in rows.take(shortest[:_CANDIDATES]).to_pylist():
        name = row["name"].lower()
        least = min(close.get(word, most) for word in (name, *_WORDS.split(name)))
        graded.append((least, len(name), path_of(row), row))
    for _, _, path, row in sorted(graded, key=lambda each: each[:3]):
        yield Hit(path, MATCHES[_SIMILAR], row)


def _close_words(names: Any, wanted: str, most: int) -> dict[str, int]:
    """Words of the names, and whole names, that are nearly what is wanted, and how nearly."""
    import pyarrow as pa
    import pyarrow.compute as pc

    parts = pc.list_flatten(pc.split_pattern_regex(names, rf"{_APART}+"))
    words = pa.chunked_array([*parts.chunks, *names.chunks], pa.string()).unique()
    away = pc.abs(pc.subtract(pc.utf8_length(words), len(wanted)))
    words = words.filter(pc.less_equal(away, most))
    # Of so many pieces one at least stays whole when fewer letters are wrong.
    size = len(wanted) // (most + 1)
    starts = [*range(0, size * (most + 1), size), len(wanted)]
    whole = None
    for start, end in pairwise(starts):
        piece = pc.match_substring(words, wanted[start:end])
        whole = piece if whole is None else pc.or_(whole, piece)
    graded = {
        word: distance(wanted, word, most)
        for word in sorted(words.filter(whole).to_pylist())[:_MOST_WORDS]
    }
    close = sorted((away, word) for word, away in graded.items() if away <= most)
    return {word: away for away, word in close[:_CLOSE_WORDS]}
