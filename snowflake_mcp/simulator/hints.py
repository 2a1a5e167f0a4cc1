"""Types that a statement or a table tells and DuckDB's own types do not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from snowflake_mcp.simulator.foreign import GEO_FUNCTIONS
from snowflake_mcp.simulator.notes import Path

if TYPE_CHECKING:
    from snowflake_mcp.simulator.notes import Notes

__all__ = ["declared_types", "written_types"]

_DECLARED: Final = {
    "OBJECT": "object",
    "ARRAY": "array",
    "MAP": "map",
    "TIME": "time",
    "TIMESTAMP_LTZ": "timestamp_ltz",
    "TIMESTAMP_NTZ": "timestamp_ntz",
    "TIMESTAMP_TZ": "timestamp_tz",
    "GEOGRAPHY": "geography",
    "GEOMETRY": "geometry",
}


def declared_types(paths: Sequence[Path | None], notes: "Notes") -> dict[str, str]:
    """Wire types by column name, as the tables of these paths were declared."""
    hints: dict[str, str] = {}
    for path in paths:
        for column, declared in (notes.types(path) if path is not None else {}).items():
            name, _, scale = declared.rstrip(")").partition("(")
            wire = _DECLARED.get(name)
            if wire is not None:
                hints[column] = f"{wire}:{scale}" if scale else wire
    return hints


def written_types(query: Any) -> dict[str, str]:
    """Wire types by column name that the query itself tells: casts, functions of one type."""
    hints: dict[str, str] = {}
    for column in getattr(query, "selects", ()):
        name = column.alias_or_name
        identifier = column.args.get("alias")
        if identifier is not None and not getattr(identifier, "quoted", False):
            name = name.upper()
        wire = _written(column.unalias())
        if wire is not None:
            hints[name] = wire
    return hints


def _written(value: Any) -> str | None:
    from sqlglot import exp

    casts = {
        exp.DataType.Type.OBJECT: "object",
        exp.DataType.Type.ARRAY: "array",
        exp.DataType.Type.MAP: "map",
        exp.DataType.Type.VARIANT: "variant",
        exp.DataType.Type.TIME: "time",
        exp.DataType.Type.TIMESTAMP: "timestamp_ntz",
        exp.DataType.Type.TIMESTAMPNTZ: "timestamp_ntz",
        exp.DataType.Type.TIMESTAMPTZ: "timestamp_tz",
        exp.DataType.Type.TIMESTAMPLTZ: "timestamp_ltz",
        exp.DataType.Type.GEOGRAPHY: "geography",
        exp.DataType.Type.GEOMETRY: "geometry",
    }
    functions = (
        (exp.Struct, "object"),
        (exp.ObjectAgg, "object"),
        (exp.Array, "array"),
        (exp.ArrayAgg, "array"),
        (exp.ApproxTopK, "array"),
        (exp.Split, "array"),
        (exp.ToArray, "array"),
        (exp.ParseJSON, "variant"),
        (exp.StPoint, "geography"),
    )
    if isinstance(value, exp.Cast):
        wire = casts.get(value.to.this)
        scaled = wire is not None and wire.startswith("time") and value.to.expressions
        return f"{wire}:{value.to.expressions[0].name}" if scaled else wire
    if isinstance(value, exp.Anonymous):
        return GEO_FUNCTIONS.get(str(value.this).upper(), ("", None))[1]
    for kind, wire in functions:
        if isinstance(value, kind):
            return wire
    return None
