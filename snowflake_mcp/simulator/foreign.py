"""Types and functions of Snowflake that the engine has under other names, or as macros."""

from collections.abc import Mapping
from typing import Any, Final

from snowflake_mcp.simulator.failures import not_supported
from snowflake_mcp.simulator.macros import HOME

__all__ = ["GEO_FUNCTIONS", "put_engine_words", "whole_numbers"]

GEO_FUNCTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "TO_GEOGRAPHY": ("sf_geo", "geography"),
    "TRY_TO_GEOGRAPHY": ("sf_try_geo", "geography"),
    "ST_GEOGRAPHYFROMWKT": ("sf_geo", "geography"),
    "ST_GEOGFROMWKT": ("sf_geo", "geography"),
    "ST_GEOGRAPHYFROMTEXT": ("sf_geo", "geography"),
    "ST_GEOGFROMTEXT": ("sf_geo", "geography"),
    "ST_MAKEPOINT": ("sf_point", "geography"),
    "ST_POINT": ("sf_point", "geography"),
    "TO_GEOMETRY": ("sf_geo", "geometry"),
    "TRY_TO_GEOMETRY": ("sf_try_geo", "geometry"),
    "ST_GEOMETRYFROMWKT": ("sf_geo", "geometry"),
    "ST_GEOMFROMWKT": ("sf_geo", "geometry"),
    "ST_GEOMETRYFROMTEXT": ("sf_geo", "geometry"),
    "ST_MAKEGEOMPOINT": ("sf_point", "geometry"),
    "ST_GEOMPOINT": ("sf_point", "geometry"),
}
"""Constructors of shapes: the macro, and the wire name of what they give."""

_MACROS: Final[Mapping[str, str]] = {name: macro for name, (macro, _) in GEO_FUNCTIONS.items()} | {
    "ST_X": "sf_x",
    "ST_Y": "sf_y",
    "ST_ASWKT": "sf_wkt",
    "ST_ASTEXT": "sf_wkt",
    "ST_DISTANCE": "sf_distance",
    "SYSTEM$TYPEOF": "sf_typeof",
}
_RENAMED: Final[Mapping[str, str]] = {
    "VECTOR_INNER_PRODUCT": "array_inner_product",
    "VECTOR_L2_DISTANCE": "array_distance",
    "VECTOR_COSINE_SIMILARITY": "array_cosine_similarity",
}


def put_engine_words(expression: Any) -> bool:
    """Rewrite the types and functions in a statement; whether there were any.

    :raises StatementFailed: 000002 for a type that no column can have here.
    """
    from sqlglot import exp  # noqa: PLC0415 heavy, only the simulator's own process needs it

    changed = False
    # Leaves first: an argument may be such a function itself.
    for node in reversed(list(expression.find_all(exp.Func))):
        replacement = _replaced(node)
        if replacement is not None:
            node.replace(replacement)
            changed = True
    for node in list(expression.find_all(*_whole_arguments())):
        for key in _whole_arguments()[type(node)]:
            changed |= _made_whole(node, key)
    for kind in list(expression.find_all(exp.DataType)):
        if _retype(kind):
            changed = True
    return changed


def _whole_arguments() -> Mapping[type[Any], tuple[str, ...]]:
    """Arguments that must be 64-bit integers in DuckDB; a NUMBER is none there."""
    from sqlglot import exp  # noqa: PLC0415

    return {
        exp.Left: ("expression",),
        exp.Right: ("expression",),
        exp.Substring: ("start", "length"),
        exp.Repeat: ("times",),
        exp.Pad: ("expression",),
        exp.SplitPart: ("part_index",),
        exp.Round: ("decimals",),
        exp.Chr: ("expressions",),
    }


def _made_whole(node: Any, key: str) -> bool:
    from sqlglot import exp  # noqa: PLC0415

    arguments = node.args.get(key)
    changed = False
    for argument in arguments if isinstance(arguments, list) else [arguments]:
        if argument is not None and not isinstance(argument, exp.Literal):
            bigint = exp.DataType(this=exp.DataType.Type.BIGINT, nested=False)
            argument.replace(exp.Cast(this=argument.copy(), to=bigint))
            changed = True
    return changed


