"""Fixtures are served by an explicit setting and on loopback only."""

import ast
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

import snowflake_mcp
from snowflake_mcp.app import network_services, stdio_services
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, FixtureSettings
from snowflake_mcp.fixtures import is_local, with_fixtures
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.principal import LOCAL
from snowflake_mcp.protocol.tooling import Offer
from tests.support.content import SmallLibrary
from tests.support.toolbox import ScriptedToolbox

LOCAL_ENDPOINTS = [
    "tcp:8000:interface=127.0.0.1",
    "tcp:8000:127.0.0.1",
    "tcp:interface=127.0.0.2:port=0",
    "tcp6:8000:interface=\\:\\:1",
    "unix:/run/snowflake-mcp.sock",
    "unix:/run/snow\\:flake.sock:mode=660",
]
PUBLIC_ENDPOINTS = [
    "",
    "tcp:8000",
    "tcp:8000:interface=",
    "tcp:8000:interface=0.0.0.0",
    "tcp:8000:interface=192.0.2.1",
    "tcp:8000:interface=localhost",
    "tcp:8000:interface=127.0.0.1:inter\\face=0.0.0.0",
    "tcp6:8000:interface=\\:\\:",
    "ssl:8443:interface=127.0.0.1",
    "systemd:domain=INET:index=0",
    "haproxy:tcp\\:8000\\:interface=127.0.0.1",
]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module that adds a library."""
    made: Any = ModuleType("fixtures_of_a_test")
    made.extend = lambda offer, changes: Offer(offer.toolbox, SmallLibrary())
    monkeypatch.setitem(sys.modules, "fixtures_of_a_test", made)
    return "fixtures_of_a_test"


@pytest.mark.parametrize("endpoint", LOCAL_ENDPOINTS)
def test_loopback_is_local(endpoint: str) -> None:
    """Loopback addresses and Unix sockets are reached from this host only."""
    assert is_local(endpoint)


@pytest.mark.parametrize("endpoint", PUBLIC_ENDPOINTS)
def test_everything_else_is_public(endpoint: str) -> None:
    """What is not written out as loopback may be reached from elsewhere."""
    assert not is_local(endpoint)


def test_nothing_is_imported_without_the_setting() -> None:
    """The offer is passed on as it is, on whatever endpoint."""
    offer = Offer(ScriptedToolbox())
    assert with_fixtures("", ["tcp:8000"], offer, Changes()) is offer


@pytest.mark.parametrize("endpoints", [LOCAL_ENDPOINTS, []])
def test_fixtures_extend_the_offer(module: str, endpoints: Sequence[str]) -> None:
    """On loopback, and on standard streams, which have no endpoint."""
    extended = with_fixtures(module, endpoints, Offer(ScriptedToolbox()), Changes())
    assert isinstance(extended.library, SmallLibrary)


@pytest.mark.parametrize("endpoint", PUBLIC_ENDPOINTS)
def test_fixtures_are_refused_elsewhere(module: str, endpoint: str) -> None:
    """One public endpoint among local ones is enough."""
    offer = Offer(ScriptedToolbox())
    with pytest.raises(ValueError, match="not on loopback"):
        with_fixtures(module, [LOCAL_ENDPOINTS[0], endpoint], offer, Changes())


def _configured(module: str, **http: Any) -> Config:
    config = Config(ConnectionSettings("demo", Backend.DEMO), testing=FixtureSettings(module))
    return replace(config, http=replace(config.http, **http))


@pytest.mark.parametrize("http", [{"host": "0.0.0.0"}, {"endpoints": ("8000", "tcp:8001")}])
def test_a_server_off_loopback_does_not_start_with_fixtures(
    module: str, http: dict[str, Any]
) -> None:
    """An address of all interfaces is refused before anything listens."""
    reactor: Any = MemoryReactorClock()
    with pytest.raises(ValueError, match="not on loopback"):
        network_services(_configured(module, **http), reactor)
    network_services(_configured("", **http), reactor)


@pytest.mark.parametrize("http", [{}, {"host": "::1"}, {"endpoints": ("unix:/run/test.sock", "0")}])
def test_a_server_on_loopback_starts_with_fixtures(module: str, http: dict[str, Any]) -> None:
    """So does one on standard streams, whatever endpoints are configured."""
    reactor: Any = MemoryReactorClock()
    network_services(_configured(module, **http), reactor)
    stdio_services(_configured(module, host="0.0.0.0"), reactor, lambda: None)


def test_the_product_knows_nothing_of_the_tests() -> None:
    """Fixtures come in by the setting alone."""
    imported = {
        name
        for path in Path(snowflake_mcp.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
    }
    assert [name for name in imported if name.partition(".")[0] == "tests"] == []


@pytest.mark.parametrize("name", ["no.such.module", "json", ".relative"])
def test_an_unusable_module_is_told(name: str) -> None:
    """It cannot be imported, or has no ``extend``."""
    with pytest.raises(ValueError, match=r"testing\.fixtures"):
        with_fixtures(name, [], Offer(ScriptedToolbox()), Changes())


def test_the_suites_fixtures_lie_on_top_of_the_products_tools() -> None:
    """Both are listed, the product's first, under names that are all different."""
    from tests.fixtures.suite import extend

    below = ScriptedToolbox()
    extended = extend(Offer(below), Changes())
    names = [tool["name"] for tool in extended.toolbox.describe(LOCAL)]
    own = [tool["name"] for tool in below.describe(LOCAL)]
    assert names[: len(own)] == own
    assert len(names) == len(set(names)) > len(own)
