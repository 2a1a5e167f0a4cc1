"""L3: what wraps every request."""
