"""Other MCP servers to measure against: their environments, and how each is started."""
