"""What the operator's settings say to the gate."""

from dataclasses import dataclass

from snowflake_mcp.policy.rules import CAPABILITIES

__all__ = ["Terms"]


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that a judgement depends on, beside the text.

    Raises:
        ValueError: ``granted`` holds a name that is no capability.
    """

    max_sql_bytes: int
    """Length of a text in UTF-8."""
    granted: frozenset[str] = frozenset()
    """Capabilities that the operator allows; see ``rules.CAPABILITIES``."""

    def __post_init__(self) -> None:
        if unknown := self.granted - CAPABILITIES.keys():
            raise ValueError(
                f"unknown capabilities {sorted(unknown)}; known are {sorted(CAPABILITIES)}"
            )
