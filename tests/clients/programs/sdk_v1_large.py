"""Read the largest answer with the Python SDK 1.x: ``sdk_v1_large.py WS_URL``.

Prints one line of JSON. Runs in an environment of its own.
"""
# mypy: ignore-errors

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.websocket import websocket_client

QUERY = "SELECT *, REPEAT('\u20ac', 40) AS PAD FROM DEMO.PRODUCT.EVENTS"


async def main(url):
    """Ask for more than an answer can hold, and once more on the same connection."""
    async with websocket_client(url) as streams, ClientSession(*streams) as session:
        await session.initialize()
        arguments = {"query": QUERY, "limit": 10_000}
        answer = await session.call_tool("execute_query", arguments)
        again = await session.call_tool("execute_query", {"query": "SELECT 1 AS ONE"})
        seen = {
            "rows": answer.structuredContent["row_count"],
            "truncated_by": answer.structuredContent["truncated_by"],
            "again": again.structuredContent["rows"],
        }
    print(json.dumps(seen))  # noqa: T201 - for the test that started it


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(sys.argv[1]), 30))
