"""Content over a catalog in memory, a clock that the test turns, and a kernel in front of it."""

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from snowflake_mcp.config.model import (
    Backend,
    Config,
    ConnectionSettings,
    LimitSettings,
    PolicySettings,
)
from snowflake_mcp.content.content import Content, build_content
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.changes import Change, Changes
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.catalogs import Answer, CatalogStatements
from tests.support.kernels import Rig, with_envelope

__all__ = ["Stand", "ask"]


class Stand:
    """Everything that a test of content needs, wired together."""

    def __init__(
        self,
        answers: dict[str, Answer] | None = None,
        *,
        parameters: dict[str, Any] | None = None,
        policy: PolicySettings | None = None,
        **limits: Any,
    ) -> None:
        self.clock = Clock()
        self.statements = CatalogStatements(answers)
        connection = ConnectionSettings("finance", Backend.SNOWFLAKE, parameters=parameters or {})
        self.statements.connection = connection
        config = Config(
            connection, limits=LimitSettings(**limits), policy=policy or PolicySettings()
        )
        self.content: Content = build_content(self.statements, config, self.clock)
        self.library = self.content.library
        self.prompts = self.content.prompts
        self.completions = self.content.completions
        self.changes = Changes()
        self.heard: list[Change] = []

    @property
    def sql(self) -> list[str]:
        """The statements so far."""
        return self.statements.sql

    def listen(self) -> None:
        """Begin to hear changes."""
        self.changes.listen(lambda change: self.heard.append(Change(change.kind, change.uri)))

    def rig(self) -> Rig:
        """A kernel that offers this content."""
        return Rig(library=self.library, prompts=self.prompts, completions=self.completions)


def ask(rig: Rig, version: str, method: str, **params: Any) -> dict[str, Any]:
    """A request through the kernel in a revision; gives the answering message."""
    stateless = version == "2026-07-28"
    facts = Facts("http", LOCAL, version)
    replies: list[Reply | None] = []
    call = rig.kernel.start(
        Request(1, method, with_envelope(**params) if stateless else params),
        facts,
        lambda data: None,
    )
    reply: Deferred[Reply | None] = call.reply
    reply.addCallback(replies.append)
    assert replies[0] is not None
    message: dict[str, Any] = json.loads(bytes(replies[0].body))
    return message
