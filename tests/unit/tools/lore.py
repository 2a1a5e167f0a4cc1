"""Tools that know what objects there are, over a real warehouse."""

from dataclasses import dataclass
from typing import Any

from twisted.internet import reactor as installed

from snowflake_mcp.config.catalog import CatalogSettings
from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PolicySettings
from snowflake_mcp.protocol.tooling import ToolResult
from snowflake_mcp.tools.backing import Lore
from snowflake_mcp.tools.registry import Registry, build_registry
from snowflake_mcp.warehouse.service import Warehouse
from tests.unit.policy.support import DirectGate
from tests.unit.tools.fakes import conforming, context, shown

__all__ = ["Knowing"]

REACTOR: Any = installed


@dataclass
class Knowing:
    """Registry, and what it stands on."""

    tools: Registry
    lore: Lore
    warehouse: Warehouse

    @classmethod
    def over(
        cls, warehouse: Warehouse, policy: PolicySettings | None = None, **settings: Any
    ) -> "Knowing":
        """All tools on the demo connection; ``settings`` are those of the catalog."""
        connection = ConnectionSettings("test", Backend.DEMO, parameters={"database": "DEMO"})
        config = Config(connection, policy=policy or PolicySettings())
        lore = Lore.over(warehouse, REACTOR, CatalogSettings(**settings))
        return cls(build_registry(warehouse, DirectGate(), config, lore=lore), lore, warehouse)

    def noting(self) -> list[str]:
        """The statements that are sent from now on."""
        sent: list[str] = []
        run = self.warehouse.run

        async def noted(job: Any, collector: Any) -> Any:
            sent.append(job.sql)
            return await run(job, collector)

        self.warehouse.run = noted  # type: ignore[method-assign]  # nothing else is to change
        return sent

    async def call(self, name: str, /, **arguments: Any) -> ToolResult:
        """What the tool gives."""
        return await self.tools.call(
            name, arguments, context(clock=REACTOR, deadline=REACTOR.seconds() + 30.0)
        )

    async def ask(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """The answer of a call that does not fail, which conforms to its schema."""
        result = await self.call(name, **arguments)
        assert result.failure is None, shown(result)
        return conforming(self.tools, name, result)

    async def told(self, name: str, /, **arguments: Any) -> str:
        """What a model reads of a call that fails."""
        result = await self.call(name, **arguments)
        assert result.failure is not None
        return shown(result)
