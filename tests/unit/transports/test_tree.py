"""The path table, as a table."""

import pytest

from snowflake_mcp.transports.tree import Route, Tree
from tests.unit.transports.stand import Stand


def test_the_table_of_paths(stand: Stand) -> None:
    """Every URL of the server; a change here is a change of the public surface."""
    table = {route.path: route.allowed for route in stand.front.site.tree}
    assert table == {
        "/mcp": ["DELETE", "GET", "HEAD", "POST"],
        "/mcp/tools": ["GET", "HEAD"],
        "/mcp/tools/call": ["POST"],
        "/health": ["GET", "HEAD"],
        "/health/live": ["GET", "HEAD"],
        "/health/ready": ["GET", "HEAD"],
        "/status": ["GET", "HEAD"],
        "/metrics": ["GET", "HEAD"],
        "/openapi.json": ["GET", "HEAD"],
        "/.well-known/oauth-protected-resource": ["GET", "HEAD"],
        "/.well-known/oauth-protected-resource/mcp": ["GET", "HEAD"],
    }
    assert [route.path for route in stand.front.site.tree if route.upgrade] == ["/mcp"]


def test_a_path_has_one_route() -> None:
    """Two routes for one path are a mistake of ours, found when the table is built."""
    with pytest.raises(ValueError, match="/a"):
        Tree([Route("/a", {}), Route("/a", {})])
