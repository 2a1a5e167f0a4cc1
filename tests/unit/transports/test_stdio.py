"""MCP over standard input and output."""

# mypy: allow-untyped-calls, allow-untyped-decorators

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from snowflake_mcp.transports.stdio import StdioProtocol
from tests.support.messages import INITIALIZE
from tests.unit.transports.stand import Stand, call, modern

LIMIT = 4_096


class Pipes:
    """A stdio server between two pipes."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.ended = 0
        self.transport = StringTransport()
        self.protocol = StdioProtocol(
            stand.kernel, stand.clock, self._end, max_message_bytes=LIMIT, max_in_flight=2
        )
        self.protocol.makeConnection(self.transport)

    def _end(self) -> None:
        self.ended += 1

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.protocol.dataReceived(json.dumps(message).encode() + b"\n")

    def lines(self) -> list[Any]:
        value = self.transport.value()
        self.transport.clear()
        assert not value or value.endswith(b"\n")
        return [json.loads(line) for line in value.split(b"\n")[:-1]]

    def close(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


@pytest.fixture
def pipes(stand: Stand) -> Iterator[Pipes]:
    made = Pipes(stand)
    yield made
    made.close()
    assert made.ended == 1


def test_a_message_is_a_line_in_both_directions(pipes: Pipes) -> None:
    """Both eras, as on a WebSocket; nothing else is written."""
    pipes.send(modern("tools/call", call("echo", text="a\nb"), "x"))
    (answer,) = pipes.lines()
    assert answer["id"] == "x"
    assert answer["result"]["structuredContent"] == {"arguments": {"text": "a\nb"}}
    pipes.send(
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    )
    assert [line["id"] for line in pipes.lines()] == [0, 1]


def test_lines_may_come_in_any_pieces(pipes: Pipes) -> None:
    """Bytes one by one, several lines at once, Windows line ends, blank lines."""
    line = json.dumps(modern("tools/list")).encode()
    for byte in line + b"\r\n":
        pipes.protocol.dataReceived(bytes([byte]))
    pipes.protocol.dataReceived(b"\n \n" + line + b"\n" + line + b"\n")
    assert len(pipes.lines()) == 3


def test_a_bad_line_is_an_error_and_the_server_goes_on(pipes: Pipes) -> None:
    """Every line is judged by itself."""
    pipes.protocol.dataReceived(b"{\n[]\n\xff\n")
    assert [line["error"]["code"] for line in pipes.lines()] == [-32700, -32600, -32700]
    pipes.send(modern("tools/list"))
    assert len(pipes.lines()) == 1


def test_a_line_over_the_limit_is_skipped(pipes: Pipes) -> None:
    """It is answered once, never kept in memory, and the next line is read."""
    for _ in range(100):
        pipes.protocol.dataReceived(b"x" * 1_000)
    assert pipes.lines() == []
    pipes.protocol.dataReceived(b"tail\n" + json.dumps(modern("tools/list")).encode() + b"\n")
    error, answer = pipes.lines()
    assert error["error"]["code"] == -32600
    assert "id" not in error
    assert "result" in answer


def test_the_end_of_input_stops_everything(stand: Stand) -> None:
    """What runs is cancelled, nothing more is written, the end is told once."""
    pipes = Pipes(stand)
    pipes.send(modern("tools/call", call("wait")))
    pipes.close()
    pipes.close()
    assert stand.toolbox.cancelled == ["disconnect"]
    assert pipes.lines() == []
    assert pipes.ended == 1


def test_too_many_calls_at_once_are_answered_busy(pipes: Pipes) -> None:
    """As on a WebSocket."""
    for number in range(3):
        pipes.send(modern("tools/call", call("wait"), number))
    (busy,) = pipes.lines()
    assert busy["id"] == 2
    assert busy["result"]["isError"] is True


def test_a_client_that_does_not_read_is_not_read(pipes: Pipes) -> None:
    """Back-pressure: while standard output is full, standard input waits."""
    producer = pipes.transport.producer
    assert producer is not None
    producer.pauseProducing()
    assert pipes.transport.producerState == "paused"
    pipes.send(modern("tools/list"))
    assert pipes.lines() == []
    producer.resumeProducing()
    assert pipes.transport.producerState == "producing"
    assert len(pipes.lines()) == 1


def test_a_stuck_output_ends_the_server(pipes: Pipes) -> None:
    """Nobody reads for half a minute: the client is taken for gone, the pipe is closed."""
    producer = pipes.transport.producer
    assert producer is not None
    pipes.send(modern("tools/call", call("wait")))
    producer.pauseProducing()
    pipes.stand.clock.advance(30)
    assert pipes.transport.disconnecting
    assert pipes.stand.toolbox.cancelled == ["disconnect"]
    assert pipes.ended == 1


def test_a_fault_in_one_message_does_not_end_the_server(
    pipes: Pipes, events: list[LogEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is logged; the next line is read."""
    with monkeypatch.context() as patch:
        patch.setattr("snowflake_mcp.protocol.conversation.decode", lambda _data: 1 / 0)
        pipes.send({})
    assert [event for event in events if "log_failure" in event]
    pipes.send(modern("tools/list"))
    assert len(pipes.lines()) == 1


def test_lines_after_the_end_are_not_read(pipes: Pipes) -> None:
    """The client is gone; what was still in the pipe starts nothing."""
    pipes.close()
    pipes.send(modern("tools/call", call("echo")))
    assert pipes.stand.toolbox.contexts == []


@pytest.mark.parametrize("half", ["readConnectionLost", "writeConnectionLost"])
def test_half_a_client_is_none(stand: Stand, half: str) -> None:
    """Whichever pipe ends first, the other is closed and the work stops."""
    pipes = Pipes(stand)
    pipes.send(modern("tools/call", call("wait")))
    getattr(pipes.protocol, half)()
    assert stand.toolbox.cancelled == ["disconnect"]
    assert pipes.transport.disconnecting
    pipes.close()
    assert pipes.ended == 1


@pytest_twisted.ensureDeferred
async def test_it_runs_on_real_pipes(stand: Stand) -> None:
    """StandardIO tells it of each pipe's end; the answer before it has left."""
    ended: Deferred[None] = Deferred()
    protocol = StdioProtocol(
        stand.kernel,
        stand.clock,
        lambda: ended.callback(None),
        max_message_bytes=LIMIT,
        max_in_flight=2,
    )
    their_output, our_input = os.pipe()
    our_output, their_input = os.pipe()
    pipes: Any = StandardIO(
        protocol,
        stdin=their_output,  # type: ignore[call-arg]
        stdout=their_input,
        reactor=reactor,
    )
    os.write(our_input, json.dumps(modern("tools/list")).encode() + b"\n")
    os.close(our_input)
    await ended.addTimeout(5, reactor)
    while not pipes.disconnected:
        await deferLater(reactor, 0.01)
    assert json.loads(os.read(our_output, 65_536))["id"] == 1
    os.close(our_output)
