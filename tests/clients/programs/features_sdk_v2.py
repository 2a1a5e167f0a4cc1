"""Use every feature with the Python SDK 2.x: ``features_sdk_v2.py MODE URL|COMMAND...``.

MODE is ``auto``, ``legacy`` or a revision. Prints one line of JSON.
"""
# mypy: ignore-errors

import os
import sys
from importlib.metadata import version

import features
from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult, ResourceTemplateReference


async def main(mode, target):
    """Connect, and use what there is."""
    asked = []

    async def ask(context, params):
        asked.append(params.message)
        return ElicitResult(action="accept", content=features.ANSWER)

    server = target[0]
    if not server.startswith("http"):
        server = StdioServerParameters(command=target[0], args=target[1:], env=dict(os.environ))
    template = ResourceTemplateReference(type="ref/resource", uri=features.TEMPLATE)
    async with Client(server, mode=mode, elicitation_callback=ask) as client:
        return {
            "client": f"mcp {version('mcp')}",
            "protocol": client.protocol_version,
            **await features.use(client, template, asked, target[0]),
        }


if __name__ == "__main__":
    features.run(main(sys.argv[1], sys.argv[2:]))
