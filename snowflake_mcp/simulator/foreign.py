"""Types and functions of Snowflake that the engine has under other names, or as macros."""

from collections.abc import Mapping, Sequence
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
    "APPROX_TOP_K": "sf_top_k",
    "ARRAY_CONTAINS": "sf_contains",
    "AS_CHAR": "sf_as_text",
    "AS_DOUBLE": "sf_as_double",
    "AS_INTEGER": "sf_as_integer",
    "AS_VARCHAR": "sf_as_text",
    "BOOLXOR": "sf_xor",
    "HASH_AGG": "sf_hash_agg",
    "OBJECT_INSERT": "sf_insert",
    "TO_BINARY": "sf_from_hex",
    "VECTOR_COSINE_SIMILARITY": "sf_cosine",
    "VECTOR_INNER_PRODUCT": "sf_product",
    "VECTOR_L2_DISTANCE": "sf_l2",
    "WIDTH_BUCKET": "sf_bucket",
}
_RENAMED: Final[Mapping[str, str]] = {
    "HLL": "approx_count_distinct",
    "LTRIM": "ltrim",
    "RTRIM": "rtrim",
    "TO_OBJECT": "to_json",
}


_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "IS_ARRAY": ("ARRAY",),
    "IS_BOOLEAN": ("BOOLEAN",),
    "IS_CHAR": ("VARCHAR",),
    "IS_DECIMAL": ("INTEGER", "DOUBLE"),
    "IS_DOUBLE": ("INTEGER", "DOUBLE"),
    "IS_INTEGER": ("INTEGER",),
    "IS_OBJECT": ("OBJECT",),
    "IS_REAL": ("INTEGER", "DOUBLE"),
    "IS_VARCHAR": ("VARCHAR",),
}
"""What a VARIANT holds when such a function says yes."""


def put_engine_words(expression: Any) -> bool:
    """Rewrite the types and functions in a statement; whether there were any.

    :raises StatementFailed: 000002 for a type that no column can have here.
    """
    from sqlglot import exp

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
    for node in list(expression.find_all(exp.Left, exp.Right, exp.Pad)):
        if not isinstance(node.this, exp.Literal):
            node.this.replace(exp.cast(node.this.copy(), "TEXT"))
            changed = True
    for kind in list(expression.find_all(exp.DataType)):
        if _retype(kind):
            changed = True
    return changed


def _whole_arguments() -> Mapping[type[Any], tuple[str, ...]]:
    """Arguments that must be 64-bit integers in DuckDB; a NUMBER is none there."""
    from sqlglot import exp

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
    from sqlglot import exp

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
    from sqlglot import exp

    shapes = (exp.DataType.Type.GEOGRAPHY, exp.DataType.Type.GEOMETRY)
    if isinstance(node, exp.TryCast) and node.to.this in _moments():
        return _call(_moments()[node.to.this], node.this)
    if isinstance(node, exp.Cast):
        if node.to.this is exp.DataType.Type.VARIANT and not isinstance(node.this, exp.Null):
            # The engine would read a text as JSON, and Snowflake keeps it a text.
            return _call("sf_variant", node.this)
        if node.to.this not in shapes:
            return None
        return _call("sf_try_geo" if isinstance(node, exp.TryCast) else "sf_geo", node.this)
    if isinstance(node, exp.Array) and _is_semi_structured(node):
        return exp.Anonymous(this="json_array", expressions=node.expressions)
    if isinstance(node, exp.Booland | exp.Boolor):
        # Left to itself each would be rounded first, which no BOOLEAN can be.
        truths = [exp.cast(side.copy(), "BOOLEAN") for side in (node.this, node.expression)]
        return exp.paren(
            exp.and_(*truths) if isinstance(node, exp.Booland) else exp.or_(*truths), copy=False
        )
    if isinstance(node, exp.Typeof):
        return _call("sf_variant_type", node.this)
    call = _named(node)
    if call is None:
        return None
    name, arguments = call
    if name in _KINDS:
        kinds = exp.Array(expressions=[exp.Literal.string(kind) for kind in _KINDS[name]])
        return _call("sf_is", *arguments, kinds)
    if name in {"OBJECT_DELETE", "OBJECT_PICK"}:
        return _members(name, arguments)
    if name == "HASH":
        return _call("sf_signed", exp.Anonymous(this="HASH", expressions=list(arguments)))
    if name in _RENAMED:
        return exp.Anonymous(this=_RENAMED[name], expressions=arguments)
    return _call(_MACROS[name], *arguments) if name in _MACROS else None


