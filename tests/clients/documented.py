"""The programs of docs/clients.md, as they stand there."""

import re
from pathlib import Path

from tests.support.server import Server

__all__ = ["blocks"]

_PAGE = Path(__file__).resolve().parents[2] / "docs" / "clients.md"
_FENCE = re.compile(r"^```(?P<info>[^\n]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(info: str, server: Server) -> list[str]:
    """The code blocks with this info string, pointed at the server under test."""
    found = [
        match["text"].replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
        for match in _FENCE.finditer(_PAGE.read_text())
        if match["info"] == info
    ]
    assert found, f"docs/clients.md has no block {info}"
    return found