def _replaced(node: Any) -> Any:
    """What stands for a function in the engine; None for all that it knows."""
    from sqlglot import exp  # noqa: PLC0415

    shapes = (exp.DataType.Type.GEOGRAPHY, exp.DataType.Type.GEOMETRY)
    if isinstance(node, exp.Cast):
        if node.to.this not in shapes:
            return None
        return _call("sf_try_geo" if isinstance(node, exp.TryCast) else "sf_geo", node.this)
    if isinstance(node, exp.Array) and _is_semi_structured(node):
        return exp.Anonymous(this="json_array", expressions=node.expressions)
    if isinstance(node, exp.Typeof):
        return _call("sf_variant_type", node.this)
    names = {
        exp.StPoint: "ST_MAKEPOINT",
        exp.StDistance: "ST_DISTANCE",
        exp.DotProduct: "VECTOR_INNER_PRODUCT",
        exp.EuclideanDistance: "VECTOR_L2_DISTANCE",
        # Snowflake's VECTOR_COSINE_SIMILARITY is read so.
        exp.CosineDistance: "VECTOR_COSINE_SIMILARITY",
    }
    arguments = node.expressions
    if isinstance(node, exp.Anonymous):
        name = str(node.this).upper()
    elif type(node) in names:
        name, arguments = names[type(node)], [node.this, node.expression]
    else:
        return None
    if name == "HASH":
        return _call("sf_signed", exp.Anonymous(this="HASH", expressions=list(arguments)))
    if name in _RENAMED:
        return exp.Anonymous(this=_RENAMED[name], expressions=arguments)
    return _call(_MACROS[name], *arguments) if name in _MACROS else None


def _is_semi_structured(array: Any) -> bool:
    """Whether an array may mix types: it is a column of its own, or inside of one that is."""
    from sqlglot import exp  # noqa: PLC0415

    holder = array.parent
    while isinstance(holder, exp.Array | exp.PropertyEQ | exp.Struct):
        holder = holder.parent
    return isinstance(holder, exp.Alias | exp.Select | exp.Tuple)


def _call(macro: str, *arguments: Any) -> Any:
    from sqlglot import exp  # noqa: PLC0415

    return exp.Anonymous(this=f"{HOME}.{macro}", expressions=list(arguments))


def _retype(kind: Any) -> bool:
    from sqlglot import exp  # noqa: PLC0415

    types = exp.DataType.Type
    if kind.this in (types.GEOGRAPHY, types.GEOMETRY):
        kind.set("this", types.TEXT)
        return True
    if kind.this is types.VECTOR:
        member, dimension = kind.expressions
        name = "INTEGER" if member.this in (types.INT, types.BIGINT) else "FLOAT"
        # Any other way of writing an array would become JSON on its way to the engine.
        kind.replace(exp.DataType(this=types.USERDEFINED, kind=f"{name}[{dimension.name}]"))
        return True
    if kind.this is types.DECFLOAT or isinstance(kind.this, exp.Interval):
        word = "DECFLOAT" if kind.this is types.DECFLOAT else "INTERVAL"
        raise not_supported(f"the type {word} other than in a constant of the SELECT list")
    return False


def whole_numbers(node: Any) -> Any:
    """Stands in for fakesnow's rule that gives NUMBER and NUMBER(38,0) 64 bits like INT."""
    from sqlglot import exp  # noqa: PLC0415

    types = exp.DataType.Type
    if not isinstance(node, exp.DataType):
        return node
    if node.this in (types.INT, types.SMALLINT, types.TINYINT):
        return exp.DataType(this=types.BIGINT, nested=False)
    parameters = [parameter.name for parameter in node.expressions]
    if node.this is types.DECIMAL and parameters in ([], ["38"], ["38", "0"]):
        return exp.DataType(this=types.INT128, nested=False)
    return node
