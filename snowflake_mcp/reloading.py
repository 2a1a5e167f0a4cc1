"""What a reload changes in the parts of the server, setting by setting."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Final

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.config.exports import export_problems
from snowflake_mcp.config.model import (
    Config,
    ExportSettings,
    LimitSettings,
    PoolSettings,
    RateSettings,
    WebSocketSettings,
)
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.config.reload import Applier
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.ops import logs
from snowflake_mcp.protocol.changes import Change, Changes
from snowflake_mcp.roles import choice_problems
from snowflake_mcp.transports.front import Front
from snowflake_mcp.warehouse.accounts import Accounts, seat_problems
from snowflake_mcp.warehouse.service import Warehouse

__all__ = ["callers", "credentials", "exports", "front_side", "log_files", "pool"]

_OF_THE_STOP: Final = frozenset({"drain_s", "abort_s"})
"""What a supervisor has been told of how long a stop takes; it is not told again."""
_OF_THE_START: Final = frozenset(
    {"directory", "fetchers", "links", "max_connections", "state_file"}
)
"""What is made once: a lock, files, paths, the shares of clients in the open files there may be."""
_TABLES: Final = ("principals", "tools", "toolsets", "services")
_HTTP: Final = (
    "http.allowed_hosts",
    "http.allowed_origins",
    "http.cancel_on_disconnect",
    "http.cors_origins",
    "http.keepalive_s",
    "http.max_body_bytes",
    "http.max_unsent_bytes",
    "http.resume_s",
    "http.stream_after_s",
)


def callers(
    profiles: Profiles, accounts: Accounts, changes: Changes, checked: Callable[[Config], object]
) -> Applier:
    """What callers may do, and where in Snowflake; ``checked`` looks at their roles anew."""

    def problems(config: Config) -> Sequence[str]:
        return [*seat_problems(config), *choice_problems(config)]

    def take(config: Config) -> None:
        before = profiles.counting
        accounts.take(config.connections)
        profiles.take(config)
        checked(config)
        if profiles.counting != before:
            changes.publish([Change("tools"), Change("resources")])

    limits = _all_but(LimitSettings, "limits", _OF_THE_STOP)
    real = () if accounts.is_demo else ("connections",)
    rates = _all_but(RateSettings, "rates", _OF_THE_START)
    return Applier(
        (*limits, *rates, "policy.*", "migration.*", "cortex.*", *_TABLES, *real),
        take,
        problems,
    )


def credentials(authentication: Authentication) -> Applier:
    """Who is let in, by what: tokens, keys of a provider, certificates and proxies."""
    return Applier(("auth.*", "oauth.*"), authentication.take, authentication.problems)


def pool(warehouse: Warehouse) -> Applier:
    """Threads, sessions and places."""
    covers = _all_but(PoolSettings, "pool", _OF_THE_START)
    return Applier(covers, lambda config: warehouse.take(config.pool))


def exports(spool: Spool) -> Applier:
    """Bounds of exports and what their links begin with."""
    covers = _all_but(ExportSettings, "exports", _OF_THE_START)
    return Applier(
        covers,
        lambda config: spool.take(config.exports),
        lambda config: list(export_problems(config.exports)),
    )


def log_files() -> Applier:
    """When log files are rotated."""
    return Applier(
        ("log.max_bytes", "log.keep_files"),
        lambda config: logs.resize(config.log.max_bytes, config.log.keep_files),
    )


def front_side(front: Front) -> Applier:
    """Who may come in from the network, and what a connection that comes in now may do."""
    covers = _all_but(WebSocketSettings, "websocket", _OF_THE_START)
    return Applier((*_HTTP, *covers), front.take)


def _all_but(section: type, name: str, left: frozenset[str]) -> tuple[str, ...]:
    return tuple(f"{name}.{each.name}" for each in fields(section) if each.name not in left)
