"""L2: bytes in and out."""
