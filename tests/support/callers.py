"""Authentication for servers of tests that ask nobody."""

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.config.model import Config
from snowflake_mcp.ops.metrics import Metrics

__all__ = ["asking_nobody"]


def asking_nobody(config: Config, clock: IReactorTime) -> Authentication:
    """As a configuration without any way has it: every caller is the local one."""

    async def fetch(url: str, within_s: float) -> bytes:
        raise AssertionError(f"{url} is asked for")

    return Authentication(config, fetch, clock, lambda: 1_000.0, Metrics())
