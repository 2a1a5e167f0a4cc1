"""Who is calling, as every layer sees it."""

from dataclasses import dataclass, field
from typing import Final

__all__ = ["LOCAL", "Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller; ``name`` keys sessions, running work and Snowflake connections."""

    name: str
    profile: str = ""
    """The table ``[principals.NAME]`` whose settings count for this caller; empty: the server's
    own. Several callers may share one, and then see nothing of each other all the same."""
    toolset: str = field(default="", compare=False)
    """The set of tools at whose path this request came in; empty: all that the caller has. It is
    the same caller by whatever path."""


LOCAL: Final = Principal("local")
"""The caller on a loopback interface or on stdio where no authentication is configured."""
