"""What a call asks for beyond its caller's own seat: another connection, role or warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from snowflake_mcp.config.cortex import CortexService
from snowflake_mcp.config.tools import ToolSettings
from snowflake_mcp.warehouse.identifiers import folded, shown

__all__ = ["NO_WISH", "Wish", "wish_of_service", "wish_of_tool"]


@dataclass(frozen=True, slots=True)
class Wish:
    """Empty members are the caller's own; whether it may have the others is ``Choices``' to say."""

    connection: str = ""
    """Its name in the configuration."""
    role: str = ""
    """The stored name."""
    warehouse: str = ""
    """The stored name."""

    @property
    def words(self) -> dict[str, str]:
        """What is asked for, as callers spell it; what is not is left out."""
        said = {
            "connection": self.connection,
            "role": shown(self.role),
            "warehouse": shown(self.warehouse),
        }
        return {name: text for name, text in said.items() if text}

    @classmethod
    def of(cls, words: Mapping[str, str]) -> "Wish":
        """The wish of these words; other members of the mapping are passed over.

        Raises:
            ValueError: a text cannot be a name.
        """
        role, warehouse = words.get("role"), words.get("warehouse")
        return cls(
            words.get("connection", ""),
            folded(role) if role else "",
            folded(warehouse) if warehouse else "",
        )


NO_WISH: Final = Wish()


def wish_of_service(service: CortexService) -> Wish:
    """Where the operator has a service asked, whoever calls it."""
    return Wish(service.connection)


def wish_of_tool(tool: ToolSettings) -> Wish:
    """Where the operator has a tool run, whoever calls it.

    Raises:
        ValueError: a text cannot be a name.
    """
    return Wish.of({"connection": tool.connection, "role": tool.role, "warehouse": tool.warehouse})
