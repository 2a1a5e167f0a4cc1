"""L2: what an agent can call."""
