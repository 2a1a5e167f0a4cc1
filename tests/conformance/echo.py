"""The product's network side whose WebSockets answer every message with itself.

Run as a program: ``python -m tests.conformance.echo PORT [MAX_MESSAGE_BYTES]``. Everything but the
one method replaced here is what ships: the site and its guard, the upgrade, the factory with its
options and limits, the connection.
"""

# mypy: allow-untyped-calls

import sys
from dataclasses import replace
from typing import Any

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.admission import Admission
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Offer
from snowflake_mcp.transports.front import build_front
from snowflake_mcp.transports.websocket import Connection
from tests.support.callers import asking_nobody
from tests.support.toolbox import ScriptedToolbox

__all__ = ["main"]


class _Silent:
    """A status source that nobody asks."""

    def health(self) -> dict[str, Any]:
        return {"status": "ok"}

    async def ready(self) -> tuple[bool, list[Any]]:
        return True, []

    def status(self) -> dict[str, Any]:
        return {}


def _echo(self: Connection, payload: bytes, isBinary: bool) -> None:
    if isBinary:
        self.sendMessage(payload, isBinary)
    else:
        self._enqueue(payload)


def main(port: int, max_message_bytes: int | None) -> None:
    """Serve until SIGTERM."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    config = Config(ConnectionSettings("demo", Backend.DEMO))
    if max_message_bytes is not None:
        limited = replace(config.websocket, max_message_bytes=max_message_bytes)
        config = replace(config, websocket=limited)
    signers = Signers.of(b"k" * 32, 3600.0, lambda: 0.0)
    kernel = Kernel(
        clock=reactor,
        offer=Offer(ScriptedToolbox()),
        identity=ServerIdentity("echo", "Echo", "0", lambda _: ""),
        signers=signers,
        request_timeout_s=lambda _: 60.0,
    )
    admission = Admission(signers.sessions)
    front = build_front(
        config, kernel, admission, _Silent(), reactor, Metrics(), asking_nobody(config, reactor)
    )
    Connection.onMessage = _echo  # type: ignore[method-assign]
    reactor.listenTCP(port, front.site, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else None)
