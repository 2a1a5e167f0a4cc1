"""Columns of a result: DuckDB's types told in Snowflake's words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

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

    def rowtype(self) -> dict[str, object]:
        """This column in the JSON of an answer."""
        octets = self.length
        if octets is not None and self.type == "text":
            octets = min(octets * 4, TEXT_LENGTH)
        return {
            "name": self.name,
            "database": "",
            "schema": "",
            "table": "",
            "nullable": self.nullable,
            "type": self.type,
            "byteLength": octets,
            "length": self.length,
            "scale": self.scale,
            "precision": self.precision,
            "collation": None,
        }

    def metadata(self) -> dict[str, str]:
        """This column in the metadata of an Arrow field."""
        return {
            "logicalType": self.type.upper(),
            "precision": str(self.precision or 38),
            "scale": str(self.scale or 0),
            "charLength": str(self.length or 0),
        }


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


def fields_for(
    names: Sequence[str], types: Sequence[str], hints: Mapping[str, str] | None = None
) -> list[Field]:
    """The columns for DuckDB's ``names`` and ``types``.

    ``hints`` gives wire types by column name where the statement tells more than DuckDB knows:
    an OBJECT and an ARRAY are both JSON to DuckDB, TIMESTAMP_LTZ and TIMESTAMP_TZ are one type.
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
    if kind.endswith("]"):
        return Field(name, "array")
    if kind.startswith(("STRUCT", "MAP")):
        return Field(name, "object")
    # Text, enumerations, identifiers, intervals and NULL travel as text.
    return text_field(name)


_HINTABLE: Final = {
    "variant": frozenset({"object", "array", "variant"}),
    "timestamp_ltz": frozenset({"timestamp_ltz", "timestamp_tz"}),
}


def _hinted(field: Field, hint: str | None) -> Field:
    if hint is not None and hint in _HINTABLE.get(field.type, ()):
        return replace(field, type=hint)
    return field
