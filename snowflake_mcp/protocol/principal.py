"""Who is calling, as every layer sees it."""

from dataclasses import dataclass
from typing import Final

__all__ = ["LOCAL", "Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller; ``name`` keys sessions, running work and Snowflake connections."""

    name: str


LOCAL: Final = Principal("local")
"""The caller on a loopback interface or on stdio where no authentication is configured."""
