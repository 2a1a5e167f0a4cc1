"""Does one client that hardly reads its answers slow down the others?

python -m bench.slow_client [--seconds 3]
"""

import argparse
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench.cores import CLIENT, pin
from bench.peers.contenders import Contender, ours
from bench.report import Table
from bench.volley import Volley, fire
from bench.wires import opened
from tests.support.messages import STATELESS
from tests.support.processes import peak_kib
from tests.support.server import end_on_sigterm
from tests.support.simulator import simulating

__all__ = ["main", "measure"]

_OTHERS: Final = 32
_ROUNDS: Final = 3
_ROWS: Final = 100_000
_QUERY: Final = f"SELECT * FROM DEMO.PRODUCT.EVENTS LIMIT {_ROWS}"
_LARGE: Final = {
    "SNOWFLAKE_MCP_LIMITS_MAX_ROWS": str(_ROWS),
    "SNOWFLAKE_MCP_LIMITS_MAX_RESULT_BYTES": str(16 << 20),
}
_SIP_BYTES: Final = 1024
_SIP_S: Final = 0.1
_FIRST_BYTE_S: Final = 30.0


def measure(seconds: float) -> Table:
    """Rows with nobody slow and with one slow client, in turn."""
    made = Table(
        "One slow client among many",
        f"{_OTHERS} connections with one trivial call open on each, for {seconds:g} s, {_ROUNDS} "
        f"times in turn without and with another client that reads its answer of {_ROWS:,} rows "
        f"at {_SIP_BYTES / _SIP_S / 1000:.0f} kB a second. Server on one core, clients on the "
        "other. The last column is the most memory that the server had so far.",
        ("while", "answers/s", "p50 ms", "p99 ms", "max ms", "peak MiB"),
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (
            simulating(folder) as endpoint,
            ours(folder, {**endpoint.environ, **_LARGE}) as (we, _),
        ):
            pin(endpoint.pid, CLIENT)
            for turn in range(1, _ROUNDS + 1):
                _row(made, f"nobody is slow, {turn}", we, seconds)
                with _sipping(we):
                    _row(made, f"one is slow, {turn}", we, seconds)
    return made


def _row(made: Table, label: str, we: Contender, seconds: float) -> None:
    fallen = fire(_plan(we, _OTHERS, seconds), CLIENT)
    if fallen.wrong:
        raise RuntimeError(f"{fallen.wrong} wrong answers: {fallen.examples}")
    times = (fallen.p50_s * 1e3, fallen.p99_s * 1e3, fallen.max_s * 1e3)
    made.add(label, fallen.rate, *times, peak_kib(we.pid) / 1024)


def _plan(we: Contender, connections: int, seconds: float) -> Volley:
    params = {"name": "echo", "arguments": {"text": "hello"}}
    return Volley(we.port, "http", "tools/call", params, connections, seconds, "hello")


@contextmanager
def _sipping(we: Contender) -> Iterator[None]:
    """A client that has asked for much and reads little, inside ``with``."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "slow", "version": "1"},
    }
    params = {
        "name": "execute_query",
        "arguments": {"query": _QUERY, "limit": _ROWS},
        "_meta": meta,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    over = threading.Event()
    with closing(opened(_plan(we, 1, 0))) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * _SIP_BYTES)
        made.settimeout(_FIRST_BYTE_S)
        made.sendall(_post(we.port, json.dumps(body).encode()))
        if b" 200 " not in made.recv(_SIP_BYTES):
            raise RuntimeError("the large answer is none")

        def sip() -> None:
            while not over.wait(_SIP_S):
                if not made.recv(_SIP_BYTES):
                    return

        thread = threading.Thread(target=sip)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _post(port: int, body: bytes) -> bytes:
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"MCP-Protocol-Version: {STATELESS}",
        "Mcp-Method: tools/call",
        "Mcp-Name: execute_query",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def main() -> None:
    """Measure and print."""
    end_on_sigterm()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=3)
    print(measure(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
