"""Use every feature with the Python SDK 1.x: ``features_sdk_v1.py URL``.

The URL may be http:// or ws://. Prints one line of JSON. Runs in an environment of its own.
"""
# mypy: ignore-errors

import sys
from importlib.metadata import version

import features
from mcp import ClientSession
from mcp.types import (
    CancelledNotification,
    CancelledNotificationParams,
    ClientNotification,
    ElicitResult,
    ResourceTemplateReference,
)
from sdk_v1 import streams


async def main(target):
    """Connect, and use what there is."""
    asked = []

    async def ask(context, params):
        asked.append(params.message)
        return ElicitResult(action="accept", content=features.ANSWER)

    template = ResourceTemplateReference(type="ref/resource", uri=features.TEMPLATE)
    async with (
        streams(target) as (read, write),
        ClientSession(read, write, elicitation_callback=ask) as session,
    ):

        async def tell_cancelled():
            # This SDK says nothing when a call is given up, and shows the call's id nowhere.
            request_id = session._request_id - 1
            params = CancelledNotificationParams(requestId=request_id, reason="changed my mind")
            notification = CancelledNotification(method="notifications/cancelled", params=params)
            await session.send_notification(ClientNotification(notification))

        opened = await session.initialize()
        return {
            "client": f"mcp {version('mcp')}",
            "protocol": opened.protocolVersion,
            **await features.use(session, template, asked, target[0], tell_cancelled),
        }


if __name__ == "__main__":
    features.run(main(sys.argv[1:]))
