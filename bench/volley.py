"""The load client: so many connections, one request open on each, every answer compared.

    python -m bench.volley < PLAN.json

A process of its own on a core of its own. Requests are made before the clock starts, and so is
what has to come back: the first answer of a connection is parsed and judged, and every later one
must be the same bytes with its own id. What is not is counted as wrong, and shown. ``Volley`` is
the plan, ``Fallen`` the outcome; ``fire`` runs it in a child process.
"""

import json
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.report import percentile
from bench.wires import Wire, WrongAnswer, frame_bytes, wire_of

__all__ = ["Fallen", "Volley", "cpu_s", "fire", "main"]

_LIMIT_S: Final = 30.0
_READ: Final = 1 << 18
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Volley:
    """What to send, to whom, and for how long."""

    port: int
    kind: str
    """How it is put on the wire: ``http``, ``session`` (HTTP with initialize), ``websocket``, ...
    see ``bench.wires``."""
    method: str
    params: Mapping[str, Any]
    connections: int
    seconds: float
    expect: str = ""
    """What the first answer has to have in it somewhere, as JSON text."""
    exact: bool = True
    """Whether later answers are the same but for the id; else each has to have ``expect`` in it."""
    each: int = 0
    """So many answers on each connection, however long it takes; 0: by time."""
    warm_s: float = 0.25
    path: str = "/mcp"
    pids: Sequence[int] = ()
    """Whose processor time is counted."""


@dataclass(frozen=True, slots=True)
class Fallen:
    """What came of it; times in seconds."""

    answers: int
    seconds: float
    p50_s: float
    p99_s: float
    max_s: float
    wrong: int
    answer_bytes: int
    server_cpu_s: float
    client_cpu_s: float
    times: Sequence[float] = ()
    """Each by itself, where ``each`` was asked for."""
    examples: Sequence[str] = field(default_factory=tuple)

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return self.answers / self.seconds


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time that these processes have taken, all threads, user and system.

    With that of their children that have ended: one that ends meanwhile is counted all the same.
    """
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except FileNotFoundError:
            continue
        total += sum(map(int, fields[11:15]))
    return total / _TICKS


def fire(volley: Volley, core: int | None = None) -> Fallen:
    """Run it in a process of its own, pinned to ``core``.

    Raises:
        RuntimeError: it could not be run to its end; the text says why.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "bench.volley", *([] if core is None else [str(core)])],
        input=json.dumps(asdict(volley)),
        capture_output=True,
        text=True,
        timeout=volley.seconds + volley.warm_s + 4 * _LIMIT_S,
        check=False,
    )
    if ended.returncode:
        raise RuntimeError(ended.stderr.strip()[-2000:])
    return Fallen(**json.loads(ended.stdout))


class _Line:
    """One connection: the request under way, and what has come of its answer."""

    __slots__ = ("at", "buffer", "expected", "left", "place", "requests", "socket")

    def __init__(self, made: socket.socket, wire: Wire, place: int) -> None:
        self.socket = made
        self.requests, self.expected = wire.requests, wire.expected
        self.place = place
        self.buffer = b""
        self.at = 0.0
        self.left = 0


def main() -> None:
    """Run the plan on standard input, pinned to the core in the arguments; print the outcome."""
    if sys.argv[1:]:
        os.sched_setaffinity(0, {int(sys.argv[1])})
    volley = Volley(**json.load(sys.stdin))
    try:
        wires = [wire_of(volley, number) for number in range(volley.connections)]
    except WrongAnswer as wrong:
        raise SystemExit(str(wrong)) from None
    print(json.dumps(asdict(_run(volley, wires))))


def _run(volley: Volley, wires: Sequence[Wire]) -> Fallen:
    lines = {wire.socket.fileno(): _Line(wire.socket, wire, 0) for wire in wires}
    poller = select.epoll()
    for number in lines:
        poller.register(number, select.EPOLLIN)
    examples: list[str] = []
    judge = _same if volley.exact else _fits(volley.expect.encode())
    flight = _Flight(lines, poller, judge, examples)
    flight.fly(volley.warm_s, 1)
    server, client = cpu_s(volley.pids), time.process_time()
    began = time.perf_counter()
    times, wrong = flight.fly(volley.seconds, volley.each)
    seconds = time.perf_counter() - began
    server, client = cpu_s(volley.pids) - server, time.process_time() - client
    for line in lines.values():
        line.socket.close()
    return Fallen(
        answers=len(times),
        seconds=seconds,
        p50_s=percentile(times, 50),
        p99_s=percentile(times, 99),
        max_s=percentile(times, 100),
        wrong=wrong,
        answer_bytes=len(wires[0].expected[0]),
        server_cpu_s=server,
        client_cpu_s=client,
        times=times if volley.each else (),
        examples=examples[:3],
    )


Judge = Callable[[bytes, bytes], bool | None]
"""Whether what has come is the answer with this end or id; ``None``: not all of it has come."""


@dataclass(frozen=True, slots=True)
class _Flight:
    """The lines in the air."""

    lines: Mapping[int, _Line]
    poller: select.epoll
    judge: Judge
    examples: list[str]

    def fly(self, seconds: float, each: int) -> tuple[list[float], int]:
        """Ask on every line, again and again; the time of each answer, and how many were wrong.

        For so long, or as often as ``each`` says where ``seconds`` is 0. Ends when the last
        answer has come.
        """
        now = time.perf_counter
        times: list[float] = []
        wrong = 0
        end = now() + seconds if seconds else math.inf
        for line in self.lines.values():
            line.left = each if not seconds else -1
            line.at = now()
            line.socket.send(line.requests[line.place])
        open_lines = len(self.lines)
        while open_lines:
            ready = self.poller.poll(_LIMIT_S)
            if not ready:
                raise SystemExit(f"no answer within {_LIMIT_S} s on {open_lines} connections")
            for number, _ in ready:
                line = self.lines[number]
                data = line.socket.recv(_READ)
                at = now()
                if not data:
                    raise SystemExit(f"hung up after {len(times)} answers")
                if line.buffer:
                    data = line.buffer + data
                right = self.judge(data, line.expected[line.place])
                if right is None:
                    line.buffer = data
                    continue
                if not right:
                    wrong += 1
                    self.examples.append(f"{data[:300]!r} ... {data[-300:]!r}")
                line.buffer = b""
                times.append(at - line.at)
                line.place = (line.place + 1) % len(line.requests)
                line.left -= 1
                if at < end and line.left:
                    line.at = now()
                    line.socket.send(line.requests[line.place])
                else:
                    open_lines -= 1
        return times, wrong


def _same(data: bytes, expected: bytes) -> bool | None:
    """The bytes that were expected, and nothing before them but the head of a good response."""
    if data.endswith(expected):
        head = len(data) - len(expected)
        return head == 0 or (
            data.startswith(b"HTTP/1.1 200") and data.find(b"\r\n\r\n") + 4 == head
        )
    return False if len(data) >= len(expected) and _whole(data) else None


def _fits(inside: bytes) -> Judge:
    """An answer with the id, and with these bytes in it."""

    def judge(data: bytes, request_id: bytes) -> bool | None:
        return (request_id in data and inside in data) if _whole(data) else None

    return judge


def _whole(data: bytes) -> bool:
    """Whether a response or frame has come to its end."""
    if not data.startswith(b"HTTP/1.1"):
        return len(data) >= 10 and len(data) >= sum(frame_bytes(data))
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return False
    fields = data[:head].lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        return data.endswith(b"\r\n0\r\n\r\n")
    length = fields.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    return len(data) >= head + 4 + int(length)


if __name__ == "__main__":
    main()
