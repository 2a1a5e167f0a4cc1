"""Use every feature with fastmcp 4: ``features_fastmcp_v4.py MODE URL``.

MODE is ``auto``, ``legacy`` or a revision. Prints one line of JSON. Runs in an environment of its
own.
"""
# mypy: ignore-errors

import sys
from importlib.metadata import version

import features
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from mcp_types import ResourceTemplateReference


class Calls:
    """The methods of fastmcp that give the protocol's own results, under the SDK's names."""

    def __init__(self, client):
        self.list_resources = client.list_resources_mcp
        self.read_resource = client.read_resource_mcp
        self.list_resource_templates = client.list_resource_templates_mcp
        self.list_prompts = client.list_prompts_mcp
        self.get_prompt = client.get_prompt_mcp
        self.complete = client.complete_mcp
        self._call_tool = client.call_tool_mcp

    async def call_tool(self, name, arguments, progress_callback=None):
        """Call a tool."""
        return await self._call_tool(name, arguments, progress_handler=progress_callback)


async def main(mode, url):
    """Connect, and use what there is."""
    asked = []

    async def ask(message, response_type, params, context):
        asked.append(message)
        return ElicitResult(action="accept", content=features.ANSWER)

    template = ResourceTemplateReference(type="ref/resource", uri=features.TEMPLATE)
    async with Client(url, mode=mode, elicitation_handler=ask) as client:
        return {
            "client": f"fastmcp {version('fastmcp')}",
            "protocol": client.protocol_version,
            **await features.use(Calls(client), template, asked, url),
        }


if __name__ == "__main__":
    features.run(main(sys.argv[1], sys.argv[2]))
