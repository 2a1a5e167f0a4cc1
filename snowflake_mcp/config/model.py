"""Every setting as one frozen tree, with its unit in its name and its default in one place."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Final

from snowflake_mcp.config.audit import AuditSettings
from snowflake_mcp.config.catalog import CatalogSettings
from snowflake_mcp.config.charts import ChartSettings
from snowflake_mcp.config.cortex import CortexService, CortexSettings
from snowflake_mcp.config.exports import ExportSettings
from snowflake_mcp.config.identity import AuthSettings, OAuthSettings
from snowflake_mcp.config.migration import MigrationSettings
from snowflake_mcp.config.operation import FixtureSettings, LogSettings, TracingSettings
from snowflake_mcp.config.places import ConnectionPolicy, ConnectionPool
from snowflake_mcp.config.ranges import number as _number
from snowflake_mcp.config.secrets import Secret, SecretFile
from snowflake_mcp.config.serving import HttpSettings, TlsSettings, WebSocketSettings
from snowflake_mcp.config.tools import TOOLSETS, ToolSettings

__all__ = [
    "DEMO_CONNECTION",
    "AuditSettings",
    "AuthSettings",
    "Backend",
    "CatalogSettings",
    "ChartSettings",
    "Config",
    "ConnectionSettings",
    "CortexSettings",
    "ExportSettings",
    "FixtureSettings",
    "HttpSettings",
    "LimitSettings",
    "LogSettings",
    "MigrationSettings",
    "OAuthSettings",
    "Parameter",
    "PolicySettings",
    "PoolSettings",
    "PrincipalSettings",
    "RateSettings",
    "TlsSettings",
    "ToolSettings",
    "TracingSettings",
    "WebSocketSettings",
]

DEMO_CONNECTION: Final = "demo"
"""The name of the one connection that the embedded demo warehouse answers."""


_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
"""What TOML takes without quotes."""


class Backend(Enum):
    """What answers the SQL: a real account, or the embedded demo warehouse."""

    SNOWFLAKE = "snowflake"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Threads, sessions and statements towards Snowflake."""

    max_statements: int = _number(16, 1, 256)
    """Statements running at once; each has a thread and a session while it runs."""
    max_submitted: int = _number(12, 1, 256)
    """Of these, statements of submit_query; more are answered "busy", so that they never take
    every place for an hour."""
    max_waiting: int = _number(512, 0, 100000)
    """Calls that may wait for a place; more are answered "busy" at once."""
    max_wait_s: float = _number(30.0, 0.1, 3600)
    """A call that waited so long for a place is answered "busy"."""
    max_sessions: int = _number(64, 1, 1024)
    """Snowflake sessions open at once, used or not; a call that needs one more waits."""
    max_idle_sessions: int = _number(8, 0, 256)
    """Sessions kept open without work; what is more than that is closed after 5 s without any, or
    at once where this is 0."""
    warm_sessions: int = _number(1, 0, 64)
    """Of the idle ones: sessions that nobody has used yet, opened ahead for whoever comes."""
    idle_session_s: float = _number(600.0, 1, 86400)
    """A session without work for so long is closed, unless it is kept warm."""
    session_age_s: float = _number(3 * 3600.0, 60, 86400)
    """A Snowflake session older than this is closed when it comes back."""
    validate_after_s: float = _number(60.0, 0, 86400)
    """A session that lay idle for so long is asked for a sign of life before it is used."""
    keep_alive_s: float = _number(120.0, 10, 240)
    """How often a session is kept alive whose statement runs on without a caller."""
    login_timeout_s: float = _number(30.0, 1, 600)
    """How long a login may take."""
    max_logins: int = _number(4, 1, 64)
    """Logins of one connection under way at once; others wait for their turn."""
    breaker_failures: int = _number(5, 0, 1000)
    """Statements in a row that do not reach Snowflake, after which calls are refused at once;
    0: never."""
    breaker_pause_s: float = _number(4.0, 0.5, 3600)
    """How long they are; then one statement tries."""
    fetchers: int = _number(1, 1, 8)
    """Threads that may decode results at once; more only add to reactor delay."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Bounds of every answer and of every wait."""

    statement_timeout_s: float = _number(300.0, 1, 86400)
    """A statement running longer is aborted in Snowflake."""
    task_after_s: float = _number(10.0, 0.5, 3600)
    """A query running longer goes on as a task, for clients that declared the extension."""
    answer_within_s: float = _number(45.0, 0.5, 3600)
    """A query running longer is answered with its query id, and goes on."""
    submitted_timeout_s: float = _number(3600.0, 1, 86400)
    """A submitted statement running longer is aborted in Snowflake."""
    max_kept_rows: int = _number(1_000_000, 1, 100_000_000)
    """Rows of a submitted statement's result that Snowflake keeps for fetch_results."""
    default_rows: int = _number(100, 1, 1000000)
    max_rows: int = _number(10_000, 1, 1000000)
    max_result_bytes: int = _number(768 << 10, 1024, 64 << 20)
    """Bytes of rows (as JSON) in one answer."""
    max_cached_bytes: int = _number(32 << 20, 0, 4 << 30)
    """Of all results that tools from the configuration keep for others (``cache_s``)."""
    max_cell_chars: int = _number(16_384, 16, 16 << 20)
    """Longer text values are cut and say so."""
    max_sql_bytes: int = _number(65_536, 256, 1 << 20)
    drain_s: float = _number(20.0, 0, 3600)
    """At stop: how long running requests may take to finish before they are aborted."""
    abort_s: float = _number(5.0, 0.5, 60)
    """At stop: how long aborting and closing may take after the drain."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """What SQL may do beyond plain reads."""

    capabilities: tuple[str, ...] = ()
    """Named capabilities granted to every statement, such as ``udf`` or ``get_ddl``."""
    tier: str = "read"
    """How far statements may go: ``read``, ``dml``, ``ddl`` or ``admin``."""
    confirm_writes: bool = True
    """A write is sent only when the client's user has confirmed it (elicitation)."""
    allow_objects: tuple[str, ...] = ()
    """Patterns of the databases, schemas and objects that may be used; none: all."""
    deny_objects: tuple[str, ...] = ()
    """Patterns of what may not be used, even where it is allowed."""
    allow_connections: tuple[str, ...] = ()
    """Connections that a call may choose beside the caller's own."""
    allow_roles: tuple[str, ...] = ()
    """Snowflake roles that a call may choose beside the caller's own."""
    allow_warehouses: tuple[str, ...] = ()
    """Snowflake warehouses that a call may choose beside the caller's own."""
    mask_columns: tuple[str, ...] = ()
    """Patterns of the columns whose values nobody is shown, by name; none: no column."""
    mask_style: str = "stars"
    """What stands for a masked value: ``stars``, ``null``, or a keyed ``hash`` of it."""
    on_writable_role: str = "warn"
    """Tier ``read`` and a role that can write: ``warn``, ``refuse`` to be ready, or ``ignore``."""
    max_scan_partitions: int = _number(0, 0, 1 << 40)
    """Micro-partitions that a query may read as its plan estimates them; 0: without limit."""
    max_scan_bytes: int = _number(0, 0, 1 << 60)
    """Bytes that a query may read as its plan estimates them; 0: without limit."""
    over_budget: str = "refuse"
    """What happens to a query over these: ``refuse``, or ``ask`` the client's user."""
    hourly_statements: int = _number(0, 0, 1 << 40)
    """Statements of one principal in one hour of UTC; 0: without limit."""
    hourly_seconds: float = _number(0.0, 0, 1 << 40)
    """Seconds of running statements, added up, of one principal in one hour; 0: without limit."""
    hourly_scan_bytes: int = _number(0, 0, 1 << 60)
    """Estimated bytes read by one principal in one hour; 0: without limit."""
    daily_statements: int = _number(0, 0, 1 << 40)
    """Statements of one principal on one day of UTC; 0: without limit."""
    daily_seconds: float = _number(0.0, 0, 1 << 40)
    """Seconds of running statements, added up, of one principal on one day; 0: without limit."""
    daily_scan_bytes: int = _number(0, 0, 1 << 60)
    """Estimated bytes read by one principal on one day; 0: without limit."""


