"""Ids of requests: one form, and never the same again."""

import re

from snowflake_mcp.protocol.ids import Ids


def test_no_id_comes_twice() -> None:
    """Not when more of them are made, and not from another server."""
    ids, others = Ids(), Ids()
    made = [ids.new() for _ in range(500)] + [others.new() for _ in range(500)]
    assert len(set(made)) == 1_000
    assert all(re.fullmatch("r-[0-9a-f]{12}", each) for each in made)
