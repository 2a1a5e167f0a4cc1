"""Who may talk to the server: Host, Origin and types, by themselves and on the wire."""

import pytest

from snowflake_mcp.transports.exchange import Refusal
from snowflake_mcp.transports.guard import Guard, check_accept, check_content
from tests.support.wire import http_request
from tests.unit.transports.stand import Stand, modern_headers, post_modern

FOREIGN = "http://evil.example"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", "127.0.0.1"),
        ("LOCALHOST:9999", "127.0.0.1"),
        ("127.0.0.1:8000", "127.0.0.1"),
        ("[::1]:8000", "::1"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3:80", "::ffff:10.1.2.3"),
        ("[fe80::1]:8000", "fe80::1%eth0"),
        ("mcp.example:8443", "10.1.2.3"),
        ("pinned.example:1234", None),
    ],
)
def test_known_hosts_pass(host: str, local: str | None) -> None:
    """Loopback names, the connection's own address and configured hosts are accepted."""
    Guard(["mcp.example", "pinned.example:1234"]).check([host], [], local)


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        ([], 400),
        (["localhost", "localhost"], 400),
        (["localhost, evil.example"], 400),
        (["user@localhost"], 400),
        ([""], 400),
        (["localhost:99999999"], 400),
        (["evil.example"], 421),
        (["localhost.evil.example"], 421),
        (["10.1.2.4"], 421),
        (["pinned.example:1235"], 421),
        (["pinned.example"], 421),
    ],
)
def test_other_hosts_are_refused(hosts: list[str], status: int) -> None:
    """T-04: A Host that is absent, doubled or malformed is 400, a foreign one 421."""
    with pytest.raises(Refusal) as refused:
        Guard(["pinned.example:1234"]).check(hosts, [], "10.1.2.3")
    assert refused.value.status == status


def test_a_star_turns_the_host_check_off() -> None:
    """Behind a proxy that checks hosts itself, ``*`` accepts any well-formed Host."""
    Guard(["*"]).check(["anything.example"], [], None)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8000", "localhost:8000"),
        ("http://localhost:8000", "127.0.0.1:8000"),
        ("http://[::1]:8000", "localhost:8000"),
        ("https://mcp.example", "mcp.example"),
        ("https://app.example", "localhost:8000"),
        ("HTTPS://APP.EXAMPLE", "localhost:8000"),
    ],
)
def test_own_and_configured_origins_pass(origin: str, host: str) -> None:
    """Same origin, loopback on the same port, and the configured origins are accepted."""
    Guard(["mcp.example"], ["https://app.example/"]).check([host], [origin], None)


@pytest.mark.parametrize(
    "origins",
    [
        [FOREIGN],
        ["null"],
        [""],
        ["http://localhost:3000"],
        ["http://localhost"],
        ["http://localhost:8000.evil.example"],
        ["http://evil.example@localhost:8000"],
        ["file://localhost:8000"],
        ["http://localhost:8000", "http://localhost:8000"],
    ],
)
def test_foreign_origins_are_refused(origins: list[str]) -> None:
    """T-01: another page's Origin, an opaque one, and one on another local port are 403."""
    with pytest.raises(Refusal) as refused:
        Guard().check(["localhost:8000"], origins, "127.0.0.1")
    assert refused.value.status == 403


@pytest.mark.parametrize(
    "types",
    [
        ["application/json"],
        ["application/json; charset=utf-8"],
        ['Application/JSON;charset="UTF-8"'],
        ["application/json; profile=x"],
    ],
)
def test_json_in_utf8_passes(types: list[str]) -> None:
    """JSON with or without a UTF-8 charset is taken."""
    check_content(types, [])
    check_content(types, ["identity"])


@pytest.mark.parametrize(
    ("types", "encodings"),
    [
        ([], []),
        (["text/plain"], []),
        (["application/json; charset=utf-16"], []),
        (["application/json", "application/json"], []),
        (["multipart/form-data; boundary=b"], []),
        (["application/json"], ["gzip"]),
        (["application/json"], ["identity", "br"]),
    ],
)
def test_other_bodies_are_refused(types: list[str], encodings: list[str]) -> None:
    """Forms, other charsets, doubled types and compression are 415."""
    with pytest.raises(Refusal) as refused:
        check_content(types, encodings)
    assert refused.value.status == 415


@pytest.mark.parametrize(
    "accept",
    [
        ["application/json, text/event-stream"],
        ["text/event-stream;q=0.5", "application/json"],
        ["*/*"],
        ["application/*, text/*"],
    ],
)
def test_clients_that_take_both_types_pass(accept: list[str]) -> None:
    """Both types may be named outright or by a wildcard."""
    check_accept(accept)


@pytest.mark.parametrize(
    "accept",
    [[], ["application/json"], ["text/event-stream"], ["application/json, text/event-stream;q=0"]],
)
def test_clients_that_take_one_type_are_refused(accept: list[str]) -> None:
    """The server chooses between JSON and a stream, so a client must take both."""
    with pytest.raises(Refusal) as refused:
        check_accept(accept)
    assert refused.value.status == 406


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/health"),
        ("GET", "/health/ready"),
        ("GET", "/status"),
        ("GET", "/mcp/tools"),
        ("POST", "/mcp"),
        ("GET", "/nowhere"),
        ("OPTIONS", "/mcp"),
    ],
)
def test_the_guard_stands_before_every_path(stand: Stand, method: str, path: str) -> None:
    """A foreign Host or Origin is refused on every path, before anything else is said."""
    wire = stand.connect()
    assert wire.request(method, path, host="evil.example").status == 421
    answer = wire.request(method, path, headers={"Origin": FOREIGN})
    assert answer.status == 403


def test_a_foreign_page_cannot_make_the_server_read_a_body(stand: Stand) -> None:
    """The refusal comes when the headers have come, and the connection ends."""
    wire = stand.connect()
    headers = {**modern_headers({"method": "tools/list"}), "Origin": FOREIGN}
    wire.send(http_request("POST", "/mcp", headers={**headers, "Content-Length": "100"}))
    answer = wire.answer()
    assert answer.status == 403
    assert answer.header("Connection") == "close"
    assert wire.closed
    assert "id" not in answer.json()


def test_a_load_balancer_may_probe_by_address(stand: Stand) -> None:
    """The address on which the connection came in is a Host that cannot be rebound."""
    wire = stand.connect(host="10.1.2.3", port=8000)
    assert wire.request("GET", "/health", host="10.1.2.3:8000").status == 200


def test_no_origin_is_no_browser(stand: Stand) -> None:
    """Clients that are not browsers send no Origin and are served."""
    assert post_modern(stand.connect(), "tools/list").status == 200
