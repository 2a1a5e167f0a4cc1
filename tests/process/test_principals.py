"""Two callers of one real server: each does what its table says, and a reload counts at once."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.process.test_callers import bearer, new_token
from tests.support.processes import until
from tests.support.server import Server, serving

pytestmark = pytest.mark.process

CONFIG: Final = """
[auth]
token_file = "{folder}/tokens.toml"

[principals.rita]
preset = "reader"
[principals.rita.policy]
allow_objects = ["DEMO.SALES"]

[principals.dora]
[principals.dora.policy]
tier = "dml"
confirm_writes = false
"""
TABLE: Final = {"database": "DEMO", "schema": "SALES", "view_name": "ORDERS", "limit": 1}


class Realm:
    """The server, and a token for each of them."""

    def __init__(self, folder: Path, server: Server, tokens: dict[str, str]) -> None:
        self.folder = folder
        self.server = server
        self.tokens = tokens

    def tools(self, who: str) -> set[str]:
        reply = self.server.request("GET", "/mcp/tools", headers=bearer(self.tokens[who]))
        return {tool["name"] for tool in reply.json()["tools"]}

    def ask(self, who: str, tool: str, **arguments: Any) -> tuple[int, Any]:
        body = {"name": tool, "arguments": arguments}
        reply = self.server.request(
            "POST", "/mcp/tools/call", body, headers=bearer(self.tokens[who])
        )
        return reply.status, reply.json()

    def reload(self, text: str, says: str) -> None:
        (self.folder / "config.toml").write_text(text.format(folder=self.folder))
        self.server.signal(signal.SIGHUP)
        until(lambda: says in self.server.log_text, 10, f"the log says: {says}")


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    """Made as an operator would."""
    (tmp_path / "config.toml").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "tokens.toml").touch(0o600)
    tokens = {who: new_token(tmp_path, who) for who in ("rita", "dora")}
    with serving(tmp_path, "--demo", "--config", "config.toml") as started:
        until(lambda: started.request("GET", "/health/ready").status == 200, 30, "it is ready")
        yield Realm(tmp_path, started, tokens)


def test_each_has_their_own(realm: Realm) -> None:
    """Tools, objects, writes and query ids; the same SQL is judged on different terms."""
    assert "execute_statement" in realm.tools("dora")
    assert "execute_query" not in realm.tools("rita")
    status, answer = realm.ask("rita", "execute_query", query="SELECT 1")
    assert (status, answer["error"]["code"]) == (404, "unknown_tool")
    assert realm.ask("rita", "query_view", **TABLE)[0] == 200
    hidden = {**TABLE, "schema": "PUBLIC"}
    status, answer = realm.ask("rita", "query_view", **hidden)
    assert (status, answer["error"]["code"]) == (403, "refused")
    write = {"query": "INSERT INTO demo.sales.orders SELECT * FROM demo.sales.orders LIMIT 0"}
    judged = {who: realm.ask(who, "check_sql", **write)[1]["result"] for who in ("rita", "dora")}
    assert [judged[who]["allowed"] for who in ("rita", "dora")] == [False, True]
    assert "principals.rita.policy.tier" in judged["rita"]["refusals"][0]["remedy"]
    assert realm.ask("dora", "execute_statement", **write)[0] == 200


def test_a_reload_counts_at_once(realm: Realm) -> None:
    """With the next request; one that means nothing changes nothing."""
    wider = CONFIG.replace('preset = "reader"', 'preset = "analyst"').replace('"dml"', '"read"')
    realm.reload(wider, "reload: applied")
    assert "execute_query" in realm.tools("rita")
    assert "execute_statement" not in realm.tools("dora")
    assert realm.ask("rita", "execute_query", query="SELECT 1")[0] == 200
    status, answer = realm.ask("rita", "execute_query", query="SELECT * FROM demo.public.t")
    assert (status, answer["error"]["code"]) == (403, "refused")
    realm.reload(
        wider.replace("[principals.dora]", "[principals.dora]\ntools = ['no_tool']"),
        "names no tool",
    )
    assert "execute_query" in realm.tools("dora")
    realm.reload(wider.replace("DEMO.SALES", "DEMO"), "reload: applied")
    until(
        lambda: realm.ask("rita", "list_tables", database="DEMO", schema="PUBLIC")[0] == 200,
        10,
        "the wider rules count",
    )
