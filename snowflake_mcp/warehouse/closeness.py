"""Objects whose names are close to one that is not there; worker threads only."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from snowflake_mcp.warehouse.likeness import closest

__all__ = ["near"]

Path = tuple[str, ...]

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
        place = (*path[:depth], "", "")[:2]
        inside = table
        for column, name in zip(("database", "schema"), place, strict=True):
            inside = inside.filter(pc.equal(inside[column], name))
        is_database = pc.equal(inside["kind"], "database")
        is_schema = pc.equal(inside["kind"], "schema")
        kinds = (is_database, is_schema, pc.invert(pc.or_(is_database, is_schema)))
        names = inside.filter(kinds[depth])["name"].to_pylist()
        if wanted in names and shows(path[: depth + 1]):
            continue
        found = [(*path[:depth], name) for name in closest(wanted, names, _LOOKED_AT)]
        elsewhere = table.filter(
            pc.and_(
                pc.equal(pc.utf8_lower(table["name"]), path[-1].lower()),
                pc.not_equal(table["schema"], ""),
            )
        )
        if len(path) == len(kinds):
            # The same name in another place says more than another name in the same one.
            found[:0] = zip(
                *(elsewhere[name].to_pylist() for name in ("database", "schema", "name")),
                strict=True,
            )
        return [each for each in dict.fromkeys(found) if shows(each)][:most]
    return None
