"""Columns of a result: DuckDB's types told in Snowflake's words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from snowflake_mcp.simulator.exact import MARK

__all__ = ["TEXT_LENGTH", "Field", "fields_for", "text_field"]

TEXT_LENGTH: Final = 16_777_216
"""Characters in a VARCHAR without a length, as Snowflake has it."""

_BINARY_LENGTH: Final = 8_388_608


@dataclass(frozen=True, slots=True)
class Field:
    """One column as the ``rowtype`` of an answer describes it."""

    name: str
    type: str
    """The wire name: fixed, real, text, boolean, date, time, timestamp_ntz, variant, ..."""
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    nullable: bool = True
    dimension: int | None = None
    """Of a VECTOR, whose members are ``member``."""
    member: str = ""

    @property
    def sent_type(self) -> str:
        """The type of the cells: shapes travel as the GeoJSON objects that they are shown as."""
        return "object" if self.type in {"geography", "geometry"} else self.type

    def rowtype(self) -> dict[str, object]:
        """This column in the JSON of an answer."""
        octets = self.length
        if octets is not None and self.type == "text":
            octets = min(octets * 4, TEXT_LENGTH)
        described: dict[str, object] = {
            "name": self.name,
            "database": "",
            "schema": "",
            "table": "",
            "nullable": self.nullable,
            "type": self.sent_type,
            "byteLength": octets,
            "length": self.length,
            "scale": self.scale,
            "precision": self.precision,
            "collation": None,
        }
        if self.sent_type != self.type:
            described["extTypeName"] = self.type.upper()
        if self.dimension is not None:
            described["vectorDimension"] = self.dimension
            described["fields"] = [_VECTOR_MEMBERS[self.member].rowtype()]
        return described

    def metadata(self) -> dict[str, str]:
        """This column in the metadata of an Arrow field."""
        described = {
            "logicalType": self.sent_type.upper(),
            "precision": str(self.precision or 38),
            "scale": str(self.scale or 0),
            "charLength": str(self.length or 0),
        }
        if self.dimension is not None:
            described["vectorDimension"] = str(self.dimension)
        return described


def text_field(name: str) -> Field:
    """A VARCHAR column."""
    return Field(name, "text", length=TEXT_LENGTH)


_WIRE: Final = {
    "BOOLEAN": Field("", "boolean"),
    "DATE": Field("", "date"),
    "DOUBLE": Field("", "real"),
    "FLOAT": Field("", "real"),
    "BLOB": Field("", "binary", length=_BINARY_LENGTH),
    "BIT": Field("", "binary", length=_BINARY_LENGTH),
    "JSON": Field("", "variant"),
    "TIME": Field("", "time", precision=0, scale=9),
    "TIMESTAMP WITH TIME ZONE": Field("", "timestamp_ltz", precision=0, scale=9),
    "TIMESTAMP": Field("", "timestamp_ntz", precision=0, scale=9),
    "TIMESTAMP_S": Field("", "timestamp_ntz", precision=0, scale=0),
    "TIMESTAMP_MS": Field("", "timestamp_ntz", precision=0, scale=3),
    "TIMESTAMP_NS": Field("", "timestamp_ntz", precision=0, scale=9),
    **dict.fromkeys(
        (
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "BIGINT",
            "HUGEINT",
            "UTINYINT",
            "USMALLINT",
            "UINTEGER",
            "UBIGINT",
            "UHUGEINT",
        ),
        Field("", "fixed", precision=38, scale=0),
    ),
}
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")
_VECTOR: Final = re.compile(r"(FLOAT|INTEGER)\[(\d+)\]")
_VECTOR_MEMBERS: Final = {
    "FLOAT": Field("", "real"),
    "INTEGER": Field("", "fixed", precision=10, scale=0),
}
_EXACT: Final = re.compile(rf'STRUCT\("?{MARK}(\w+?)_(\d+)"? .*')
"""A constant that ``exact`` carries through the engine."""


def fields_for(
    names: Sequence[str], types: Sequence[str], hints: Mapping[str, str] | None = None
) -> list[Field]:
    """The columns for DuckDB's ``names`` and ``types``.

    ``hints`` gives wire types by column name where the statement tells more than DuckDB knows:
    an OBJECT and an ARRAY are both JSON to DuckDB, TIMESTAMP_LTZ and TIMESTAMP_TZ are one type.
    A scale may stand behind a colon: ``timestamp_ntz:3``.
    """
    hints = hints or {}
    return [
        _hinted(_field(name, kind), hints.get(name))
        for name, kind in zip(names, types, strict=True)
    ]


def _field(name: str, kind: str) -> Field:
    if known := _WIRE.get(kind):
        return replace(known, name=name)
    if found := _DECIMAL.fullmatch(kind):
        return Field(name, "fixed", precision=int(found[1]), scale=int(found[2]))
    if found := _VECTOR.fullmatch(kind):
        return Field(name, "vector", dimension=int(found[2]), member=found[1])
    if found := _EXACT.fullmatch(kind):
        return _exact_field(name, found[1], int(found[2]))
    if kind.endswith("]"):
        return Field(name, "array")
    if kind.startswith("MAP"):
        return Field(name, "map")
    if kind.startswith("STRUCT"):
        return Field(name, "object")
    # Text, enumerations, identifiers, intervals and NULL travel as text.
    return text_field(name)


def _exact_field(name: str, kind: str, scale: int) -> Field:
    if kind == "date":
        return Field(name, kind)
    if kind == "decfloat":
        return Field(name, kind, precision=38)
    return Field(name, kind, precision=9 if kind.startswith("interval") else 0, scale=scale)


_HINTABLE: Final = {
    "text": frozenset({"geography", "geometry"}),
    "time": frozenset({"time"}),
    "timestamp_ltz": frozenset({"timestamp_ltz", "timestamp_tz"}),
    "timestamp_ntz": frozenset({"timestamp_ntz"}),
    "variant": frozenset({"object", "array", "map", "variant"}),
}


def _hinted(field: Field, hint: str | None) -> Field:
    name, _, scale = (hint or "").partition(":")
    if name not in _HINTABLE.get(field.type, ()):
        return field
    return replace(field, type=name, length=None, scale=int(scale) if scale else field.scale)
