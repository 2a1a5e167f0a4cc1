"""L0: the Model Context Protocol without I/O: messages in, exactly one answer out."""
