"""Register ``twistd snowflake-mcp``; names only, so that other twistd commands stay fast."""

from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker(  # noqa: N816 - the name by which twistd's own plugins go
    "Snowflake MCP",
    "snowflake_mcp.tap",
    "Serve Snowflake to AI agents over MCP (HTTP, WebSocket) and REST on one port.",
    "snowflake-mcp",
)
