"""FastMCP, stateless and in JSON mode, on uvicorn.

    python fastmcp_server.py PORT TOOLS.json

Runs in the environment of the peer; serves the tools that the file describes, of which ``echo``
answers at once and ``hop`` by way of a worker thread.
"""
# mypy: ignore-errors

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastmcp import FastMCP
from fastmcp.tools import Tool
from fastmcp.tools.base import ToolResult

__all__ = ["main"]


class _Listed(Tool):
    """A tool that is only listed."""

    async def run(self, arguments: dict[str, Any]) -> ToolResult:
        """Nobody calls it."""
        raise NotImplementedError


async def echo(text: str) -> str:
    """Give the text back."""
    return text


def hop(text: str) -> str:
    """Give the text back by way of a worker thread."""
    return text


def main() -> None:
    """Serve until SIGTERM."""
    port, described = int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    server: FastMCP[Any] = FastMCP("peer")
    for tool in described:
        if tool["name"] in ("echo", "hop"):
            continue
        server.add_tool(
            _Listed(
                name=tool["name"],
                title=tool.get("title"),
                description=tool["description"],
                parameters=tool["inputSchema"],
                output_schema=tool.get("outputSchema"),
                annotations=tool.get("annotations"),
            )
        )
    server.tool(output_schema=None)(echo)
    server.tool(output_schema=None)(hop)
    app = server.http_app(path="/mcp", json_response=True, stateless_http=True)
    # Connections are opened one after the other, and the first must not have gone by the last.
    options: dict[str, Any] = {
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": 75,
    }
    uvicorn.run(app, host="127.0.0.1", port=port, **options)


if __name__ == "__main__":
    main()