@dataclass(frozen=True, slots=True)
class RateSettings:
    """How much and how fast: of each principal, and (``total_``) of all together; 0: no limit."""

    requests_per_s: float = _number(0.0, 0, 100000)
    """Requests of one principal, on average; 0: without limit."""
    burst_requests: int = _number(100, 1, 100000)
    """Requests that one principal may send at once after a pause."""
    statements_per_min: int = _number(0, 0, 1000000)
    """Statements that one principal may start in a minute; 0: without limit."""
    max_statements: int = _number(0, 0, 256)
    """Statements of one principal running at once; more wait in its own line; 0: as there are
    places."""
    max_waiting: int = _number(0, 0, 100000)
    """Calls of one principal that may wait for a place; more are answered "busy" at once; 0: as
    the queue holds."""
    rows_per_min: int = _number(0, 0, 1 << 40)
    """Rows of answers to one principal; an answer is never cut for it, the next one waits."""
    bytes_per_min: int = _number(0, 0, 1 << 50)
    """Bytes of answers to one principal, likewise."""
    total_requests_per_s: float = _number(0.0, 0, 100000)
    """The same for all principals together."""
    total_burst_requests: int = _number(1_000, 1, 1000000)
    total_statements_per_min: int = _number(0, 0, 1000000)
    total_rows_per_min: int = _number(0, 0, 1 << 40)
    total_bytes_per_min: int = _number(0, 0, 1 << 50)
    state_file: str = ""
    """Where what principals have used of their hourly and daily allowances outlives the process;
    empty: ``usage.json`` in the state folder that systemd gives, else nowhere."""


