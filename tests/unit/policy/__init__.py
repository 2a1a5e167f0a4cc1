"""Tests of the SQL gate."""
