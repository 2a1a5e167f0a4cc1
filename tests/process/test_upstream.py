"""Who callers are in Snowflake, through the real program, and what of them never gets there."""

import gzip
import http.client
import json
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from snowflake_mcp.auth.token_file import write_tokens
from snowflake_mcp.auth.tokens import Token, bearer_of, digest_of, new_id, new_secret
from tests.support.processes import until
from tests.support.proxy import Relay, relaying
from tests.support.server import Server, serving
from tests.support.simulator import simulating

pytestmark = [pytest.mark.process, pytest.mark.statements]

LOGINS = """
[users.service]
password = "hunter2"
roles = ["READER", "WRITER"]
[users.bee]
oauth_tokens = ["upstream-of-bee"]
"""

CONFIG = """
default_connection = "main"

[auth]
token_file = "{folder}/tokens.toml"

[connections.main]
account = "acme"
user = "service"
password = "hunter2"
role = "READER"
host = "127.0.0.1"
port = {port}
protocol = "http"

[connections.bee]
account = "acme"
user = "bee"
authenticator = "oauth"
token_file = "{folder}/bee.token"
host = "127.0.0.1"
port = {port}
protocol = "http"

[principals.ann]

[principals.will]
role = "writer"

[principals.bee]
connection = "bee"
"""

WHO = "SELECT CURRENT_USER() AS U, CURRENT_ROLE() AS R"


@dataclass(frozen=True)
class House:
    """A server, the way to its account, and a token for each caller."""

    server: Server
    relay: Relay
    tokens: dict[str, str]
    folder: Path

    def call(self, caller: str, sql: str) -> dict[str, Any]:
        """The structured content of a query, or the error."""
        headers = {
            "Authorization": f"Bearer {self.tokens[caller]}",
            "Content-Type": "application/json",
        }
        body = json.dumps({"name": "execute_query", "arguments": {"query": sql}})
        with closing(http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)) as line:
            line.request("POST", "/mcp/tools/call", body, headers)
            answer: dict[str, Any] = json.loads(line.getresponse().read())
        return answer


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Three callers, two Snowflake users."""
    (tmp_path / "logins.toml").write_text(LOGINS)
    (tmp_path / "bee.token").write_text("upstream-of-bee\n")
    secrets = {name: new_secret() for name in ("ann", "will", "bee")}
    entries = {name: Token(new_id(), name, digest_of(each), 1.0) for name, each in secrets.items()}
    write_tokens(tmp_path / "tokens.toml", entries.values())
    tokens = {name: bearer_of(entries[name].id, secret) for name, secret in secrets.items()}
    with (
        simulating(tmp_path, "--logins", str(tmp_path / "logins.toml")) as account,
        relaying(account.port) as relay,
    ):
        relay.records = True
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(folder=tmp_path, port=relay.port))
        with serving(tmp_path, "--no-demo", "--config", str(config)) as server:
            yield House(server, relay, tokens, tmp_path)


def test_each_caller_is_who_its_table_says(house: House) -> None:
    """A-04: by the credentials of the configuration; what a client showed never gets to Snowflake.

    One user with two roles, and a user of its own; one that is refused disturbs nobody.
    """
    seen = {name: rows(house.call(name, WHO)) for name in house.tokens}
    assert seen["ann"] == [["SERVICE", "READER"]]
    assert seen["will"] == [["SERVICE", "WRITER"]]
    assert seen["bee"][0][0] == "BEE"

    sent = b"".join(plain(bytes(link.asked)) for link in house.relay.links)
    assert b"hunter2" in sent
    assert b"upstream-of-bee" in sent
    for token in house.tokens.values():
        assert token.encode() not in sent
        assert token.split("_", 2)[2].encode() not in sent

    (house.folder / "bee.token").write_text("stale")
    house.server.signal(signal.SIGHUP)
    until(lambda: "idle sessions are closed" in house.server.log_text, 5, "the reload")
    assert house.call("bee", WHO)["error"]["code"] == "auth"
    assert rows(house.call("ann", WHO)) == seen["ann"]
    assert house.server.request("GET", "/health/ready").status == 200


def rows(answer: dict[str, Any]) -> list[list[Any]]:
    """The rows of an answer."""
    assert "rows" in answer.get("result", ()), answer
    found: list[list[Any]] = answer["result"]["rows"]
    return found


def plain(data: bytes) -> bytes:
    """HTTP requests as they would be without compression."""
    found = b""
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        fields = dict(
            line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line
        )
        length = int(fields.get(b"content-length", b"0"))
        body, data = rest[:length], rest[length:]
        found += head + (
            gzip.decompress(body) if fields.get(b"content-encoding") == b"gzip" else body
        )
    return found
