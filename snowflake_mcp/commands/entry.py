"""A login as the server would make it, and what the session then may and may not."""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any, Final

from cryptography.hazmat.primitives import serialization

from snowflake_mcp.commands.findings import Finding
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.policy.tiers import Tier, tier_named
from snowflake_mcp.warehouse import connect
from snowflake_mcp.warehouse.choices import choices_of
from snowflake_mcp.warehouse.credentials import revealed
from snowflake_mcp.warehouse.errors import classify
from snowflake_mcp.warehouse.identifiers import folded, shown
from snowflake_mcp.warehouse.privileges import read_grants

__all__ = ["enter", "public_key", "public_key_fingerprint"]

Row = dict[str, str]
Asking = Callable[[str], list[Row]]

_CONTEXT: Final = (
    "SELECT CURRENT_USER(), CURRENT_ROLE(), CURRENT_WAREHOUSE(), CURRENT_DATABASE(),"
    " CURRENT_SCHEMA()"
)
_REMEDIES: Final[Mapping[str, str]] = {
    "role": "GRANT ROLE {name} TO USER {user}; see: snowflake-mcp grants",
    "warehouse": "GRANT USAGE ON WAREHOUSE {name} TO ROLE {role}; see: snowflake-mcp grants",
    "database": "GRANT USAGE ON DATABASE {name} TO ROLE {role}; see: snowflake-mcp grants",
    "schema": "GRANT USAGE ON SCHEMA {name} TO ROLE {role}; see: snowflake-mcp grants",
}


def public_key(parameters: Mapping[str, object]) -> Any:
    """The public half of the connection's private key; ``None`` without one.

    Raises:
        CredentialUnusableError: it cannot be opened any more.
    """
    if "private_key" not in parameters:
        return None
    kept = ("private_key", "private_key_password")
    clear = revealed({name: parameters[name] for name in kept if name in parameters})
    der: Any = clear["private_key"]
    return serialization.load_der_private_key(der, None).public_key()


def public_key_fingerprint(key: Any) -> str:
    """As DESCRIBE USER shows it in RSA_PUBLIC_KEY_FP."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def enter(config: Config) -> Iterator[Finding]:
    """Log in and look round; one session, closed at the end. Blocks."""
    parameters = config.connection.parameters
    key = public_key(parameters)
    if key is not None:
        yield Finding(
            "key",
            "ok",
            f"its public half is {public_key_fingerprint(key)}",
            "DESCRIBE USER shows the same as RSA_PUBLIC_KEY_FP or RSA_PUBLIC_KEY_2_FP.",
        )
    bounds = connect.Bounds(config.pool.login_timeout_s, config.limits.statement_timeout_s)
    try:
        connection = connect.open_session(parameters, bounds)
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is the finding
        trouble = classify(error, "login")
        yield Finding("login", "fail", trouble.message, trouble.hint)
        return
    with closing(connection):
        yield from _look_round(config, connection)
    for role in _others(config):
        yield _other(config, role, bounds)


def _others(config: Config) -> list[str]:
    """Roles beside the server's own that somebody may have on its connection, as stored."""
    profiles, name = Profiles(config), config.connection.name
    found = [
        role
        for profile in ("", *config.principals)
        for place in choices_of(profiles, profile).places
        if place.name == name
        for role in place.roles
    ]
    found += [
        folded(tool.role)
        for tool in config.tools.values()
        if tool.role and tool.connection in ("", name)
    ]
    own = config.connection.parameters.get("role")
    stored = folded(own) if isinstance(own, str) and own else ""
    return [role for role in dict.fromkeys(found) if role != stored]


def _other(config: Config, role: str, bounds: connect.Bounds) -> Finding:
    """Whether the user may have a role that somebody is to have; one session, closed again."""
    parameters = config.connection.parameters
    try:
        connection = connect.open_session(parameters, bounds, role=role)
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is the finding
        user = parameters.get("user")
        remedy = _REMEDIES["role"].format(name=shown(role), user=user)
        return Finding("other role", "fail", f"{shown(role)}: {_told(error)}", remedy)
    with closing(connection):
        return Finding("other role", "ok", f"{shown(role)} may be had")


def _told(error: Exception) -> str:
    return classify(error, "login").message


def _look_round(config: Config, connection: Any) -> Iterator[Finding]:
    ask = _asking(connection)
    try:
        (row,) = ask(_CONTEXT)
        user, role, warehouse, database, schema = row.values()
        yield Finding("login", "ok", f"logged in as {user}")
        have = {"role": role, "warehouse": warehouse, "database": database, "schema": schema}
        for name, value in have.items():
            yield _context(name, value, have, user, config.connection.parameters.get(name))
        yield _databases(ask)
        yield _grants(config, ask, role)
    except Exception as error:  # noqa: BLE001 - whatever the driver raises is the finding
        trouble = classify(error, "statement")
        yield Finding("session", "fail", trouble.message, trouble.hint)


def _context(
    name: str, value: str | None, have: Mapping[str, str | None], user: str, wanted: object
) -> Finding:
    """Whether the session stands where the configuration says."""
    if not wanted:
        needed = name in {"role", "warehouse"}
        said = value or "none"
        return Finding(
            name,
            "ok" if value or not needed else "warn",
            f"{said}, by the user's default",
            "" if value or not needed else f"Name a {name} in the connection.",
        )
    stored = folded(str(wanted))
    if value is not None and value == stored:
        return Finding(name, "ok", value)
    remedy = _REMEDIES[name].format(name=wanted, user=user, role=have["role"])
    there = value or "none"
    return Finding(name, "fail", f"the connection names {wanted}, the session has {there}", remedy)


def _databases(ask: Asking) -> Finding:
    count = len(ask("SHOW DATABASES LIMIT 1000"))
    if count:
        return Finding("databases", "ok", f"{count} to be seen")
    return Finding(
        "databases",
        "fail",
        "none to be seen",
        "The role has USAGE on no database; see: snowflake-mcp grants",
    )


def _grants(config: Config, ask: Asking, role: str | None) -> Finding:
    async def answered(sql: str) -> list[Row]:
        return [{"on": row.get("granted_on", ""), **row} for row in ask(sql)]

    reading = read_grants(role or "PUBLIC", answered)
    try:
        reading.send(None)
    except StopIteration as ended:
        found = ended.value
    else:
        raise RuntimeError("nothing in here waits")
    if not found.writing:
        return Finding("grants", "ok", found.in_words)
    if tier_named(config.policy.tier) is not Tier.READ:
        return Finding("grants", "ok", f"{found.in_words}; policy.tier is {config.policy.tier}")
    return Finding(
        "grants",
        "warn",
        found.in_words,
        "A server that only reads wants a role that can only read: snowflake-mcp grants",
    )


def _asking(connection: Any) -> Asking:
    def ask(sql: str) -> list[Row]:
        with closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            names = [column[0].lower() for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    return ask
