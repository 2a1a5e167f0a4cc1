"""Messages that are nearly right: valid ones of both eras, changed at random; pytest's options."""

import json
import random
from typing import Any, Final

import pytest

from tests.support.messages import HANDSHAKE, STATELESS

__all__ = ["Fuzz", "encoded", "fuzz", "messages"]

DEFAULT_S: Final = 30.0
_SEED: Final = 20_261_121
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": STATELESS,
    "io.modelcontextprotocol/clientCapabilities": {},
}
_TOOLS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("execute_query", {"query": "SELECT 1"}),
    ("execute_query", {"query": "SELECT * FROM VALUES (1), (2) ->> SELECT 2", "limit": 5}),
    ("check_sql", {"query": "WITH a AS (SELECT 1) SELECT * FROM a -- x"}),
    ("list_databases", {"like": "%", "limit": 3}),
    ("list_tables", {"database": "DEMO", "schema": "PUBLIC"}),
    ("describe_table", {"database": "DEMO", "schema": "PUBLIC", "table": "NONE"}),
    ("fetch_results", {"query_id": "01b0c1d2-0000-0000-0000-000000000000"}),
    ("cancel_query", {"query_id": "01b0c1d2-0000-0000-0000-000000000000"}),
    ("no_such_tool", {}),
)
_METHODS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("server/discover", {}),
    ("tools/list", {"cursor": "x"}),
    ("tools/list", {}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "snowflake://databases"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "none", "arguments": {}}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/prompt", "name": "none"},
            "argument": {"name": "database", "value": "D"},
        },
    ),
    ("tasks/get", {"taskId": "none"}),
    ("ping", {}),
    ("initialize", {"protocolVersion": HANDSHAKE, "capabilities": {}, "clientInfo": {}}),
    ("logging/setLevel", {"level": "debug"}),
    ("no/such", {}),
)
_NASTY: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    2**53 + 1,
    2**70,
    1.5,
    -0.0,
    1e308,
    "",
    " ",
    "x" * 3_000,
    "\x00",
    "\u202e\u2066\u200b",
    "\x1b[2J\r\n",
    "../../etc/passwd",
    "'; DROP TABLE x; --",
    "${jndi:x}",
    [],
    {},
    [[[[[[]]]]]],
    {"a": {"a": {"a": {}}}},
    [None] * 200,
    {str(number): number for number in range(100)},
)
_WORDS: Final = (
    b"\x00", b"\xff\xfe", b"\r\n", b"\n\n", b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[",
    b"]", b",", b":", b"NaN", b"1e999", b"9" * 400, b"null", b"HTTP/1.1", b"chunked", b"\x80",
    b"Content-Length: 1\r\n", b"Transfer-Encoding: chunked\r\n", b"Host: x\r\n", b"[" * 300,
)  # fmt: skip


class Fuzz:
    """A source of chance and of what it makes; ``spend_s`` is how long to go on."""

    def __init__(self, seed: int, spend_s: float) -> None:
        self.seed = seed
        self.spend_s = spend_s
        self.chance = random.Random(seed)

    def message(self, number: int) -> dict[str, Any]:
        """A valid request of one of the eras, with this id."""
        if self.chance.random() < 0.4:
            name, arguments = self.chance.choice(_TOOLS)
            method, params = "tools/call", {"name": name, "arguments": dict(arguments)}
        else:
            method, given = self.chance.choice(_METHODS)
            params = dict(given)
        if self.chance.random() < 0.7:
            params = {**params, "_meta": dict(_META)}
        return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}

    def bent(self, value: Any, depth: int = 0) -> Any:
        """The value with something in it replaced, taken out or added."""
        dice = self.chance.random()
        if depth > 6 or dice < 0.12 or not isinstance(value, dict | list) or not value:
            return self.chance.choice(_NASTY)
        if isinstance(value, list):
            index = self.chance.randrange(len(value))
            return [self.bent(v, depth + 1) if i == index else v for i, v in enumerate(value)]
        key = self.chance.choice(list(value))
        changed = dict(value)
        if dice < 0.25:
            del changed[key]
        elif dice < 0.35:
            changed[str(self.chance.choice(_NASTY))[:50]] = self.chance.choice(_NASTY)
        else:
            changed[key] = self.bent(value[key], depth + 1)
        return changed

    def bent_request(self, number: int) -> dict[str, Any]:
        """A request whose envelope stands, so that it is owed one answer, with the rest bent."""
        message = self.message(number)
        for _ in range(self.chance.choice((0, 1, 1, 2, 3))):
            if self.chance.random() < 0.15:
                message["method"] = str(self.chance.choice(_NASTY))
            else:
                bent = self.bent(message["params"])
                message["params"] = bent if isinstance(bent, dict) else {"x": bent}
        return message

    def torn(self, data: bytes) -> bytes:
        """The bytes with pieces changed, taken out, put in, doubled or cut off."""
        for _ in range(self.chance.choice((0, 1, 1, 2, 4, 8))):
            at = self.chance.randrange(len(data) + 1)
            length = self.chance.choice((1, 1, 2, 8, 40))
            dice = self.chance.random()
            if dice < 0.25:
                data = data[:at] + self.chance.choice(_WORDS) + data[at:]
            elif dice < 0.5:
                data = data[:at] + self.chance.randbytes(length) + data[at + length :]
            elif dice < 0.7:
                data = data[:at] + data[at + length :]
            elif dice < 0.9:
                data = data[:at] + data[at : at + length] * 2 + data[at + length :]
            else:
                data = data[:at]
        return data


def encoded(message: Any) -> bytes:
    """As JSON."""
    return json.dumps(message).encode()


def messages(answer: bytes, content_type: str) -> list[dict[str, Any]]:
    """The messages in a body: one, or each event where it is an event stream."""
    if not content_type.startswith("text/event-stream"):
        return [dict(json.loads(answer))] if answer else []
    lines = answer.decode().split("\n")
    datas = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [dict(json.loads(data)) for data in datas if data]


@pytest.fixture
def fuzz(request: pytest.FixtureRequest) -> Fuzz:
    """A third of the time that the options give, and a seed of the test's own."""
    config = request.config
    seed = int(config.getoption("--fuzz-seed")) + sum(request.node.name.encode())
    return Fuzz(seed, float(config.getoption("--fuzz-s")) / 3)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--fuzz-s, --fuzz-seed."""
    parser.addoption("--fuzz-s", type=float, default=DEFAULT_S, help="seconds to fuzz, in all")
    parser.addoption("--fuzz-seed", type=int, default=_SEED, help="where its chance begins")
