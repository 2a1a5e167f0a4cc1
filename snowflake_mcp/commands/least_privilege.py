"""``snowflake-mcp grants``: the SQL of roles that can do what the configuration asks, no more."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Final

from cryptography.hazmat.primitives import serialization

from snowflake_mcp.config.cortex import AgentService, CortexService, SearchService
from snowflake_mcp.config.model import (
    Config,
    ConnectionSettings,
    PolicySettings,
    PrincipalSettings,
)
from snowflake_mcp.config.narrowing import narrowed
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.policy.objects import Pattern
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.tools.cortex import path_of, services_of
from snowflake_mcp.warehouse.choices import choices_of
from snowflake_mcp.warehouse.identifiers import folded, shown
from snowflake_mcp.warehouse.privileges import POWERFUL

__all__ = ["Wanted", "statements", "wanted"]

_PLACEHOLDER: Final = "<DATABASE>"
_ROWS: Final = "INSERT, UPDATE, DELETE"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A role that somebody's sessions use, and for what."""

    role: str
    warehouse: str
    user: str
    policy: PolicySettings
    database: str = ""
    """The default of the connection; used where no pattern names one."""
    others: tuple[str, ...] = ()
    """Warehouses that may be chosen beside the first."""
    services: tuple[CortexService, ...] = ()
    """Services of Snowflake's AI that these callers have."""


def wanted(config: Config) -> list[Wanted]:
    """The roles of the configuration: the server's own, then those of principals."""
    found: dict[tuple[str, str], Wanted] = {}
    profiles = Profiles(config)
    for profile in ("", *config.principals):
        for place in choices_of(profiles, profile).places:
            settings, counts = profiles.named(place.name), profiles.at(profile, place.name)
            for role in place.roles:
                each = _wanted(settings, role, place.warehouse, counts.policy, place.warehouses)
                services = tuple(
                    service
                    for service in services_of(profiles.opened, counts.policy)
                    if service.connection in ("", place.name)
                )
                _note(found, replace(each, services=services), place.name)
    for tool in config.tools.values():
        settings = profiles.named(tool.connection or config.connection.name)
        named = tool.warehouse or str(settings.parameters.get("warehouse") or "")
        if tool.role:
            policy = narrowed(PrincipalSettings(policy=config.policy), settings).policy
            reads = replace(policy, tier=Tier.READ.word)
            each = _wanted(settings, folded(tool.role), folded(named) if named else "", reads)
            _note(found, each, settings.name)
    return list(found.values())


def _wanted(
    settings: ConnectionSettings,
    role: str,
    warehouse: str,
    policy: PolicySettings,
    warehouses: Sequence[str] = (),
) -> Wanted:
    """All names but the policy's as stored."""
    user, database = (str(settings.parameters.get(name) or "") for name in ("user", "database"))
    more = tuple(shown(name) for name in warehouses if name != warehouse)
    return Wanted(shown(role), shown(warehouse), user, policy, database, more)


def _note(found: dict[tuple[str, str], Wanted], each: Wanted, connection: str) -> None:
    """Once for each connection and role; more warehouses are granted to the one that is there."""
    first = found.setdefault((connection, each.role), each)
    names = dict.fromkeys((*first.others, each.warehouse, *each.others))
    others = tuple(name for name in names if name and name != first.warehouse)
    services = tuple(dict.fromkeys((*first.services, *each.services)))
    found[connection, each.role] = replace(first, others=others, services=services)


def statements(each: Wanted, key: Any = None) -> Iterator[str]:
    """Statements and comments, in the order in which they are to be run.

    ``key`` is the public half of the user's key.
    """
    role = _name(each.role)
    if role in POWERFUL:
        yield f"-- {role} administers the account: name a role of its own in the configuration."
        return
    yield f"-- The role {role}: tier {each.policy.tier}"
    yield "USE ROLE USERADMIN;"
    yield f"CREATE ROLE IF NOT EXISTS {role};"
    if each.user:
        yield from _user(each, role, key)
    yield "USE ROLE SYSADMIN;"
    warehouses = [_name(name) for name in (each.warehouse, *each.others) if name]
    for warehouse in warehouses:
        yield (
            f"CREATE WAREHOUSE IF NOT EXISTS {warehouse} WAREHOUSE_SIZE = XSMALL"
            " AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE;"
        )
    if warehouses:
        yield "USE ROLE SECURITYADMIN;"
    for warehouse in warehouses:
        yield f"GRANT USAGE ON WAREHOUSE {warehouse} TO ROLE {role};"
    if not warehouses:
        yield "USE ROLE SECURITYADMIN;"
        yield "-- No warehouse is configured: sessions have the default of their user."
    for scope in _scopes(each):
        yield from _reading(scope, role)
        yield from _writing(scope, role, tier_named(each.policy.tier))
    yield from _asking(each.services, role)


