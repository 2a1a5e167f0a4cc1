"""The MCP Python SDK's low-level server, stateless and in JSON mode, on uvicorn.

    python sdk_server.py PORT TOOLS.json

Runs in the environment of the peer; serves the tools that the file describes, of which ``echo``
answers at once and ``hop`` by way of a worker thread.
"""
# mypy: ignore-errors

import json
import sys
from pathlib import Path
from typing import Any

import anyio.to_thread
import uvicorn
from mcp.server.lowlevel import Server
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, TextContent, Tool

__all__ = ["main"]


def main() -> None:
    """Serve until SIGTERM."""
    port, described = int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    listed = ListToolsResult(tools=[Tool.model_validate(tool) for tool in described])

    async def on_list_tools(*_: Any) -> ListToolsResult:
        return listed

    async def on_call_tool(_: Any, params: CallToolRequestParams) -> CallToolResult:
        text = str((params.arguments or {})["text"])
        if params.name == "hop":
            text = await anyio.to_thread.run_sync(str, text)
        return CallToolResult(content=[TextContent(type="text", text=text)])

    server: Server[Any] = Server("peer", on_list_tools=on_list_tools, on_call_tool=on_call_tool)
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    # Connections are opened one after the other, and the first must not have gone by the last.
    options: dict[str, Any] = {
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": 75,
    }
    uvicorn.run(app, host="127.0.0.1", port=port, **options)


if __name__ == "__main__":
    main()
