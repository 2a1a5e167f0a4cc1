"""An agent without a model: it calls tools through the SDK's client, and counts what that costs."""

import asyncio
import json
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mcp import Client

__all__ = ["Agent", "Reply"]

_DOWNLOAD_S: Final = 30
_TOKEN_BYTES: Final = 4
"""By which bytes are counted as tokens where no tokenizer is at hand."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call was answered with."""

    text: str
    """What a model reads."""
    content: dict[str, Any]
    """What a program reads; empty where the call failed."""
    failed: bool

    @property
    def rows(self) -> list[list[Any]]:
        """The rows of a result."""
        found: list[list[Any]] = self.content["rows"]
        return found

    def items(self, name: str, *members: str) -> list[Any]:
        """A list of the answer: of each entry one member, or several as a list."""
        found = [[entry.get(member) for member in members] for entry in self.content[name]]
        return [each[0] for each in found] if len(members) == 1 else found


@dataclass(slots=True)
class Agent:
    """One conversation; a new one for each question."""

    client: Client
    tools: list[str] = field(default_factory=list)
    """That were called, in order."""
    text_bytes: int = 0
    """Of all answers, as a model reads them."""
    asked_bytes: int = 0
    """Of all arguments, as a model writes them."""

    async def call(self, tool: str, **arguments: Any) -> Reply:
        """Call a tool."""
        result = await self.client.call_tool(tool, arguments)
        text = "\n".join(block.text for block in result.content if block.type == "text")
        self.tools.append(tool)
        self.text_bytes += len(text.encode())
        self.asked_bytes += len(json.dumps(arguments, ensure_ascii=False).encode())
        return Reply(text, dict(result.structured_content or {}), bool(result.is_error))

    async def ask(self, query: str, **arguments: Any) -> list[list[Any]]:
        """The rows of a query that has to work."""
        reply = await self.call("execute_query", query=query, **arguments)
        assert not reply.failed, reply.text
        return reply.rows

    async def download(self, link: str) -> bytes:
        """A file by its link, past the tools, as the person does to whom it is given."""

        def read() -> bytes:
            with urllib.request.urlopen(link, timeout=_DOWNLOAD_S) as answer:
                return bytes(answer.read())

        return await asyncio.to_thread(read)

    async def meets(self, words: Sequence[str], tool: str, **arguments: Any) -> Reply:
        """A call that has to fail, with these words in its answer: what the agent goes by."""
        reply = await self.call(tool, **arguments)
        assert reply.failed, f"{tool} was to fail: {reply.text[:200]}"
        missing = [word for word in words if word not in reply.text]
        assert not missing, f"{missing} not in: {reply.text}"
        return reply

    @property
    def tokens(self) -> int:
        """Of what was read and written."""
        return (self.text_bytes + self.asked_bytes) // _TOKEN_BYTES
