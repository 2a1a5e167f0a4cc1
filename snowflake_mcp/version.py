"""The version of this distribution, as clients, probes and logs show it."""

from typing import Final

__all__ = ["SERVER_NAME", "SERVER_TITLE", "VERSION"]

VERSION: Final = "0.1.0"
SERVER_NAME: Final = "snowflake-mcp"
SERVER_TITLE: Final = "Snowflake"
