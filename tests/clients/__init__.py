"""Other people's MCP clients against the real server."""
