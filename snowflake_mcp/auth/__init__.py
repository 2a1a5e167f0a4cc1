"""L1: who is calling."""
