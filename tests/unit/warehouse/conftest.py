"""A scripted endpoint, and warehouses that are stopped at the end of the test."""

from collections.abc import AsyncIterator, Callable
from types import MappingProxyType
from typing import Any

import pytest_twisted
from twisted.internet import reactor

from snowflake_mcp.config.model import Backend, ConnectionSettings, PoolSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.service import Warehouse
from tests.support.demo import demo
from tests.support.snowflake_wire import SnowflakeWire

__all__ = ["build", "demo", "wire"]

Build = Callable[..., Warehouse]


class FixedAccount:
    """An account whose login arguments are given."""

    def __init__(self, parameters: dict[str, object], name: str = "test") -> None:
        self._parameters = parameters
        texts = {key: value for key, value in parameters.items() if isinstance(value, str)}
        self.settings = ConnectionSettings(name, Backend.SNOWFLAKE, MappingProxyType(texts))

    async def parameters(self) -> dict[str, object]:
        return self._parameters


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]  # it has no types
async def wire() -> AsyncIterator[SnowflakeWire]:
    """A scripted endpoint that listens."""
    endpoint = SnowflakeWire(reactor)
    endpoint.start()
    yield endpoint
    await endpoint.stop()


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]  # it has no types
async def build() -> AsyncIterator[Build]:
    """Makes started warehouses for login arguments; keywords are pool settings.

    ``profiles`` are the tables of the callers, where there are any.
    """
    made: list[Warehouse] = []

    def make(
        parameters: dict[str, object], profiles: Profiles | None = None, **settings: Any
    ) -> Warehouse:
        warehouse = Warehouse(
            reactor,  # type: ignore[arg-type]
            Accounts(FixedAccount(parameters), profiles),
            PoolSettings(**settings),
            Metrics(),
        )
        warehouse.start()
        made.append(warehouse)
        return warehouse

    yield make
    for warehouse in made:
        await warehouse.stop(5.0)
