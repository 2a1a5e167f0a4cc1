"""Tests of the embedded Snowflake-compatible endpoint."""
