"""Drive a server with fastmcp 4: ``fastmcp_v4.py MODE URL`` or ``fastmcp_v4.py MODE COMMAND...``.

MODE is ``auto``, ``legacy`` or a revision. Prints one line of JSON. Runs in an environment of its
own.
"""
# mypy: ignore-errors

import asyncio
import json
import os
import sys
from importlib.metadata import version

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(mode, target):
    """List the tools, look at the databases, run a query, print what came back."""
    server = target[0]
    if not server.startswith("http"):
        server = StdioTransport(
            command=target[0], args=target[1:], env=dict(os.environ), keep_alive=False
        )
    async with Client(server, mode=mode) as client:
        tools = await client.list_tools()
        databases = await client.call_tool("list_databases", {})
        answer = await client.call_tool("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        seen = {
            "client": f"fastmcp {version('fastmcp')}",
            "protocol": client.protocol_version,
            "tools": [tool.name for tool in tools],
            "databases": databases.structured_content,
            "answer": answer.structured_content,
            "is_error": bool(answer.is_error),
        }
    print(json.dumps(seen))  # noqa: T201 - for the test that started it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
