"""MCP Apps: who declares the extension is told of views, and nobody else pays for them."""

import json
from typing import Any

import pytest

from snowflake_mcp.protocol.apps import APPS, MIME_TYPE, View, shows_views
from snowflake_mcp.protocol.calls import Reply
from snowflake_mcp.protocol.context import Facts
from snowflake_mcp.protocol.jsonrpc import Request
from snowflake_mcp.protocol.principal import LOCAL
from tests.support.content import SmallLibrary
from tests.support.kernels import Rig, with_envelope

DECLARED = {"extensions": {APPS: {"mimeTypes": [MIME_TYPE]}}}
URI = "ui://test/one"


def rig() -> Rig:
    """A kernel with a view of one of its tools."""
    return Rig(library=SmallLibrary(), views=[View(URI, "<!DOCTYPE html>", frozenset({"echo"}))])


def ask(method: str, facts: Facts, params: dict[str, Any]) -> Any:
    replies: list[Reply | None] = []
    call = rig().kernel.start(Request(1, method, params), facts, lambda _: None)
    call.reply.addCallback(replies.append)
    assert replies[0] is not None
    return json.loads(bytes(replies[0].body))["result"]


@pytest.mark.parametrize("version", ["2026-07-28", "2025-11-25", "2025-06-18"])
@pytest.mark.parametrize("declared", [True, False])
def test_tools_name_their_view_to_clients_that_can_show_it(version: str, declared: bool) -> None:
    """In either era; a tool without a view has no such member."""
    facts = Facts("http", LOCAL, version, DECLARED if declared else {})
    params = with_envelope() if version == "2026-07-28" else {}
    tools = {tool["name"]: tool for tool in ask("tools/list", facts, params)["tools"]}
    assert len(tools) > 1
    for name, tool in tools.items():
        wanted = {"ui": {"resourceUri": URI}} if declared and name == "echo" else None
        assert tool.get("_meta") == wanted


def test_the_list_of_one_client_is_not_that_of_the_next() -> None:
    """What is told to one is put into no list that is kept."""
    made = rig()
    seen = []
    for capabilities in (DECLARED, {}):
        replies: list[Reply | None] = []
        facts = Facts("http", LOCAL, "2026-07-28", capabilities)
        call = made.kernel.start(Request(1, "tools/list", with_envelope()), facts, lambda _: None)
        call.reply.addCallback(replies.append)
        assert replies[0] is not None
        seen.append(b"resourceUri" in bytes(replies[0].body))
    assert seen == [True, False]


def test_a_view_is_read_and_is_in_no_list() -> None:
    """With a policy that lets it load nothing."""
    facts = Facts("http", LOCAL, "2026-07-28", DECLARED)
    (contents,) = ask("resources/read", facts, with_envelope(uri=URI))["contents"]
    assert (contents["uri"], contents["mimeType"]) == (URI, MIME_TYPE)
    assert contents["text"] == "<!DOCTYPE html>"
    policy = contents["_meta"]["ui"]["csp"]
    assert policy
    assert all(domains == [] for domains in policy.values())
    listed = ask("resources/list", facts, with_envelope())["resources"]
    assert URI not in {entry["uri"] for entry in listed}


@pytest.mark.parametrize("declared", [True, False])
def test_the_server_says_that_it_knows_the_extension(declared: bool) -> None:
    """Where the client does, in the handshake and in the stateless era."""
    given = DECLARED if declared else {}
    opening = {
        "protocolVersion": "2025-11-25",
        "capabilities": given,
        "clientInfo": {"name": "t", "version": "1"},
    }
    met = ask("initialize", Facts("http", LOCAL, "2025-11-25"), opening)["capabilities"]
    assert (APPS in met.get("extensions", {})) == declared
    facts = Facts("http", LOCAL, "2026-07-28", given)
    found = ask("server/discover", facts, with_envelope())["capabilities"]
    assert (APPS in found["extensions"]) == declared


@pytest.mark.parametrize(
    "capabilities",
    [
        {},
        {"extensions": None},
        {"extensions": {APPS: None}},
        {"extensions": {APPS: {}}},
        {"extensions": {APPS: {"mimeTypes": MIME_TYPE}}},
        {"extensions": {APPS: {"mimeTypes": ["text/html"]}}},
        {"extensions": [APPS]},
    ],
)
def test_who_cannot_show_documents_like_ours_is_shown_none(capabilities: dict[str, Any]) -> None:
    """Whatever stands in place of the declaration."""
    assert not shows_views(capabilities)
