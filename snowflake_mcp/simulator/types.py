"""DuckDB's types as Snowflake writes them in DESCRIBE, SHOW COLUMNS and DDL."""

import re
from typing import Final

from snowflake_mcp.simulator.columns import TEXT_LENGTH

__all__ = ["snowflake_type"]

_NAMES: Final = {
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "DOUBLE": "FLOAT",
    "FLOAT": "FLOAT",
    "BLOB": "BINARY(8388608)",
    "JSON": "VARIANT",
    "TIME": "TIME(9)",
    "TIMESTAMP": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP_NS": "TIMESTAMP_NTZ(9)",
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP_LTZ(9)",
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "UINTEGER"),
        "NUMBER(38,0)",
    ),
}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_VECTOR: Final = re.compile(r"(FLOAT|INTEGER)\[(\d+)\]")


def snowflake_type(duckdb_type: str, length: int | None = None) -> str:
    """The Snowflake name of a DuckDB column type; ``length`` is that of a text column."""
    if known := _NAMES.get(duckdb_type):
        return known
    if found := _DECIMAL.fullmatch(duckdb_type):
        return f"NUMBER({found[1]},{found[2]})"
    if found := _VECTOR.fullmatch(duckdb_type):
        return f"VECTOR({'INT' if found[1] == 'INTEGER' else 'FLOAT'}, {found[2]})"
    if duckdb_type.endswith("]"):
        return "ARRAY"
    if duckdb_type.startswith(("STRUCT", "MAP")):
        return "OBJECT"
    return f"VARCHAR({length or TEXT_LENGTH})"
