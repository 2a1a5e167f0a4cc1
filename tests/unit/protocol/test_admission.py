"""Over HTTP: which era a message is of, and when it may not come in."""

from typing import Any

import pytest
from msgspec.structs import replace

from snowflake_mcp.protocol.admission import Admission, RoutingHeaders
from snowflake_mcp.protocol.errors import McpError
from snowflake_mcp.protocol.jsonrpc import Message, Notification, Request, Response
from snowflake_mcp.protocol.principal import LOCAL, Principal
from tests.support.kernels import ENVELOPE, Rig, with_envelope

VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
LIST = Request(1, "tools/list", with_envelope())
CALL = Request(1, "tools/call", with_envelope(name="echo"))
HEADERS = RoutingHeaders(version="2026-07-28", method="tools/list")


def refusal(message: Message, headers: RoutingHeaders) -> tuple[int, int | None]:
    with pytest.raises(McpError) as caught:
        Admission(Rig().sessions).admit(message, headers, LOCAL)
    return caught.value.code, caught.value.status


def enveloped(**changed: Any) -> Request:
    meta = {**ENVELOPE, **changed}
    return Request(1, "tools/list", {"_meta": {k: v for k, v in meta.items() if v is not ...}})


def test_a_stateless_request_comes_in() -> None:
    """Envelope and headers agree: the facts are the envelope's."""
    facts = Admission(Rig().sessions).admit(LIST, HEADERS, LOCAL)
    assert (facts.version, facts.client, facts.session_id) == ("2026-07-28", "tester/1", None)


def test_client_info_is_optional() -> None:
    """T-17, D-09: a client that does not say who it is is served."""
    message = enveloped(**{"io.modelcontextprotocol/clientInfo": ...})
    assert Admission(Rig().sessions).admit(message, HEADERS, LOCAL).client == ""


def test_a_name_may_be_sent_in_base64() -> None:
    """T-14: names that HTTP cannot carry arrive encoded."""
    message = Request(1, "tools/call", with_envelope(name="échø"))
    headers = RoutingHeaders("2026-07-28", "tools/call", "=?base64?w6ljaMO4?=")
    Admission(Rig().sessions).admit(message, headers, LOCAL)


@pytest.mark.parametrize(
    ("message", "headers", "code"),
    [
        (LIST, replace(HEADERS, version=None), -32020),
        (LIST, replace(HEADERS, version="2025-11-25"), -32020),
        (LIST, replace(HEADERS, method=None), -32020),
        (LIST, replace(HEADERS, method="Tools/List"), -32020),
        (LIST, replace(HEADERS, duplicated=frozenset({"mcp-method"})), -32020),
        (CALL, RoutingHeaders("2026-07-28", "tools/call"), -32020),
        (CALL, RoutingHeaders("2026-07-28", "tools/call", "other"), -32020),
        (CALL, RoutingHeaders("2026-07-28", "tools/call", "=?base64?!!!?="), -32020),
        (CALL, RoutingHeaders("2026-07-28", "tools/call", "=?base64?ZWNobx==?="), -32020),
        (enveloped(**{VERSION_KEY: "2099-01-01"}), replace(HEADERS, version="2099-01-01"), -32022),
        (enveloped(**{VERSION_KEY: ...}), HEADERS, -32602),
        (enveloped(**{VERSION_KEY: 7}), HEADERS, -32602),
        (enveloped(**{"io.modelcontextprotocol/clientCapabilities": ...}), HEADERS, -32602),
        (enveloped(**{"io.modelcontextprotocol/clientCapabilities": 1}), HEADERS, -32602),
        (Request(1, "tools/list", {"_meta": "x"}), HEADERS, -32602),
        (Request(1, "tools/list", {}), HEADERS, -32602),
        (Response(1, {}, None), HEADERS, -32600),
        (Notification("notifications/cancelled", with_envelope()), RoutingHeaders(), -32022),
    ],
)
def test_stateless_refusals(message: Message, headers: RoutingHeaders, code: int) -> None:
    """T-10, T-13, T-17: what contradicts itself is 400 with the code that the revision names."""
    assert refusal(message, headers) == (code, 400)


def test_an_unserved_version_names_the_served_ones() -> None:
    """T-11: a client can pick another revision from the answer."""
    message = enveloped(**{VERSION_KEY: "2099-01-01"})
    with pytest.raises(McpError) as caught:
        Admission(Rig().sessions).admit(message, replace(HEADERS, version="2099-01-01"), LOCAL)
    assert caught.value.data == {"supported": ["2026-07-28"], "requested": "2099-01-01"}


def test_a_stateless_notification_is_accepted() -> None:
    """It is dropped later; here it only has to be of a served revision."""
    message = Notification("tools/call", with_envelope(name="echo"))
    facts = Admission(Rig().sessions).admit(message, HEADERS, LOCAL)
    assert facts.version == "2026-07-28"


def handshake() -> tuple[Rig, str]:
    rig = Rig()
    token, _ = rig.sessions.mint(LOCAL, "2025-06-18", "old/1", {"roots": {}})
    return rig, token


def test_a_session_brings_what_was_agreed() -> None:
    """Revision, client and capabilities come from the session, not from the request."""
    rig, token = handshake()
    headers = RoutingHeaders(version="2025-06-18", session=token)
    facts = Admission(rig.sessions).admit(Request(1, "tools/list", {}), headers, LOCAL)
    assert (facts.version, facts.client, dict(facts.capabilities)) == (
        "2025-06-18",
        "old/1",
        {"roots": {}},
    )
    assert facts.session_id is not None
    assert token not in facts.session_id


def test_initialize_needs_no_session() -> None:
    """It is how one gets a session."""
    message = Request(1, "initialize", {"protocolVersion": "2024-11-05"})
    assert Admission(Rig().sessions).admit(message, RoutingHeaders(), LOCAL).session_id is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (RoutingHeaders(version="2025-11-25"), 400),
        (RoutingHeaders(version="2025-11-25", session="nonsense"), 404),
        (RoutingHeaders(version="2025-11-25", session="a\tb"), 404),
        (RoutingHeaders(version="2031-01-01", session="nonsense"), 400),
        (RoutingHeaders(session="x", duplicated=frozenset({"mcp-session-id"})), 400),
    ],
)
def test_handshake_refusals(headers: RoutingHeaders, status: int) -> None:
    """Without a valid session the client is told to begin again."""
    assert refusal(Request(1, "tools/list", {}), headers) == (-32600, status)


def test_another_principals_session_does_not_exist() -> None:
    """A-08, A-09: knowing somebody's session id gives nothing."""
    rig, token = handshake()
    with pytest.raises(McpError) as caught:
        Admission(rig.sessions).admit(
            Request(1, "tools/list", {}), RoutingHeaders(session=token), Principal("eve")
        )
    assert caught.value.status == 404
