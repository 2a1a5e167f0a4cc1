"""Drive a server with the Python SDK 2.x: ``sdk_v2.py MODE URL`` or ``sdk_v2.py MODE COMMAND...``.

MODE is ``auto``, ``legacy`` or a revision. Prints one line of JSON.
"""

import asyncio
import json
import os
import sys
from importlib.metadata import version

from mcp import Client, StdioServerParameters


async def main(mode: str, target: list[str]) -> None:
    """List the tools, look at the databases, run a query, print what came back."""
    server: str | StdioServerParameters = target[0]
    if not target[0].startswith("http"):
        server = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
    async with Client(server, mode=mode) as client:
        tools = await client.list_tools()
        databases = await client.call_tool("list_databases", {})
        answer = await client.call_tool("execute_query", {"query": "SELECT 41 + 1 AS ANSWER"})
        seen = {
            "client": f"mcp {version('mcp')}",
            "protocol": client.protocol_version,
            "instructions": client.instructions,
            "tools": [tool.name for tool in tools.tools],
            "databases": databases.structured_content,
            "answer": answer.structured_content,
            "is_error": bool(answer.is_error),
        }
    print(json.dumps(seen))  # noqa: T201 - for the test that started it


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
