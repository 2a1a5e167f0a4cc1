"""An MCP server for Snowflake on Twisted: one process, one reactor, many agents."""
