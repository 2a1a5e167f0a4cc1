"""Questions to tables of names: what is in a place, what is close, what changed.

They block for milliseconds; worker threads only.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from snowflake_mcp.warehouse.likeness import closest
from snowflake_mcp.warehouse.shelf import path_of

__all__ = ["differences", "inside", "near"]

Path = tuple[str, ...]

_DEEPEST: Final = 3
_MOST_CHANGES: Final = 1_000
_LOOKED_AT: Final = 30
"""Close names of which the asker may perhaps not see some."""


def near(
    tables: Sequence[Any], path: Path, shows: Callable[[Path], bool], most: int
) -> list[Path] | None:
    """At most ``most`` paths that may have been meant, the likest first.

    ``None``: the tables do not know that it is missing.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not tables:
        return None
    table = pa.concat_tables(tables)
    for depth, wanted in enumerate(path):
        names = inside(tables, path[:depth])
        if wanted in names and shows(path[: depth + 1]):
            continue
        found = [(*path[:depth], name) for name in closest(wanted, names, _LOOKED_AT)]
        elsewhere = table.filter(
            pc.and_(
                pc.equal(pc.utf8_lower(table["name"]), path[-1].lower()),
                pc.not_equal(table["schema"], ""),
            )
        )
        if len(path) == _DEEPEST:
            # The same name in another place says more than another name in the same one.
            found[:0] = zip(
                *(elsewhere[name].to_pylist() for name in ("database", "schema", "name")),
                strict=True,
            )
        return [each for each in dict.fromkeys(found) if shows(each)][:most]
    return None


def inside(tables: Sequence[Any], place: Path) -> list[str]:
    """The stored names of what is in the account, a database or a schema, in their order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not tables:
        return []
    table = pa.concat_tables(tables)
    for column, name in zip(("database", "schema"), (*place, "", "")[:2], strict=True):
        table = table.filter(pc.equal(table[column], name))
    is_database = pc.equal(table["kind"], "database")
    is_schema = pc.equal(table["kind"], "schema")
    kinds = (is_database, is_schema, pc.invert(pc.or_(is_database, is_schema)))
    return sorted(table.filter(kinds[len(place)])["name"].to_pylist())


def differences(before: Sequence[Any], after: Sequence[Any]) -> list[Path]:
    """Paths of what came, went, was made anew or has another comment; at most a thousand."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not before or not after:
        return []
    told = ("database", "schema", "name", "kind", "comment", "created")
    old, new = pa.concat_tables(before), pa.concat_tables(after)
    marks = [
        pc.binary_join_element_wise(*(table[name] for name in told), "\0") for table in (old, new)
    ]
    paths = []
    for table, own, other in ((old, marks[0], marks[1]), (new, marks[1], marks[0])):
        changed = table.filter(pc.invert(pc.is_in(own, other.combine_chunks())))
        paths += [path_of(row) for row in changed.slice(0, _MOST_CHANGES).to_pylist()]
    return list(dict.fromkeys(paths))[:_MOST_CHANGES]
