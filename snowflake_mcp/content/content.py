"""All content over one connection, wired together."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.content.asking import Askers
from snowflake_mcp.content.completions import SnowflakeCompletions
from snowflake_mcp.content.defaults import Defaults
from snowflake_mcp.content.library import SnowflakeLibrary
from snowflake_mcp.content.prompts import SnowflakePrompts
from snowflake_mcp.content.seen import Seen
from snowflake_mcp.content.watch import CatalogWatch
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.catalog import Catalog
from snowflake_mcp.warehouse.directory import Directory, Reader

__all__ = ["Content", "build_content"]


@dataclass(frozen=True, slots=True)
class Content:
    """What the protocol serves, and the service that tells what changed."""

    library: SnowflakeLibrary
    prompts: SnowflakePrompts
    completions: SnowflakeCompletions
    clock: IReactorTime
    seen: Seen
    askers: Askers
    directory: Directory

    def watch(self, changes: Changes) -> CatalogWatch:
        """The service that tells ``changes`` what changed in the catalog; start it last."""
        return CatalogWatch(
            self.clock, self.library, self.seen, changes, self.askers, self.directory
        )


def build_content(
    warehouse: Reader,
    config: Config,
    clock: IReactorTime,
    profiles: Profiles | None = None,
    tools_of: Callable[[Principal], Collection[str]] | None = None,
    catalog: Catalog | None = None,
    directory: Directory | None = None,
) -> Content:
    """Library, prompts and completions over one catalog; nothing runs before it is asked.

    ``tools_of`` gives the names of the tools that a principal has.
    """
    profiles = profiles or Profiles(config)
    askers = Askers(profiles)
    catalog = catalog or Catalog(warehouse, clock)
    directory = directory or Directory(warehouse, clock)
    defaults = Defaults(catalog)
    seen = Seen(clock)
    return Content(
        library=SnowflakeLibrary(catalog, defaults, seen, askers),
        prompts=SnowflakePrompts(profiles, tools_of),
        completions=SnowflakeCompletions(catalog, defaults, askers, directory),
        clock=clock,
        seen=seen,
        askers=askers,
        directory=directory,
    )
