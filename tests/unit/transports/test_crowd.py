"""How many may be connected: in all, from one address, for one principal, and by open files."""

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.transports.crowd import Crowd
from snowflake_mcp.transports.front import _OWN_FILES
from tests.support.wire import Wire, encode_frame
from tests.unit.transports.stand import Stand

EDGE = "203.0.113.9"
"""Where the connections of the stand come from."""


def crowd(**limits: int) -> Crowd:
    most, one = limits.get("most", 100), limits.get("most_of_one", 100)
    return Crowd(
        "connections",
        Clock(),
        Metrics(),
        most=most,
        most_of_one=one,
        shared=lambda address: address == "10.0.0.1",
    )


def test_it_counts_in_and_out() -> None:
    """Who leaves makes room; nothing is kept of those who are gone."""
    full = crowd(most=3, most_of_one=2)
    assert [full.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert [full.enter("192.0.2.2") for _ in range(2)] == [True, False]
    full.leave("192.0.2.1")
    assert full.enter("192.0.2.3")
    for gone in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        full.leave(gone)
    assert len(full) == 0
    assert not full._of_one


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.0.9", "::1", "10.0.0.1", None])
def test_an_address_of_many_is_not_counted_as_one(address: str | None) -> None:
    """This host, a trusted proxy, a Unix socket: only the limit for all holds."""
    full = crowd(most=3, most_of_one=1)
    assert [full.enter(address) for _ in range(4)] == [True, True, True, False]


def _health(wire: Wire) -> int:
    return wire.request("GET", "/health").status


def test_connections_over_the_limit_are_closed_unheard(events: list[LogEvent]) -> None:
    """The open ones go on; one that closes makes room; a flood is a line of log a second."""
    stand = Stand(max_connections=2)
    first, second = stand.connect(), stand.connect()
    flood = [stand.connect() for _ in range(20)]
    for wire in flood:
        wire.flush()
    assert all(wire.client.lost for wire in flood)
    assert [_health(first), _health(second)] == [200, 200]
    assert len(stand.front.site.channels) == 2
    assert [event["refused"] for event in events if "refused" in event] == [1]
    stand.clock.advance(1.0)
    late = stand.connect()
    late.flush()
    assert [event["refused"] for event in events if "refused" in event] == [1, 20]
    second.close()
    assert _health(stand.connect()) == 200
    stand.close()
    assert len(stand.front.site.crowd) == 0


def test_one_address_does_not_get_all_places() -> None:
    """Those who come from elsewhere still find room."""
    stand = Stand(max_connections_per_address=2)
    wires = [stand.connect() for _ in range(3)]
    wires[2].flush()
    assert [wire.client.lost for wire in wires] == [False, False, True]
    assert stand.metrics.totals()["limits_hit"] == 1
    stand.close()


def test_a_trusted_proxy_gets_them() -> None:
    """Its connections are those of many."""
    stand = Stand(max_connections_per_address=1, trusted_proxies=(EDGE,))
    assert [_health(stand.connect()) for _ in range(3)] == [200, 200, 200]
    stand.close()


def test_a_place_is_free_once_its_connection_is_a_websocket() -> None:
    """HTTP connections and WebSockets count apart, and both are given back."""
    stand = Stand(max_connections=1)
    wire = stand.connect()
    assert wire.upgrade().status == 101
    assert _health(stand.connect()) == 200
    wire.send(encode_frame(8, b"\x03\xe8"))
    wire.close()
    stand.close()
    assert len(stand.front._websockets.crowd) == 0


def test_one_address_does_not_get_all_websockets() -> None:
    """Behind a trusted proxy it is the client's address that counts."""
    stand = Stand(max_connections_per_address=1, trusted_proxies=(EDGE,))

    def opened(client: str) -> int:
        return stand.connect().upgrade(X_Forwarded_For=client).status

    assert [opened("192.0.2.1"), opened("192.0.2.1"), opened("192.0.2.2")] == [101, 503, 101]
    stand.close()


def test_one_principal_does_not_get_all_websockets() -> None:
    """429 for the one too many; callers that have no name share no limit."""
    names = iter(["ann", "ann", "bob", "local", "local"])
    stand = Stand(
        identify=lambda _: Principal(next(names)),
        websocket={"max_connections_per_principal": 1},
    )
    statuses = [stand.connect().upgrade().status for _ in range(5)]
    assert statuses == [101, 429, 101, 101, 101]
    stand.close()


def test_open_files_bound_the_clients(events: list[LogEvent]) -> None:
    """Where fewer files may be open than clients come in, there is room for fewer."""
    stand = Stand()
    websockets = stand.front._websockets.crowd
    stand.front.fit(65_536)
    assert (stand.front.site.crowd.most, websockets.most) == (1_024, 1_000)
    stand.front.fit(_OWN_FILES + 128 + 506)
    assert (stand.front.site.crowd.most, websockets.most) == (256, 250)
    assert [event["http"] for event in events if "files" in event] == [256]
    stand.front.fit(64)
    assert (stand.front.site.crowd.most, websockets.most) == (4, 3)
    stand.close()
