"""Did you mean: the names that an unknown one is close to, and why case may be the reason."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TooLateError

from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.tools.backing import Lore
from snowflake_mcp.tools.base import Call
from snowflake_mcp.tools.names import stored, stored_path
from snowflake_mcp.warehouse.catalog import Asker
from snowflake_mcp.warehouse.entries import Entry
from snowflake_mcp.warehouse.identifiers import folded, shown
from snowflake_mcp.warehouse.likeness import closest
from snowflake_mcp.warehouse.visible import plain

__all__ = ["meant", "suggested"]

Path = tuple[str, ...]

_MOST: Final = 3
_BOUND_S: Final = 4.0
"""For all of it: who has made a mistake wants to hear of it soon."""
_TABLES: Final = 3
"""Of a statement, whose columns are looked at."""
_NAME_CHARS: Final = 300
_MISSING: Final = re.compile(r"(\w+) '([^']{1,800})' does not exist")
_COLUMN: Final = re.compile(r"invalid identifier '([^']{1,800})'")
_PART: Final = re.compile(r'"((?:[^"]|"")+)"|([^".]+)')
_KEPT: Final = ("table", "view", "schema", "database")
_DEPTHS: Final = {"database": 1, "schema": 2}


async def suggested(failure: ToolFailure, call: Call, arguments: Mapping[str, Any]) -> ToolFailure:
    """The same failure; where Snowflake knows a name no, with at most three that it is close to.

    It takes what is kept, else a SHOW or two within seconds, and tells only what the caller may
    see. What cannot be found out changes nothing.

    Raises:
        CancelledError: the request was cancelled.
    """
    lore = call.backing.parts.lore
    if lore is None or failure.family is not Family.MISSING_OBJECT or _is_other(arguments):
        return failure
    within_s = min(_BOUND_S, call.context.remaining_s / 2)
    work = Deferred.fromCoroutine(_close(failure.message, call, arguments, lore, within_s))
    try:
        wanted, names = await work.addTimeout(within_s, call.context.clock)
    except CancelledError:
        raise
    except (TooLateError, ToolFailure, ValueError):
        # It was an extra; the failure itself has been found out.
        return failure
    if not names:
        return failure
    texts = [plain(".".join(map(shown, path)), _NAME_CHARS) for path in names]
    question = meant(wanted, texts, names[0][-1])
    return failure.anew(hint=f"{question} {failure.hint}".rstrip(), did_you_mean=texts)


def _is_other(arguments: Mapping[str, Any]) -> bool:
    """Whether an object is named of a kind whose names nobody keeps."""
    kind = arguments.get("kind")
    if not isinstance(kind, str) or "name" not in arguments:
        return False
    return not kind.replace("_", " ").lower().rstrip("s").endswith(_KEPT)


def meant(wanted: str, texts: Sequence[str], first: str) -> str:
    """The question; ``first`` is the stored name of the likest, ``wanted`` what was looked up."""
    names = " or ".join([", ".join(texts[:-1]), texts[-1]] if texts[1:] else texts)
    question = f"Did you mean {names}?"
    if first == wanted or first.lower() != wanted.lower():
        return question
    name, other = plain(shown(first), _NAME_CHARS), plain(shown(wanted), _NAME_CHARS)
    if name == first:
        return (
            f"{question} In double quotes a name keeps its case, so {other} is not {name}: write "
            f"{name} without quotes, in SQL and in arguments."
        )
    return (
        f"{question} Its name is not all capitals, and without quotes a name is taken as "
        f"{other}: write {name} with the double quotes, in SQL and in arguments."
    )


async def _close(
    message: str, call: Call, arguments: Mapping[str, Any], lore: Lore, within_s: float
) -> tuple[str, list[Path]]:
    """What was looked up, and paths that may have been meant; of a column its name alone."""
    known = [stored_path(name, "name") for name in call.context.trail.objects]
    if found := _COLUMN.search(message):
        wanted = _parts(found[1])[-1]
        tables = [_whole(path, call, arguments) for path in known[:_TABLES]]
        asker = call.asker(within_s)
        return wanted, [(name,) for name in await _columns(wanted, tables, asker, lore)]
    if found := _MISSING.search(message):
        parts = _parts(found[2])
        # The statement may say more of the place than Snowflake repeats.
        parts = next((path for path in known if path[-len(parts) :] == parts), parts)
        depth = _DEPTHS.get(found[1].lower(), 3)
        path = parts if len(parts) >= depth else _whole(parts, call, arguments, depth)
    elif known:
        path = known[-1]
    else:
        return "", []
    if not 1 <= len(path) <= len(_DEPTHS) + 1:
        return "", []
    return await _paths(path, call.asker(within_s), lore)


def _parts(name: str) -> Path:
    """The parts of a name as Snowflake tells it: what is not in quotes has been folded before."""
    return tuple(
        quoted.replace('""', '"') if quoted else bare for quoted, bare in _PART.findall(name)
    )


def _whole(path: Path, call: Call, arguments: Mapping[str, Any], depth: int = 3) -> Path:
    """The path with the place in front that its session has; as it is where that is not known."""
    names = [
        stored(given, name) if isinstance(given := arguments.get(name), str) else None
        for name in ("database", "schema")
    ]
    situation = call.situation(names[0], names[1])
    place = (situation.database, situation.schema)[: depth - 1]
    missing = place[: max(0, depth - len(path))]
    if None in missing:
        return path
    return (*(name for name in missing if name is not None), *path)


async def _paths(path: Path, asker: Asker, lore: Lore) -> tuple[str, list[Path]]:
    contents = lore.directory.known(asker)
    if contents is not None:
        found = await lore.directory.near(contents, path, asker.shows, _MOST)
        if found is not None:
            # Of the whole path the part that is wrong is where the first suggestion ends.
            at = len(found[0]) - 1 if found else 0
            return path[at], found
    for depth in range(len(path), 0, -1):
        place, wanted = path[: depth - 1], path[depth - 1]
        try:
            names = await _inside(place, asker, lore)
        except ToolFailure as failure:
            if failure.family is not Family.MISSING_OBJECT:
                raise
            continue
        if wanted in names:
            break
        return wanted, [(*place, name) for name in closest(wanted, names, _MOST)]
    return "", []


async def _inside(place: Path, asker: Asker, lore: Lore) -> list[str]:
    """The stored names of what is in a place."""
    entries: Sequence[Entry]
    if not place:
        entries = (await lore.lists.databases(asker)).entries
    elif len(place) == 1:
        entries = (await lore.lists.schemas(place[0], asker)).entries
    else:
        entries = (await lore.lists.objects(place[0], place[1], asker)).entries
    return [folded(entry.name) for entry in entries]


async def _columns(wanted: str, tables: Sequence[Path], asker: Asker, lore: Lore) -> list[str]:
    names: list[str] = []
    for path in tables:
        if len(path) != len(_DEPTHS) + 1:
            continue
        try:
            listing = await lore.lists.columns(path[0], path[1], path[2], asker)
        except ToolFailure as failure:
            if failure.family is not Family.MISSING_OBJECT:
                raise
            continue
        names += [folded(entry.name) for entry in listing.entries]
    return [] if wanted in names else closest(wanted, names, _MOST)
