"""Whose word counts about where a request came from."""

import pytest

from snowflake_mcp.transports.proxies import Proxies, Source
from tests.support.wire import Wire
from tests.unit.transports.stand import Stand

EDGE = "203.0.113.9"
"""Where the connections of the stand come from."""


def source(proxies: Proxies, direct: str | None, **headers: str | list[str]) -> Source:
    def values(name: str) -> list[str]:
        found = headers.get(name.replace("-", "_"), [])
        return [found] if isinstance(found, str) else found

    return proxies.source(direct, "http", values)


def test_nobody_is_believed_by_default() -> None:
    """Headers of a client that is no proxy say nothing."""
    told = source(Proxies(), EDGE, x_forwarded_for="10.0.0.1", x_forwarded_proto="https")
    assert told == Source(EDGE, "http", proxied=False)


def test_the_right_most_stranger_is_the_client() -> None:
    """What stands left of it was written by whoever that is."""
    proxies = Proxies(["203.0.113.0/24", "10.0.0.0/8"])
    told = source(proxies, EDGE, x_forwarded_for=["127.0.0.1, 198.51.100.7", "10.1.2.3"])
    assert told == Source("198.51.100.7", "http", proxied=True)


def test_only_proxies_on_the_way() -> None:
    """A request that begins at a proxy is that proxy's own."""
    proxies = Proxies(["203.0.113.9", "10.0.0.0/8"])
    assert source(proxies, EDGE, x_forwarded_for="10.0.0.4, 10.0.0.5").address == "10.0.0.4"
    assert source(proxies, EDGE) == Source(EDGE, "http", proxied=True)


@pytest.mark.parametrize(
    "written",
    ["unknown", "_hidden", "", "10.0.0.1.9", "198.51.100.7, unknown", "evil\x1b[2J", "1" * 9_000],
)
def test_what_cannot_be_read_ends_the_search(written: str) -> None:
    """The last address that a proxy vouched for counts."""
    assert source(Proxies([EDGE]), EDGE, x_forwarded_for=written).address == EDGE


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_ways_to_write_an_address(written: str, address: str) -> None:
    """With and without a port; each address has one form."""
    assert source(Proxies([EDGE]), EDGE, x_forwarded_for=written).address == address


def test_the_scheme_of_the_nearest_proxy_counts() -> None:
    """And only a known one."""
    proxies = Proxies([EDGE])
    told = source(proxies, EDGE, x_forwarded_for="198.51.100.7", x_forwarded_proto="http, https")
    assert told.scheme == "https"
    assert source(proxies, EDGE, x_forwarded_proto="https").scheme == "https"
    assert source(proxies, EDGE, x_forwarded_proto="gopher").scheme == "http"


def test_the_standard_header_is_read_where_it_is_chosen() -> None:
    """And then the other ones are the client's, so they say nothing."""
    proxies = Proxies([EDGE, "10.0.0.0/8"], "forwarded")
    told = source(
        proxies,
        EDGE,
        forwarded='for=127.0.0.1, for="[2001:db8::7]:99";proto=https;by=10.0.0.1, for=10.0.0.2',
        x_forwarded_for="192.0.2.1",
        x_forwarded_proto="http",
    )
    assert told == Source("2001:db8::7", "https", proxied=True)
    usual = Proxies([EDGE])
    assert source(usual, EDGE, forwarded="for=192.0.2.1;proto=https") == Source(
        EDGE, "http", proxied=True
    )


def test_a_unix_socket_is_trusted_by_its_word() -> None:
    """A local proxy has no address."""
    told = source(Proxies(["unix"]), None, x_forwarded_for="198.51.100.7")
    assert told == Source("198.51.100.7", "http", proxied=True)
    told = source(Proxies(["127.0.0.1"]), None, x_forwarded_for="198.51.100.7")
    assert told == Source("local", "http", proxied=False)


def test_a_mapped_address_is_the_address() -> None:
    """A socket for both families shows IPv4 clients as IPv6."""
    assert Proxies(["127.0.0.1"]).trusts("::ffff:127.0.0.1")
    assert Proxies(["::1"]).trusts("::1")
    assert not Proxies(["::/0"]).trusts("nonsense")
    assert source(Proxies(), "::ffff:198.51.100.7").address == "198.51.100.7"


@pytest.mark.parametrize(
    ("trusted", "header", "word"),
    [(["proxy.example"], "x-forwarded", "proxy.example"), ([], "via", "via")],
)
def test_settings_that_mean_nothing_are_named(trusted: list[str], header: str, word: str) -> None:
    """A start that would trust nobody, or the wrong header, is refused."""
    with pytest.raises(ValueError, match=word):
        Proxies(trusted, header)


def _peers(wire: Wire, stand: Stand) -> list[str]:
    body = b'{"name":"echo"}'
    headers = {"Content-Type": "application/json", "X-Forwarded-For": "198.51.100.7"}
    assert wire.request("POST", "/mcp/tools/call", body, headers=headers).status == 200
    return [context.facts.peer for context in stand.toolbox.contexts]


def test_a_tool_learns_the_client_behind_a_proxy() -> None:
    """What the access log and the audit write is the client, not the proxy."""
    stand = Stand(trusted_proxies=(EDGE,))
    assert _peers(stand.connect(), stand) == ["198.51.100.7"]
    stand.close()


def test_a_tool_learns_the_other_end_of_a_strange_connection(stand: Stand) -> None:
    """A header that anybody can write changes nothing."""
    assert _peers(stand.connect(), stand) == [EDGE]
