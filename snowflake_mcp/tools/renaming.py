"""The tools of this server under the names of others as well, where the operator wants that."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.protocol.context import RequestContext
from snowflake_mcp.protocol.errors import INVALID_PARAMS, McpError, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.settlement import failed
from snowflake_mcp.protocol.tooling import Toolbox, ToolResult
from snowflake_mcp.tools.alias_tables import SERVERS
from snowflake_mcp.tools.aliases import Alias

__all__ = ["RenamedTools", "alias_problems"]


def alias_problems(config: Config) -> Iterator[str]:
    """What is wrong with the setting, one line each."""
    for word in config.migration.aliases:
        if word not in SERVERS:
            yield f"migration.aliases: {word!r} is none of {', '.join(SERVERS)}"
    taken = {alias.name for alias in _switched_on(config.migration.aliases) if not alias.shared}
    for name in config.tools:
        if name in taken:
            yield f"tools.{name}: it is an alias, see migration.aliases; take another name"


def _switched_on(words: Iterable[str]) -> Iterator[Alias]:
    for word in words:
        if word in SERVERS:
            yield from SERVERS[word].aliases.values()


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a caller has, made of one list of the tools."""

    own: Sequence[Mapping[str, Any]]
    words: tuple[str, ...]
    whole: Sequence[Mapping[str, Any]]
    aliases: Mapping[str, Alias]
    """By name: those of tools that the caller has."""
    arguments: Mapping[str, Sequence[str]]
    """Of each tool of ours."""


class RenamedTools:
    """Implements ``protocol.tooling.Toolbox`` over another one; reactor thread only.

    Rights, gate, limits and records are those of the tool that serves an alias; the trail keeps
    its name, and the request has the alias.
    """

    def __init__(self, tools: Toolbox, profiles: Profiles) -> None:
        self._tools = tools
        self._profiles = profiles
        self._shown: dict[tuple[str, str], _Shown] = {}
        self._right: dict[tuple[str, str], _Shown] = {}
        """Those of them that were found to be right for this generation of the profiles."""
        self._generation = 0

    def describe(self, principal: Principal) -> Sequence[Mapping[str, Any]]:
        """The principal's tools in wire form, aliases last; the same object until a reload.

        Raises:
            McpError: the principal's table is no more.
        """
        return self._of(principal).whole

    async def call(
        self, name: str, arguments: Mapping[str, Any], context: RequestContext
    ) -> ToolResult:
        """Run a tool by its name or by an alias.

        Raises:
            McpError: the principal has no such tool (-32602).
            CancelledError: the request was cancelled; the statement has been aborted.
        """
        shown = self._of(context.facts.principal)
        alias = shown.aliases.get(name)
        if alias is None:
            if name not in shown.arguments:
                self._explain(name, shown)
            return await self._tools.call(name, arguments, context)
        ours = shown.arguments[alias.tool]
        if not alias.means(arguments, ours):
            return await self._tools.call(name, arguments, context)
        if not alias.shared:
            context.trail.tool = alias.tool
        try:
            arguments = alias.translated(arguments, ours)
        except ToolFailure as failure:
            return failed(failure)
        return await self._tools.call(alias.tool, arguments, context)

    def _of(self, principal: Principal) -> _Shown:
        if self._generation != self._profiles.generation:
            self._generation = self._profiles.generation
            self._right.clear()
        key = principal.profile, principal.toolset
        right = self._right.get(key)
        if right is not None:
            return right
        own, words = self._tools.describe(principal), self._profiles.aliases
        found = self._shown.get(key)
        if found is None or found.own is not own or found.words != words:
            found = _shown(own, words)
        self._shown[key] = self._right[key] = found
        return found

    def _explain(self, name: str, shown: _Shown) -> None:
        """Tell whoever uses another server's name what there is instead.

        Raises:
            McpError: it is such a name.
        """
        for server in SERVERS.values():
            alias, instead = server.aliases.get(name), server.missing.get(name, "")
            if alias is not None and alias.tool in shown.arguments:
                said = f"Unknown tool: {name}. Here it is {alias.tool}."
                raise McpError(INVALID_PARAMS, said, {"didYouMean": [alias.tool]})
            if instead:
                said = f"The tool {name} of {server.package} is not served. {instead}"
                raise McpError(INVALID_PARAMS, said)


def _shown(own: Sequence[Mapping[str, Any]], words: tuple[str, ...]) -> _Shown:
    tools = {tool["name"]: tool for tool in own}
    aliases = {alias.name: alias for alias in _switched_on(words) if alias.tool in tools}
    arguments = {name: tuple(tool["inputSchema"]["properties"]) for name, tool in tools.items()}
    if not aliases:
        return _Shown(own, words, own, aliases, arguments)
    listed = dict(tools)
    for alias in aliases.values():
        listed[alias.name] = alias.described(tools[alias.tool])
    return _Shown(own, words, tuple(listed.values()), aliases, arguments)
