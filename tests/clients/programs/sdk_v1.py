"""Drive a server with the Python SDK 1.x: ``sdk_v1.py URL`` or ``sdk_v1.py COMMAND...``.

The URL may be http:// or ws://. Prints one line of JSON. Runs in an environment of its own.
"""
# mypy: ignore-errors

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager
from importlib.metadata import version

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client
from mcp.client.websocket import websocket_client


@asynccontextmanager
async def streams(target):
    """The pair of message streams to the server."""
    if target[0].startswith("http"):
        async with streamablehttp_client(target[0]) as (read, write, _):
            yield read, write
    elif target[0].startswith("ws"):
        async with websocket_client(target[0]) as (read, write):
            yield read, write
    else:
        server = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
        async with stdio_client(server) as (read, write):
            yield read, write


async def main(target):
    """List the tools, look at the databases, run a query, print what came back."""
    async with streams(target) as (read, write), ClientSession(read, write) as session:
        opened = await session.initialize()
        tools = await session.list_tools()
        databases = await session.call_tool("list_databases", {})
        answer = await session.call_tool("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        seen = {
            "client": f"mcp {version('mcp')}",
            "protocol": opened.protocolVersion,
            "instructions": opened.instructions,
            "tools": [tool.name for tool in tools.tools],
            "databases": databases.structuredContent,
            "answer": answer.structuredContent,
            "is_error": bool(answer.isError),
        }
    print(json.dumps(seen))  # noqa: T201 - for the test that started it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
