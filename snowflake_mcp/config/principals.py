"""The tables ``[principals.NAME]``: what differs for some callers, on top of the server's own."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from snowflake_mcp.config.cortex import Opened
from snowflake_mcp.config.model import Config, ConnectionSettings, PrincipalSettings
from snowflake_mcp.config.narrowing import narrowed, stands_at
from snowflake_mcp.config.settings import Problems, apply
from snowflake_mcp.config.tools import ToolSettings

__all__ = [
    "GONE",
    "LIMITS",
    "OVERRIDES",
    "OWN",
    "POLICY",
    "PRESETS",
    "RATES",
    "Profiles",
    "read_principals",
]

GONE: Final = "This caller is configured no longer"
"""What callers are told whose table a reload has taken away."""
_NAME: Final = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
"""A part of log lines, query tags and metrics; the slash is kept for what stands behind it."""

POLICY: Final = frozenset(
    {
        "allow_connections",
        "allow_objects",
        "allow_roles",
        "allow_warehouses",
        "capabilities",
        "confirm_writes",
        "daily_scan_bytes",
        "daily_seconds",
        "daily_statements",
        "deny_objects",
        "mask_columns",
        "mask_style",
        "hourly_scan_bytes",
        "hourly_seconds",
        "hourly_statements",
        "max_scan_bytes",
        "max_scan_partitions",
        "over_budget",
        "tier",
    }
)
"""Settings of the section ``policy`` that a principal may have of its own."""
LIMITS: Final = frozenset(
    {
        "answer_within_s",
        "default_rows",
        "max_cell_chars",
        "max_result_bytes",
        "max_rows",
        "statement_timeout_s",
        "submitted_timeout_s",
        "task_after_s",
    }
)
"""Settings of the section ``limits`` that a principal may have of its own."""
RATES: Final = frozenset(
    {
        "burst_requests",
        "bytes_per_min",
        "max_statements",
        "max_waiting",
        "requests_per_s",
        "rows_per_min",
        "statements_per_min",
    }
)
"""Settings of the section ``rates`` that a principal may have of its own."""

_READING: Final = (
    "list_*",
    "describe_*",
    "search_objects",
    "query_view",
    "execute_query",
    "explain_query",
    "profile_table",
    "sample_rows",
    "chart_query",
    "check_sql",
)
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "reader": {
            "tools": (
                "list_*",
                "describe_*",
                "search_objects",
                "query_view",
                "sample_rows",
                "check_sql",
            ),
            "policy": {"tier": "read"},
        },
        "analyst": {
            "tools": (
                *_READING,
                "get_ddl",
                "submit_query",
                "get_query_status",
                "fetch_results",
                "export_results",
                "cancel_query",
                "my_queries",
                "cortex_*",
                "query_semantic_view",
            ),
            "policy": {"tier": "read"},
        },
        "admin": {"admin": True, "policy": {"tier": "admin"}},
    }
)
"""What ``preset = "..."`` stands for; every other key of the table goes over it."""

OVERRIDES: Final = {"policy": POLICY, "limits": LIMITS, "rates": RATES}
"""The sections of which a table may have settings of its own, and which."""
OWN: Final = frozenset(
    {
        "admin",
        "certificates",
        "connection",
        "groups",
        "preset",
        "role",
        "scopes",
        "subjects",
        "tools",
        "toolset",
        "warehouse",
    }
)
"""What a table says beside these."""


def read_principals(
    tables: object, sections: Mapping[str, Any], origin: str, problems: Problems
) -> Mapping[str, PrincipalSettings]:
    """Every table with the server's own ``sections`` below it; what does not fit is noted."""
    if not isinstance(tables, dict):
        problems.add("principals", "must be tables: [principals.NAME]", origin)
        return MappingProxyType({})
    found = {}
    for name, table in tables.items():
        where = f"principals.{name}"
        if not _NAME.fullmatch(name):
            problems.add(where, "a name has 1 to 64 letters, digits, _ . @ or -", origin)
        elif not isinstance(table, dict):
            problems.add(where, f"must be a table: [{where}]", origin)
        else:
            found[name] = _principal(name, table, sections, origin, problems)
    return MappingProxyType(found)


def _principal(
    name: str,
    table: Mapping[str, Any],
    sections: Mapping[str, Any],
    origin: str,
    problems: Problems,
) -> PrincipalSettings:
    where = f"principals.{name}"
    preset = PRESETS.get(table["preset"]) if isinstance(table.get("preset"), str) else None
    if preset is None:
        if "preset" in table:
            known = ", ".join(PRESETS)
            problems.add(f"{where}.preset", f"is none of {known}", origin)
        preset = {}
    policy, limits, rates = (
        apply(
            part,
            apply(part, sections[part], preset.get(part, {}), "the preset", problems),
            _own(where, part, table.get(part, {}), origin, problems),
            f"{origin} [{where}.{part}]",
            problems,
        )
        for part in OVERRIDES
    )
    base = PrincipalSettings(
        name=name,
        tools=preset.get("tools", ()),
        policy=policy,
        limits=limits,
        rates=rates,
        admin=preset.get("admin", False),
    )
    own = {key: value for key, value in table.items() if key not in {*OVERRIDES, "preset"}}
    for key in own.keys() - OWN:
        problems.add(f"{where}.{key}", "is not a setting", origin)
    said = {key: value for key, value in own.items() if key in OWN}
    made: PrincipalSettings = apply(where, base, said, origin, problems)
    return made


