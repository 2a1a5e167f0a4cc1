"""Params that are not plain wait for the SDK's types; nobody else does."""

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from snowflake_mcp.protocol import validity
from snowflake_mcp.protocol.calls import Call, Reply
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.kernels import Rig, with_envelope

ODD = with_envelope(name=7)


class Waiting:
    """A rig whose types are loaded when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Deferred[None]] = []
        self.rig = Rig(load_types=self._load)

    async def _load(self) -> None:
        asked: Deferred[None] = Deferred()
        self.asked.append(asked)
        await asked
        validity.load_types()

    def start(self, number: int, method: str, params: dict[str, Any]) -> Call[Reply | None]:
        """Begin a request."""
        facts = Facts(transport="http", principal=LOCAL, version="2026-07-28")
        return self.rig.kernel.start(Request(number, method, params), facts, lambda _: None)


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    monkeypatch.setattr(validity, "_loaded", [])
    return Waiting()


def error_of(call: Call[Reply | None]) -> dict[str, Any]:
    replies: list[Reply | None] = []
    call.when_answered(replies.append)
    assert replies
    assert replies[0] is not None
    found: dict[str, Any] = json.loads(bytes(replies[0].body))["error"]
    return found


def test_an_odd_request_waits_and_a_plain_one_does_not(waiting: Waiting) -> None:
    """The first is answered once the types are there, as it would have been at once."""
    odd = waiting.start(1, "tools/call", ODD)
    plain = waiting.start(2, "tools/list", with_envelope())
    assert (odd.answered, plain.answered) == (False, True)
    waiting.asked[0].callback(None)
    assert error_of(odd)["code"] == -32602
    assert "name" in error_of(odd)["message"]


def test_they_are_loaded_once(waiting: Waiting) -> None:
    """Odd requests after the first are judged at once."""
    waiting.start(1, "tools/call", ODD)
    waiting.asked[0].callback(None)
    assert error_of(waiting.start(2, "tools/call", ODD))["code"] == -32602
    assert len(waiting.asked) == 1


def test_who_waits_can_be_called_off(waiting: Waiting) -> None:
    """Nothing is left running."""
    odd = waiting.start(1, "tools/call", ODD)
    assert waiting.rig.kernel.running == 1
    odd.cancel("client")
    assert odd.answered
    assert waiting.rig.kernel.running == 0
