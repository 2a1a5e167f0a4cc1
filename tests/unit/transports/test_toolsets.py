"""The paths of tool sets: the same endpoint and caller, and a set of tools with each request."""

from dataclasses import replace

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings
from snowflake_mcp.protocol.principal import Principal
from tests.support.messages import HANDSHAKE, INITIALIZE, JSON_HEADERS
from tests.unit.transports.stand import Stand, call, initialize, modern, modern_headers, send_post

CONFIG = Config(ConnectionSettings("demo", Backend.DEMO))


def status_of(stand: Stand, path: str) -> int:
    """What a stateless call at a path is answered with."""
    message = modern("tools/call", call("echo"))
    wire = stand.connect()
    send_post(wire, message, modern_headers(message), path)
    return wire.answer().status


def came(stand: Stand) -> list[tuple[str, str]]:
    """Each call so far: who, and with which set."""
    callers = [context.facts.principal for context in stand.toolbox.contexts]
    return [(caller.name, caller.toolset) for caller in callers]


def test_a_path_names_the_set(stand: Stand) -> None:
    """Only of sets that there are; everything else is not found."""
    found = [
        status_of(stand, path)
        for path in ("/mcp", "/mcp/compact", "/mcp/none", "/mcp/", "/mcp/compact/", "/mcp/a/b")
    ]
    assert found == [200, 200, 404, 404, 404, 404]
    assert came(stand) == [("local", ""), ("local", "compact")]


def test_a_session_is_the_same_at_each_path(stand: Stand) -> None:
    """Its id is the caller's, and the set goes with each request."""
    session = initialize(stand.connect())
    headers = {**JSON_HEADERS, "MCP-Protocol-Version": HANDSHAKE, "Mcp-Session-Id": session}
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call("echo")}
    for path in ("/mcp/compact", "/mcp"):
        wire = stand.connect()
        send_post(wire, message, headers, path)
        assert wire.answer().status == 200
    assert came(stand) == [("local", "compact"), ("local", "")]


def test_a_websocket_has_the_set_of_its_path(stand: Stand) -> None:
    """For as long as it is open."""
    wire = stand.connect()
    assert wire.upgrade("/mcp/compact").status == 101
    wire.send_text(INITIALIZE)
    wire.send_text({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call("echo")})
    assert [message["id"] for message in wire.messages()][-1] == 2
    assert came(stand) == [("local", "compact")]
    assert stand.connect().upgrade("/mcp/none").status == 404


def test_sets_come_and_go(stand: Stand) -> None:
    """What a reload brings can be asked for at once."""
    stand.front.take(replace(CONFIG, toolsets={"few": ("echo",)}))
    assert [status_of(stand, f"/mcp/{name}") for name in ("few", "compact")] == [200, 404]


def test_a_caller_is_the_same_with_any_set() -> None:
    """Sessions, tasks and sessions in Snowflake are a caller's, whatever tools are shown."""
    plain, few = Principal("ann", "ann"), Principal("ann", "ann", "few")
    assert plain == few
    assert hash(plain) == hash(few)
