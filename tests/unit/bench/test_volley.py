"""The load client: which answers are right, which are wrong, and which are not all there yet."""

import json
import os
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from bench.volley import Volley, _fits, _same, cpu_s
from bench.wires import WrongAnswer, wire_of

BODY = b'{"id":100001,"result":{}}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LONG = b"x" * 70_000


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (HEAD + BODY, True),
        (BODY, True),
        (HEAD + BODY[:-1], None),
        (HEAD[:20], None),
        (HEAD + BODY.replace(b"1}", b"2}").replace(b"100001", b"100002"), False),
        (HEAD.replace(b"200", b"500") + BODY, False),
        (HEAD + BODY + HEAD + BODY, False),
        (b"junk" + BODY, False),
    ],
)
def test_an_answer_is_the_bytes_that_were_expected(data: bytes, right: bool | None) -> None:
    """Another id, another status or more than one answer is wrong; less is not whole yet."""
    assert _same(data, BODY) is right


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (HEAD + BODY, True),
        (HEAD + BODY[:-3], None),
        (HEAD + BODY.replace(b"result", b"reason"), False),
        (HEAD + BODY.replace(b"100001", b"100002"), False),
        (CHUNKED + b"19\r\n" + BODY, None),
        (CHUNKED + b"19\r\n" + BODY + b"\r\n0\r\n\r\n", True),
        (b"\x81" + bytes([len(BODY)]) + BODY, True),
        (b"\x81\x7e" + struct.pack("!H", 300) + BODY, None),
        (b"\x81\x7f" + struct.pack("!Q", len(LONG)) + BODY + LONG[len(BODY) :], True),
    ],
)
def test_an_answer_that_differs_by_nature(data: bytes, right: bool | None) -> None:
    """It is whole, and has its id and what was expected in it."""
    assert _fits(b'"result"')(data, b'"id":100001') is right


@contextmanager
def answering(answer: bytes) -> Iterator[int]:
    """A server for one connection that says the same to every request."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            made, _ = listening.accept()
            with closing(made):
                while made.recv(65_536):
                    made.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(5)


def test_a_connection_learns_the_answer_from_the_first() -> None:
    """Every later one is the same with its own id."""
    first = json.dumps({"id": 100_000, "result": {"text": "hello"}}).encode()
    with answering(
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(first), first)
    ) as port:
        wire = wire_of(Volley(port, "http", "tools/call", {"name": "echo"}, 1, 1, "hello"), 0)
        wire.socket.close()
    assert wire.expected[7] == first.replace(b"100000", b"100007")
    assert b'"id":100007' in wire.requests[7]
    assert b"Mcp-Name: echo\r\n" in wire.requests[7]


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":1,"result":{"text":"hello"}}',
        b'{"id":100000,"error":{"message":"hello"}}',
        b'{"id":100000,"result":{"text":"hello","isError":true}}',
        b'{"id":100000,"result":{"text":"goodbye"}}',
    ],
)
def test_a_first_answer_that_is_none(body: bytes) -> None:
    """Nothing is measured against a server that does not answer what was asked."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with answering(answer) as port, pytest.raises(WrongAnswer):
        wire_of(Volley(port, "http", "tools/call", {"name": "echo"}, 1, 1, "hello"), 0)


def test_processor_time_of_a_process_that_has_gone_is_its_parents() -> None:
    """A child that ends while it is measured neither breaks the measurement nor gets lost."""
    before = cpu_s([os.getpid()])
    child = subprocess.Popen([sys.executable, "-c", "sum(range(10_000_000))"])
    child.wait(30)
    assert cpu_s([os.getpid(), child.pid]) - before >= 0.02
