"""What one trivial request costs the interpreter, counted and not timed.

    python -m bench.instructions

The whole server in memory, as it is put together for the network, asked the same again and again:
the instructions of the interpreter that its code runs, and the functions that are called, those
written in C included. Two runs on one Python give the same numbers, whatever else the machine
does; that is what a test can hold. What C code does inside is not seen: that is for the clock.
"""

# mypy: allow-untyped-calls

import gc
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from bench.trivial import TOOL
from bench.wires import META
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS, STATELESS
from tests.support.wire import Wire, connect, encode_frame, http_request

__all__ = ["BOUNDS", "Cost", "bound", "main", "measure"]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request takes."""

    instructions: int
    calls: int


BOUNDS: Final = {
    "HTTP tools/call 2026-07-28": Cost(2_656, 198),
    "HTTP tools/call 2025-11-25": Cost(2_671, 199),
    "HTTP tools/list 2026-07-28": Cost(2_606, 194),
    "WebSocket tools/call 2025-11-25": Cost(2_144, 168),
}
"""As counted with Python 3.11 when somebody last looked; what is more than a tenth above is a
regression. Who makes a request cheaper, or dearer for a reason, puts the new counts here."""
_COUNTED_WITH: Final = (3, 11)
_ROOM: Final = 1.1
_ROOM_ELSEWHERE: Final = 1.35
"""Other versions of Python cut the same code into other instructions."""
_WARM_UP: Final = 20
_TIMES: Final = 5
_CALL: Final = {"name": TOOL, "arguments": {"text": "hello"}}


def bound(label: str) -> Cost:
    """The most that a request may cost on this Python."""
    room = _ROOM if sys.version_info[:2] == _COUNTED_WITH else _ROOM_ELSEWHERE
    counted = BOUNDS[label]
    return Cost(int(counted.instructions * room), int(counted.calls * room))


class _Counting:
    """Counts inside ``with``."""

    def __init__(self) -> None:
        self.instructions = 0
        self.calls = 0

    def __enter__(self) -> Self:
        sys.setprofile(self._profile)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        sys.setprofile(None)

    def _profile(self, _: Any, event: str, __: Any) -> None:
        if event in ("call", "c_call"):
            self.calls += 1

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            self.instructions += 1
        return self._trace


def measure() -> dict[str, Cost]:
    """Each kind of request; in a process that does nothing else."""
    site, clock = _server()
    costs = {}
    for label, (wire, requests) in _requests(site, clock).items():
        for request in requests[:_WARM_UP]:
            wire.send(request)
        seen = []
        for request in requests[_WARM_UP:]:
            with _quiet(), _Counting() as counted:
                wire.server.protocol.dataReceived(request)
                wire.clock.advance(0)
            wire.flush()
            seen.append((counted.instructions, counted.calls))
        # The median: now and then one of them sets off what is done once in a while.
        costs[label] = Cost(*sorted(seen)[len(seen) // 2])
        _judge(wire, label)
    return costs


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the garbage collector, whose turns depend on what was there before."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _judge(wire: Wire, label: str) -> None:
    """The last answer is one: what fails early would be cheap."""
    mark = b'"execute_query"' if "list" in label else b'"hello"'
    if wire.unread.count(mark) < _TIMES:
        raise RuntimeError(f"{label}: {wire.unread[-500:]!r}")


def _server() -> tuple[Any, Any]:
    """The protocol factory of a server that has not been started, and its clock."""
    from twisted.internet.address import IPv4Address
    from twisted.internet.testing import MemoryReactorClock
    from twisted.logger import globalLogBeginner

    from snowflake_mcp.app import network_services
    from snowflake_mcp.config.load import Flags, load
    from snowflake_mcp.ops import logs

    globalLogBeginner.beginLoggingTo([logs.stdout_json()], redirectStandardIO=False)

    class Loopback(MemoryReactorClock):
        def listenTCP(self, *arguments: Any, **named: Any) -> Any:
            port: Any = super().listenTCP(*arguments, **named)
            port.getHost = lambda: IPv4Address("TCP", "127.0.0.1", 8000)
            return port

    reactor = Loopback()
    environ = {"SNOWFLAKE_MCP_TESTING_FIXTURES": "bench.trivial"}
    services = network_services(load(Flags(ports=("8000",)), environ), reactor)
    services.privilegedStartService()
    # As its services do once they start: lines of requests wait for each other.
    logs.begin(reactor)
    return reactor.tcpServers[0][1], reactor


def _requests(site: Any, clock: Any) -> dict[str, tuple[Wire, list[bytes]]]:
    """A connection for each kind of request, and what to send on it."""
    numbers = range(1, _WARM_UP + _TIMES + 1)

    def posts(method: str, params: Any, headers: dict[str, str]) -> list[bytes]:
        made = []
        for number in numbers:
            message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            body = json.dumps(message).encode()
            made.append(http_request("POST", "/mcp", body, headers=headers))
        return made

    def modern(method: str, params: dict[str, Any]) -> tuple[Wire, list[bytes]]:
        wire = connect(site, clock)
        headers = {**JSON_HEADERS, "MCP-Protocol-Version": STATELESS, "Mcp-Method": method}
        if "name" in params:
            headers["Mcp-Name"] = params["name"]
        return wire, posts(method, {**params, "_meta": META}, headers)

    def handshake() -> tuple[Wire, list[bytes]]:
        wire = connect(site, clock)
        opened = wire.request("POST", "/mcp", json.dumps(INITIALIZE).encode(), headers=JSON_HEADERS)
        headers = {
            **JSON_HEADERS,
            "MCP-Protocol-Version": HANDSHAKE,
            "Mcp-Session-Id": str(opened.header("mcp-session-id")),
        }
        return wire, posts("tools/call", _CALL, headers)

    def websocket() -> tuple[Wire, list[bytes]]:
        wire = connect(site, clock)
        wire.upgrade()
        wire.send_text(INITIALIZE)
        wire.send_text({"jsonrpc": "2.0", "method": "notifications/initialized"})
        messages = [
            {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": _CALL}
            for number in numbers
        ]
        return wire, [encode_frame(1, json.dumps(message).encode()) for message in messages]

    ways: dict[str, Callable[[], tuple[Wire, list[bytes]]]] = {
        "HTTP tools/call 2026-07-28": lambda: modern("tools/call", _CALL),
        "HTTP tools/call 2025-11-25": handshake,
        "HTTP tools/list 2026-07-28": lambda: modern("tools/list", {}),
        "WebSocket tools/call 2025-11-25": websocket,
    }
    return {label: way() for label, way in ways.items()}


def main() -> None:
    """Count, and print as JSON; the log goes nowhere, as to a fast disk."""
    printed = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    found = {label: asdict(cost) for label, cost in measure().items()}
    os.write(printed, json.dumps(found, indent=1).encode() + b"\n")


if __name__ == "__main__":
    main()
