"""What does not fit into the memory of the embedded warehouse."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.support.simulator import simulating

TOO_MUCH = (
    "SELECT COUNT(*) FROM (SELECT a.order_id, b.order_id, MAX(MD5(a.order_id || '-' || b.order_id))"
    " FROM orders a CROSS JOIN orders b GROUP BY 1, 2)"
)


def test_a_query_beyond_memory_fails_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """With a code of its own, at once, and without a file in the server's folder."""
    from snowflake.connector.errors import Error

    with simulating(tmp_path) as endpoint, closing(endpoint.connect()) as connection:
        before = set(tmp_path.iterdir())
        with closing(connection.cursor()) as cursor:
            with pytest.raises(Error, match="out of memory"):
                cursor.execute(TOO_MUCH)
            assert cursor.execute("SELECT 1").fetchall() == [(1,)]
        assert set(tmp_path.iterdir()) == before