def _own(
    where: str, part: str, given: object, origin: str, problems: Problems
) -> Mapping[str, Any]:
    """What a table says of a section, as far as a principal may say it."""
    if not isinstance(given, dict):
        problems.add(f"{where}.{part}", "must be a table", origin)
        return {}
    for key in given.keys() - OVERRIDES[part]:
        problems.add(f"{where}.{part}.{key}", "cannot be set for a principal", origin)
    return {key: value for key, value in given.items() if key in OVERRIDES[part]}


class Profiles:
    """The tables as they count now; a reload replaces them all at once. Reactor thread only."""

    def __init__(self, config: Config) -> None:
        self.generation = 0
        """Another number with each ``take``: what was made of the tables before may be outdated."""
        self.take(config)

    def take(self, config: Config) -> None:
        """From now on these count."""
        self.generation += 1
        self._connection = config.connection
        self._connections = {config.connection.name: config.connection, **config.connections}
        own = PrincipalSettings(policy=config.policy, limits=config.limits, rates=config.rates)
        # A connection that waits for a restart is told of where seats are checked.
        self._tables = {
            name: narrowed(table, self._connections.get(table.connection, config.connection))
            for name, table in config.principals.items()
        }
        self._counts = {"": narrowed(own, config.connection), **self._tables}
        self._written = {"": own, **config.principals}
        self._elsewhere: dict[tuple[str, str], PrincipalSettings] = {}
        self._tools = config.tools
        self._toolsets = config.toolsets
        self._aliases = config.migration.aliases
        self._opened = Opened(config.cortex, config.services)

    @property
    def all(self) -> tuple[PrincipalSettings, ...]:
        """What counts for callers of no table, and every table."""
        return tuple(self._counts.values())

    def of(self, profile: str) -> PrincipalSettings:
        """What counts for callers of a table; empty: for those of none.

        The same object as long as nothing was taken, so what is made of it may be kept with it.

        Raises:
            KeyError: there is no such table, or no more.
        """
        return self._counts[profile]

    def connection(self, profile: str) -> ConnectionSettings:
        """The Snowflake connection that answers the callers of a table.

        Raises:
            KeyError: there is no such table, or no more.
        """
        name = self.of(profile).connection
        return self._connections[name] if name else self._connection

    def at(self, profile: str, connection: str) -> PrincipalSettings:
        """What counts for callers of a table on this connection; the same object until ``take``.

        Raises:
            KeyError: there is no such table or no such connection, or no more.
        """
        counts = self.of(profile)
        if connection == self.connection(profile).name:
            return counts
        found = self._elsewhere.get((profile, connection))
        if found is None:
            found = stands_at(self._written[profile], self._connections[connection])
            self._elsewhere[profile, connection] = found
        return found

    def named(self, connection: str) -> ConnectionSettings:
        """A connection by its name.

        Raises:
            KeyError: there is no such connection.
        """
        return self._connections[connection]

    def visible(self, profile: str) -> tuple[ConnectionSettings, ...]:
        """The connections that callers of a table may choose, their own first.

        Raises:
            KeyError: there is no such table, or no more.
        """
        own = self.connection(profile)
        names = dict.fromkeys([own.name, *self.of(profile).policy.allow_connections])
        return tuple(self._connections[name] for name in names if name in self._connections)

    @property
    def counting(self) -> object:
        """Equal to what it was as long as no caller's view has changed."""
        return (
            self._written,
            self._connections,
            self._tools,
            self._toolsets,
            self._aliases,
            self._opened,
        )

    @property
    def tools(self) -> Mapping[str, ToolSettings]:
        """The tools of the configuration, by name; whoever may call them."""
        return self._tools

    @property
    def opened(self) -> Opened:
        """What of Snowflake's AI there is; whoever may call it."""
        return self._opened

    @property
    def toolsets(self) -> Mapping[str, tuple[str, ...]]:
        """Patterns of tools by the name of their set."""
        return self._toolsets

    @property
    def aliases(self) -> tuple[str, ...]:
        """The servers whose names of tools are taken, too."""
        return self._aliases

    def sets(self, profile: str, toolset: str = "") -> tuple[tuple[str, ...], ...]:
        """The patterns of the sets that narrow what callers of a table have.

        One is what their table says, another is that of the path at which they came in.

        Raises:
            KeyError: there is no such table or no such set, or no more.
        """
        return tuple(self._toolsets[name] for name in (self.of(profile).toolset, toolset) if name)

    @property
    def names(self) -> tuple[str, ...]:
        """Every table, in the order of the file."""
        return tuple(self._tables)

    @property
    def has_admins(self) -> bool:
        """Whether anybody may use the admin surface; without, it does not exist."""
        return any(table.admin for table in self._tables.values())

    def may_administer(self, profile: str) -> bool:
        """Whether callers of this profile have the right ``admin``, as the settings are now."""
        table = self._tables.get(profile)
        return table is not None and table.admin
