"""L1: the embedded Snowflake-compatible endpoint, a program of its own."""
