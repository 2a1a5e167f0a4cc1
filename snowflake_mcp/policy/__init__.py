"""L1: which SQL is allowed, and why not."""