def _user(each: Wanted, role: str, key: Any) -> Iterator[str]:
    user = _name(each.user)
    defaults = f"DEFAULT_ROLE = {role}"
    if each.warehouse:
        defaults += f" DEFAULT_WAREHOUSE = {_name(each.warehouse)}"
    yield (
        f"CREATE USER IF NOT EXISTS {user} TYPE = SERVICE {defaults} DEFAULT_SECONDARY_ROLES = ();"
    )
    if key is not None:
        der = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        yield f"ALTER USER {user} SET RSA_PUBLIC_KEY = '{base64.b64encode(der).decode()}';"
    yield f"GRANT ROLE {role} TO USER {user};"


def _scopes(each: Wanted) -> list[tuple[str, ...]]:
    """What the rules name, as far as SQL can name it: a database, or a schema in one."""
    found: list[tuple[str, ...]] = []
    for text in each.policy.allow_objects:
        pattern: Pattern | None = Pattern.parse(text)
        longest: tuple[str, ...] = ()
        while pattern is not None:
            # Of two that both have to fit, the one that says more.
            named = takewhile(lambda name: name is not None, pattern.literal[:2])
            longest = max(longest, tuple(shown(name or "") for name in named), key=len)
            pattern = pattern.also
        scope = longest or (_PLACEHOLDER,)
        if scope not in found:
            found.append(scope)
    if not found:
        found.append((_name(each.database) if each.database else _PLACEHOLDER,))
    return found


def _reading(scope: tuple[str, ...], role: str) -> Iterator[str]:
    database = scope[0]
    if database == _PLACEHOLDER:
        yield "-- For every database that may be read, its name in the place of <DATABASE>:"
    yield f"GRANT USAGE ON DATABASE {database} TO ROLE {role};"
    if len(scope) > 1:
        inside = f"SCHEMA {'.'.join(scope)}"
        yield f"GRANT USAGE ON {inside} TO ROLE {role};"
    else:
        inside = f"DATABASE {database}"
        for which in ("ALL", "FUTURE"):
            yield f"GRANT USAGE ON {which} SCHEMAS IN {inside} TO ROLE {role};"
    for which in ("ALL", "FUTURE"):
        for kind in ("TABLES", "VIEWS", "MATERIALIZED VIEWS", "DYNAMIC TABLES"):
            yield f"GRANT SELECT ON {which} {kind} IN {inside} TO ROLE {role};"


def _writing(scope: tuple[str, ...], role: str, tier: Tier) -> Iterator[str]:
    if tier is Tier.READ:
        return
    inside = f"SCHEMA {'.'.join(scope)}" if len(scope) > 1 else f"DATABASE {scope[0]}"
    for which in ("ALL", "FUTURE"):
        yield f"GRANT {_ROWS} ON {which} TABLES IN {inside} TO ROLE {role};"
    if tier >= Tier.DDL:
        schemas = inside if len(scope) > 1 else f"ALL SCHEMAS IN {inside}"
        yield f"GRANT CREATE TABLE, CREATE VIEW ON {schemas} TO ROLE {role};"
        yield "-- What else it may create or change: grant it one by one."
    if tier >= Tier.ADMIN:
        yield "-- Tier admin: grant what it administers one by one; no list can know it."


def _asking(services: Sequence[CortexService], role: str) -> Iterator[str]:
    """What the services of Snowflake's AI need."""
    if not services:
        return
    yield f"GRANT DATABASE ROLE SNOWFLAKE.CORTEX_USER TO ROLE {role};"
    places: dict[str, None] = {}
    grants: dict[str, None] = {}
    for each in services:
        database, schema, name = (shown(part) for part in path_of(each) or ())
        places[f"GRANT USAGE ON DATABASE {database} TO ROLE {role};"] = None
        places[f"GRANT USAGE ON SCHEMA {database}.{schema} TO ROLE {role};"] = None
        if isinstance(each, SearchService):
            what = "USAGE ON CORTEX SEARCH SERVICE"
        elif isinstance(each, AgentService):
            what = "USAGE ON AGENT"
        else:
            what = "SELECT ON SEMANTIC VIEW" if each.semantic_view else "READ ON STAGE"
        grants[f"GRANT {what} {database}.{schema}.{name} TO ROLE {role};"] = None
    yield from (*places, *grants)


def _name(text: str) -> str:
    return shown(folded(text))
