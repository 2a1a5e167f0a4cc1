"""L1: Snowflake through its connector, in threads."""
