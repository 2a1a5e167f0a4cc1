"""Snowflake's AI as an operator opens it: the section ``cortex`` and its tables of services."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

from snowflake_mcp.config.ranges import number

__all__ = [
    "CORTEX_FAMILIES",
    "AgentService",
    "AnalystService",
    "CortexService",
    "CortexSettings",
    "Opened",
    "SearchService",
]


@dataclass(frozen=True, slots=True)
class CortexSettings:
    """What holds for all of it."""

    semantic_views: bool = False
    """Whether query_semantic_view is among the tools."""
    max_response_bytes: int = number(4 << 20, 1 << 10, 64 << 20)
    """A longer answer of a service is given up."""


@dataclass(frozen=True, slots=True)
class SearchService:
    """A table ``[cortex.search.NAME]``."""

    name: str = ""
    description: str = ""
    """What the model reads: what is found there."""
    database: str = ""
    schema: str = ""
    service: str = ""
    """Its name in the schema."""
    columns: tuple[str, ...] = ()
    """What an answer shows where the caller names none; none: the search column."""
    limit: int = number(10, 1, 1_000)
    """Results of an answer where the caller does not say how many."""
    connection: str = ""
    """The Snowflake connection that answers; empty: the caller's."""


@dataclass(frozen=True, slots=True)
class AnalystService:
    """A table ``[cortex.analyst.NAME]``; it has one of the two models."""

    name: str = ""
    description: str = ""
    """What the model reads: what can be asked there."""
    semantic_view: str = ""
    """Qualified as in SQL: ``DATABASE.SCHEMA.VIEW``."""
    semantic_model_file: str = ""
    """A YAML file in a stage: ``@DATABASE.SCHEMA.STAGE/path/file.yaml``."""
    connection: str = ""
    """The Snowflake connection that answers; empty: the caller's."""


@dataclass(frozen=True, slots=True)
class AgentService:
    """A table ``[cortex.agents.NAME]``."""

    name: str = ""
    description: str = ""
    """What the model reads: what the agent is good for."""
    database: str = ""
    schema: str = ""
    agent: str = ""
    """Its name in the schema."""
    connection: str = ""
    """The Snowflake connection that answers; empty: the caller's."""


CortexService: TypeAlias = SearchService | AnalystService | AgentService


@dataclass(frozen=True, slots=True)
class Opened:
    """What of Snowflake's AI the operator has opened."""

    settings: CortexSettings = CortexSettings()
    services: Mapping[str, CortexService] = field(default_factory=lambda: MappingProxyType({}))
    """By ``FAMILY.NAME``."""


CORTEX_FAMILIES: Final[Mapping[str, type[CortexService]]] = MappingProxyType(
    {"search": SearchService, "analyst": AnalystService, "agents": AgentService}
)
"""By the middle word of the table's name."""
