"""No bytes, no JSON and no frame end anything but their own request, on any transport."""

import json
from collections.abc import Iterable
from typing import Any, Self

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.behaviour.peer import Peer
from tests.behaviour.scene import Scene
from tests.behaviour.table import CELLS, Cell
from tests.support.wire import connect, encode_frame

EXAMPLES = 30
"""Each is played in every cell; what is found slowly is found by many runs."""

LINES = [cell for cell in CELLS if cell.way in ("websocket", "stdio")]

members = st.sampled_from(
    [
        *("jsonrpc", "id", "method", "params", "result", "error", "_meta", "name", "arguments"),
        *("cursor", "uri", "ref", "argument", "level", "requestId", "requestState"),
        *("inputResponses", "notifications", "taskId", "progressToken", "protocolVersion"),
        *("io.modelcontextprotocol/protocolVersion", "io.modelcontextprotocol/logLevel"),
    ]
)
words = st.sampled_from(
    [
        *("2.0", "2026-07-28", "2025-11-25", "initialize", "ping", "server/discover", "echo"),
        *("tools/list", "tools/call", "resources/list", "resources/read", "resources/subscribe"),
        *("prompts/get", "completion/complete", "logging/setLevel", "subscriptions/listen"),
        *("notifications/cancelled", "notifications/initialized", "tasks/get", "tasks/cancel"),
        *("sure", "talk", "fail", "test://one", "error", "q-1"),
    ]
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), words, words
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(members, words), inner, max_size=4)
    ),
    max_leaves=8,
)
params = st.dictionaries(members, values, max_size=4)
methods = st.one_of(words, st.text(max_size=8))
ids = st.one_of(st.integers(), st.text(max_size=4), values)


def _message(method: Any, message_params: Any, message_id: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": message_id, "method": method, "params": message_params}


messages = st.builds(_message, methods, st.one_of(params, values), ids)


CODES = frozenset({-32700, *range(-32602, -32599), *range(-32022, -32019)})
"""What rubbish may be answered with; -32603 would be a fault of ours."""


class Play(Scene):
    """A client with a call that runs while rubbish comes, and that is answered all the same."""

    def __enter__(self) -> Self:
        self.wrong: list[Any] = []
        self.peer = self.join(elicitation={})
        self.running = self.peer.ask("tools/call", {"name": "wait"}, request_id="the good one")
        return self

    def __exit__(self, kind: object, *_details: object) -> None:
        if kind is None:
            for each in (self.peer, self.join()):
                good = each.ask("tools/list", request_id="another good one")
                assert len(good.result["tools"]) == len(self.tools.NAMES)
            self.release()
            assert self.running.text == "done"
        self.close()
        assert self.wrong == []

    def tolerate(self, peer: Peer) -> None:
        """Let the answers to rubbish come as they will: which they are is for other tests."""
        take = peer.take

        def tolerant(message: dict[str, Any], asked: Any = None) -> None:
            good = message.get("id") in ("the good one", "another good one")
            if good and "method" not in message:
                take(message, asked)
            if message.get("error", {"code": -32600})["code"] not in CODES:
                self.wrong.append(message)

        peer.take = tolerant  # type: ignore[method-assign]


def _throw(cells: Iterable[Cell], *rubbish: bytes) -> None:
    for cell in cells:
        with Play(cell) as play:
            play.tolerate(play.peer)
            for each in rubbish:
                play.peer.send_bytes(each)


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.lists(st.text(max_size=60), max_size=3))
def test_text(data: list[str]) -> None:
    """T-07: any text where a message belongs."""
    lines = [each.replace("\n", " ").encode("utf-8", "replace") for each in data]
    _throw(CELLS, *lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.lists(st.binary(max_size=60), max_size=3))
def test_bytes(data: list[bytes]) -> None:
    """Any bytes where a message belongs; a WebSocket frame of text has to be UTF-8."""
    cells = [cell for cell in CELLS if cell.way != "websocket"]
    _throw(cells, *(each.replace(b"\n", b" ") for each in data))


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.lists(values, max_size=3))
def test_json_values(data: list[Any]) -> None:
    """Any JSON value where a message belongs."""
    _throw(CELLS, *(json.dumps(each).encode() for each in data))


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(data=st.lists(messages, max_size=4))
def test_messages(data: list[Any]) -> None:
    """Messages whose method is right and whose params are anything, and the other way round."""
    _throw(CELLS, *(json.dumps(each).encode() for each in data))


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(data=st.lists(st.tuples(methods, params), max_size=4))
def test_params(data: list[tuple[str, dict[str, Any]]]) -> None:
    """D-01: requests of the era, envelope and headers included, with any params in them."""
    for cell in CELLS:
        with Play(cell) as play:
            play.tolerate(play.peer)
            for number, (method, each) in enumerate(data):
                meta = each.get("_meta")
                rest = {name: value for name, value in each.items() if name != "_meta"}
                if isinstance(meta, dict):
                    rest["_meta"] = meta
                if method.isascii() and method.isprintable() and method == method.strip():
                    play.peer.ask(method, rest, request_id=f"rubbish {number}")


@settings(max_examples=EXAMPLES, deadline=None)
@given(data=st.binary(max_size=120), step=st.integers(1, 40))
def test_pieces(data: bytes, step: int) -> None:
    """Bytes on the wire itself, in pieces of any size: another client's call goes on."""
    for cell in LINES:
        with Play(cell) as play:
            other = play.join()
            play.tolerate(other)
            protocol = getattr(other, "protocol", None)
            for start in range(0, len(data), step):
                if protocol is not None:
                    protocol.dataReceived(data[start : start + step])
                elif not other.wire.client.lost:  # type: ignore[attr-defined]
                    other.wire.send(data[start : start + step])  # type: ignore[attr-defined]


frames = st.tuples(st.integers(0, 15), st.binary(max_size=130), st.booleans(), st.booleans())


@settings(max_examples=2 * EXAMPLES, deadline=None)
@given(data=st.lists(frames, max_size=6))
def test_frames(data: list[tuple[int, bytes, bool, bool]]) -> None:
    """Frames of any kind in any order: another connection's call goes on."""
    with Play(LINES[0]) as play:
        wire = connect(play.house.front.site, play.house.clock)
        wire.upgrade()
        for opcode, payload, fin, masked in data:
            if not wire.client.lost:
                wire.send(encode_frame(opcode, payload, fin=fin, masked=masked))
        wire.close()
