"""L0: what each MCP method does."""
