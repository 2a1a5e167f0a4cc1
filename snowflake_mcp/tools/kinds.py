"""The kinds of object that tools list and describe: where they live and what is worth telling."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from snowflake_mcp.protocol.errors import Family, ToolFailure

__all__ = ["KINDS", "Kind", "kind_named"]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind; every word is Snowflake's own."""

    show: str
    """The plural that SHOW takes."""
    told: tuple[str, ...] = ()
    """Columns of SHOW that are told beside name, place and comment."""
    describe: str = ""
    """The word that DESCRIBE takes; empty where it takes none."""
    ddl: str = ""
    """The word that GET_DDL takes; empty where it takes none."""
    account: bool = False
    """It stands beside databases, not in them."""
    signed: bool = False
    """Its name is followed by the types of its arguments."""
    pages: bool = True
    """SHOW takes LIMIT ... FROM."""


_TABLE: Final = ("rows", "bytes")
_ROUTINE: Final = ("arguments", "language")
_MEMBER: Final = ("semantic_view_name", "table_name", "data_type", "synonyms")

KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "agent": Kind("AGENTS", describe="AGENT"),
        "alert": Kind("ALERTS", ("schedule", "state", "warehouse"), "ALERT", "ALERT"),
        "cortex search service": Kind(
            "CORTEX SEARCH SERVICES",
            ("search_column", "attribute_columns", "target_lag", "serving_state"),
            "CORTEX SEARCH SERVICE",
        ),
        "database": Kind("DATABASES", ("origin", "kind"), "DATABASE", "DATABASE", account=True),
        "dynamic table": Kind(
            "DYNAMIC TABLES",
            ("target_lag", "refresh_mode", "scheduling_state", "warehouse", *_TABLE),
            "DYNAMIC TABLE",
            "DYNAMIC_TABLE",
        ),
        "event table": Kind("EVENT TABLES", describe="EVENT TABLE", ddl="EVENT_TABLE"),
        "external table": Kind(
            "EXTERNAL TABLES", ("stage", "location", "file_format_type"), "EXTERNAL TABLE", "TABLE"
        ),
        "file format": Kind("FILE FORMATS", ("type",), "FILE FORMAT", "FILE_FORMAT"),
        "function": Kind(
            "USER FUNCTIONS", _ROUTINE, "FUNCTION", "FUNCTION", signed=True, pages=False
        ),
        "hybrid table": Kind("HYBRID TABLES", _TABLE, "TABLE", "TABLE"),
        "iceberg table": Kind(
            "ICEBERG TABLES", ("external_volume_name", "catalog_name"), "TABLE", "ICEBERG_TABLE"
        ),
        "materialized view": Kind("MATERIALIZED VIEWS", ("source_table_name",), "VIEW", "VIEW"),
        "model": Kind("MODELS", ("default_version_name", "versions"), pages=False),
        "notebook": Kind("NOTEBOOKS", ("query_warehouse",), "NOTEBOOK"),
        "pipe": Kind("PIPES", ("definition",), "PIPE", "PIPE", pages=False),
        "procedure": Kind(
            "USER PROCEDURES", _ROUTINE, "PROCEDURE", "PROCEDURE", signed=True, pages=False
        ),
        "role": Kind("ROLES", ("is_current", "is_default"), account=True),
        "schema": Kind("SCHEMAS", describe="SCHEMA", ddl="SCHEMA"),
        "semantic dimension": Kind("SEMANTIC DIMENSIONS", _MEMBER, pages=False),
        "semantic fact": Kind("SEMANTIC FACTS", _MEMBER, pages=False),
        "semantic metric": Kind("SEMANTIC METRICS", _MEMBER, pages=False),
        "semantic view": Kind("SEMANTIC VIEWS", (), "SEMANTIC VIEW", "SEMANTIC_VIEW"),
        "sequence": Kind("SEQUENCES", ("next_value", "interval"), "SEQUENCE", "SEQUENCE"),
        "stage": Kind("STAGES", ("type", "url", "has_credentials"), "STAGE"),
        "stream": Kind(
            "STREAMS", ("table_name", "source_type", "mode", "stale"), "STREAM", "STREAM"
        ),
        "streamlit": Kind("STREAMLITS", ("title", "query_warehouse"), "STREAMLIT", pages=False),
        "table": Kind("TABLES", ("kind", *_TABLE), "TABLE", "TABLE"),
        "tag": Kind("TAGS", ("allowed_values",), ddl="TAG", pages=False),
        "task": Kind("TASKS", ("schedule", "state", "warehouse", "predecessors"), "TASK", "TASK"),
        "view": Kind("VIEWS", ("is_secure", "is_materialized"), "VIEW", "VIEW"),
        "warehouse": Kind(
            "WAREHOUSES",
            ("state", "size", "auto_suspend", "running", "queued", "is_default"),
            "WAREHOUSE",
            "WAREHOUSE",
            account=True,
            pages=False,
        ),
    }
)
"""By the singular in lower case, as callers name it."""


def kind_named(given: str) -> tuple[str, Kind]:
    """The kind that a caller names, in either number and with blanks or underscores.

    Raises:
        ToolFailure: there is no such kind.
    """
    word = " ".join(given.replace("_", " ").lower().split())
    for form in (word, word.removesuffix("s"), f"{word.removesuffix('ies')}y"):
        if form in KINDS:
            return form, KINDS[form]
    close = difflib.get_close_matches(word[:40], KINDS, n=1)
    meant = f"Did you mean {close[0]}? " if close else ""
    raise ToolFailure(
        Family.INVALID_ARGUMENT,
        "kind: there is no such kind of object here.",
        f"{meant}Kinds: {', '.join(KINDS)}.",
    )