Parameter = str | int | bool | Secret | SecretFile | Mapping[str, str | int | bool]
"""What a connection may hold; the mapping is for session parameters."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """How one Snowflake connection logs in."""

    name: str
    backend: Backend
    parameters: Mapping[str, Parameter] = field(default_factory=lambda: MappingProxyType({}))
    """Arguments of ``snowflake.connector.connect``: account, user, role, warehouse, ..."""
    origin: str = "built in"
    """Where the parameters came from, for messages and /status."""
    asks_somebody: bool = False
    """A login needs a person: a browser opens or a telephone asks."""
    description: str = ""
    """What agents that may choose it read of it."""
    policy: ConnectionPolicy = field(default_factory=ConnectionPolicy)
    """Narrows what callers may do there."""
    pool: ConnectionPool = field(default_factory=ConnectionPool)


@dataclass(frozen=True, slots=True)
class PrincipalSettings:
    """A table ``[principals.NAME]``: what counts for the callers that belong to it."""

    name: str = ""
    """Empty for callers that belong to no table: the server's own settings count for them."""
    subjects: tuple[str, ...] = ()
    """Users of the OAuth provider or the trusted proxy who belong here, with ``*`` and ``?``."""
    scopes: tuple[str, ...] = ()
    """Scopes of which a token must have all to belong here."""
    groups: tuple[str, ...] = ()
    """Groups or roles of which a user must have one to belong here, with ``*`` and ``?``."""
    certificates: tuple[str, ...] = ()
    """Names in client certificates that belong here, with ``*`` and ``?``."""
    tools: tuple[str, ...] = ()
    """Names of the tools they may call, with ``*`` and ``?``; none: all that the tier allows."""
    toolset: str = ""
    """Of these the ones in this set alone; empty: all of them."""
    connection: str = ""
    """The Snowflake connection that answers them; empty: the server's."""
    role: str = ""
    """The Snowflake role of their sessions; empty: the connection's."""
    warehouse: str = ""
    """The Snowflake warehouse of their sessions; empty: the connection's."""
    admin: bool = False
    """Whether they may use the admin surface: /admin, its command and the page at /ui."""
    policy: PolicySettings = PolicySettings()
    """The section ``policy`` with what ``[principals.NAME.policy]`` changes."""
    limits: LimitSettings = LimitSettings()
    """The section ``limits`` with what ``[principals.NAME.limits]`` changes."""
    rates: RateSettings = RateSettings()
    """The section ``rates`` with what ``[principals.NAME.rates]`` changes."""

    def section(self, name: str) -> str:
        """Where the operator writes a section for these callers: with their table before it."""
        if not self.name:
            return name
        table = self.name if _BARE_KEY.fullmatch(self.name) else f'"{self.name}"'
        return f"principals.{table}.{name}"


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; built by ``config.load`` and never changed afterwards."""

    connection: ConnectionSettings
    http: HttpSettings = field(default_factory=HttpSettings)
    tls: TlsSettings = field(default_factory=TlsSettings)
    websocket: WebSocketSettings = field(default_factory=WebSocketSettings)
    pool: PoolSettings = PoolSettings()
    limits: LimitSettings = LimitSettings()
    policy: PolicySettings = PolicySettings()
    rates: RateSettings = RateSettings()
    auth: AuthSettings = field(default_factory=AuthSettings)
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    testing: FixtureSettings = field(default_factory=FixtureSettings)
    log: LogSettings = field(default_factory=LogSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    audit: AuditSettings = field(default_factory=AuditSettings)
    catalog: CatalogSettings = field(default_factory=CatalogSettings)
    migration: MigrationSettings = field(default_factory=MigrationSettings)
    exports: ExportSettings = field(default_factory=ExportSettings)
    charts: ChartSettings = field(default_factory=ChartSettings)
    cortex: CortexSettings = field(default_factory=CortexSettings)
    principals: Mapping[str, PrincipalSettings] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By name."""
    connections: Mapping[str, ConnectionSettings] = field(
        default_factory=lambda: MappingProxyType({})
    )
    """By name: every connection that somebody uses, ``connection`` among them."""
    tools: Mapping[str, ToolSettings] = field(default_factory=lambda: MappingProxyType({}))
    """By name: the tools that the operator has written."""
    toolsets: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: TOOLSETS)
    """Patterns of tools by the name of their set."""
    services: Mapping[str, CortexService] = field(default_factory=lambda: MappingProxyType({}))
    """By ``FAMILY.NAME``: the services of Snowflake's AI that the operator has opened."""

    @property
    def is_demo(self) -> bool:
        """Whether the embedded demo warehouse answers instead of a Snowflake account."""
        return self.connection.backend is Backend.DEMO
