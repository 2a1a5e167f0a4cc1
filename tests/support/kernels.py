"""A kernel over a scripted toolbox and a clock that the test turns."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.task import Clock

from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.apps import View
from snowflake_mcp.protocol.kernel import Kernel, Layer
from snowflake_mcp.protocol.serving import LoadTypes, load_here
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Completions, Library, Offer, Prompts
from tests.support.toolbox import ScriptedToolbox

__all__ = ["ENVELOPE", "Rig", "with_envelope"]

ENVELOPE: dict[str, Any] = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "tester", "version": "1"},
}


def with_envelope(**params: Any) -> dict[str, Any]:
    """Params of a stateless request."""
    return {**params, "_meta": dict(ENVELOPE)}


class Rig:
    """What a protocol test needs, wired together."""

    def __init__(
        self,
        *layers: Layer,
        library: Library | None = None,
        prompts: Prompts | None = None,
        completions: Completions | None = None,
        views: Sequence[View] = (),
        load_types: LoadTypes = load_here,
    ) -> None:
        self.clock = Clock()
        self.toolbox = ScriptedToolbox()
        self.now = 1_000.0
        signers = Signers.of(b"k" * 32, 3600.0, lambda: self.now)
        self.sessions = signers.sessions
        self.kernel = Kernel(
            clock=self.clock,
            offer=Offer(self.toolbox, library, prompts, completions, views),
            identity=ServerIdentity(
                "snowflake-mcp", "Snowflake", "1.2.3", lambda _: "Use the tools."
            ),
            signers=signers,
            request_timeout_s=lambda _: 60.0,
            layers=layers,
            load_types=load_types,
        )