def _moments() -> Mapping[Any, str]:
    """Macros of casts that give NULL for what they cannot read; fakesnow's raise."""
    from sqlglot import exp

    types = exp.DataType.Type
    return {
        types.TIMESTAMP: "sf_try_moment",
        types.TIMESTAMPNTZ: "sf_try_moment",
        types.TIMESTAMPLTZ: "sf_try_instant",
        types.TIMESTAMPTZ: "sf_try_instant",
    }


def _named(node: Any) -> tuple[str, list[Any]] | None:
    """Snowflake's name of a function and its arguments; None for what is left alone."""
    from sqlglot import exp

    if isinstance(node, exp.Anonymous):
        return str(node.this).upper(), node.expressions
    if isinstance(node, exp.Trim) and node.args.get("position") in {"LEADING", "TRAILING"}:
        name = "LTRIM" if node.args["position"] == "LEADING" else "RTRIM"
        return name, [node.this, *filter(None, [node.expression])]
    if isinstance(node, exp.ToBinary):
        given = node.args.get("format")
        return ("TO_BINARY", [node.this]) if given is None else None
    if isinstance(node, exp.ObjectInsert):
        return "OBJECT_INSERT", [node.this, node.args["key"], node.args["value"]]
    if isinstance(node, exp.ArrayContains):
        return "ARRAY_CONTAINS", [node.this, node.expression]
    if isinstance(node, exp.ApproxTopK):
        return "APPROX_TOP_K", [node.this, node.expression or exp.Literal.number(1)]
    if isinstance(node, exp.WidthBucket):
        keys = ("this", "min_value", "max_value", "num_buckets")
        return "WIDTH_BUCKET", [node.args[key] for key in keys]
    names = {
        exp.StPoint: "ST_MAKEPOINT",
        exp.StDistance: "ST_DISTANCE",
        exp.DotProduct: "VECTOR_INNER_PRODUCT",
        exp.EuclideanDistance: "VECTOR_L2_DISTANCE",
        # Snowflake's VECTOR_COSINE_SIMILARITY is read so.
        exp.CosineDistance: "VECTOR_COSINE_SIMILARITY",
        exp.HashAgg: "HASH_AGG",
        exp.Hll: "HLL",
        exp.Xor: "BOOLXOR",
    }
    if type(node) not in names:
        return None
    return names[type(node)], [node.this, *filter(None, [node.args.get("expression")])]


def _members(name: str, arguments: Sequence[Any]) -> Any:
    """OBJECT_DELETE and OBJECT_PICK, one key after the other."""
    from sqlglot import exp

    whole, *keys = arguments
    if name == "OBJECT_DELETE":
        for key in keys:
            whole = _call("sf_delete", whole, key)
        return whole
    picked = [_call("sf_pick", whole.copy(), key) for key in keys]
    return exp.Anonymous(this="json_merge_patch", expressions=[*picked, exp.Literal.string("{}")])


def _is_semi_structured(array: Any) -> bool:
    """Whether an array may mix types: nothing around it wants a list of the engine."""
    from sqlglot import exp

    holder = array.parent
    while isinstance(holder, exp.Array | exp.PropertyEQ | exp.Struct):
        holder = holder.parent
    return isinstance(holder, exp.Alias | exp.ArrayContains | exp.Select | exp.Tuple)


def _call(macro: str, *arguments: Any) -> Any:
    from sqlglot import exp

    return exp.Anonymous(this=f"{HOME}.{macro}", expressions=list(arguments))


def _retype(kind: Any) -> bool:
    from sqlglot import exp

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
    from sqlglot import exp

    types = exp.DataType.Type
    if not isinstance(node, exp.DataType):
        return node
    if node.this in (types.INT, types.SMALLINT, types.TINYINT):
        return exp.DataType(this=types.BIGINT, nested=False)
    parameters = [parameter.name for parameter in node.expressions]
    if node.this is types.DECIMAL and parameters in ([], ["38"], ["38", "0"]):
        return exp.DataType(this=types.INT128, nested=False)
    return node
