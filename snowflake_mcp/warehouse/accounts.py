"""Which connection, role and virtual warehouse are a caller's, and who logs in there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from snowflake_mcp.config.model import Backend, Config, ConnectionSettings, PrincipalSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.warehouse.choices import choices_of
from snowflake_mcp.warehouse.credentials import Account, SettingsAccount
from snowflake_mcp.warehouse.identifiers import folded
from snowflake_mcp.warehouse.wishes import NO_WISH, Wish, wish_of_service, wish_of_tool

__all__ = ["Accounts", "Seat", "seat_problems"]

_GONE: Final = ToolFailure(
    Family.FORBIDDEN,
    "The settings of this caller are no longer there.",
    "The operator of the server has taken them away; trying again does not help.",
)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where in Snowflake, and as what, a caller's statements run; equal ones see the same."""

    connection: str
    """Its name in the configuration."""
    role: str | None
    """The stored name; ``None``: the one that the connection's login has."""
    warehouse: str | None
    """The stored name; ``None``: the one that the connection's login has."""
    settings: ConnectionSettings = field(compare=False, repr=False)
    """Of the connection, as they count now."""

    @property
    def known_role(self) -> str | None:
        """The stored name of the role, as far as the configuration says it."""
        role = self.settings.parameters.get("role")
        return self.role or (folded(role) if isinstance(role, str) and role else None)


class Accounts:
    """The accounts by the names of their connections, and each caller's seat among them.

    Reactor thread only. The caller's own credential plays no part in it: a seat logs in with
    what the configuration has for its connection.
    """

    def __init__(
        self, own: Account, profiles: Profiles | None = None, others: Iterable[Account] = ()
    ) -> None:
        """``own`` answers all callers whose table names no connection."""
        self.own = own.settings.name
        self._accounts = {each.settings.name: each for each in (own, *others)}
        self._profiles = profiles or Profiles(Config(own.settings))
        self._seats: dict[str, tuple[PrincipalSettings, Seat]] = {}
        """Of callers who ask for nothing beyond, by their table; good for those settings alone."""

    @classmethod
    def configured(cls, config: Config, profiles: Profiles, demo: Account | None) -> "Accounts":
        """Those of the configuration; ``demo`` stands for the server's own where it is that.

        Raises:
            ValueError: a table's role or warehouse cannot be a name.
        """
        if found := seat_problems(config):
            raise ValueError("; ".join(found))
        own = demo or SettingsAccount(config.connection)
        others = [
            SettingsAccount(settings)
            for name, settings in config.connections.items()
            if name != config.connection.name
        ]
        return cls(own, profiles, others)

    @property
    def is_demo(self) -> bool:
        """Whether the embedded demo warehouse answers, which has no other beside it."""
        return self._accounts[self.own].settings.backend is Backend.DEMO

    @property
    def names(self) -> tuple[str, ...]:
        """Of the connections; the server's own comes first."""
        return tuple(self._accounts)

    def knows(self, connection: str, account: Account) -> bool:
        """Whether this is the account of the connection still."""
        return self._accounts.get(connection) is account

    def of(self, connection: str) -> Account:
        """The account of a connection.

        Raises:
            KeyError: there is no such connection.
        """
        return self._accounts[connection]

    @property
    def longest_statement_s(self) -> float:
        """No statement of any caller is meant to run longer."""
        limits = [each.limits for each in self._profiles.all]
        return max(max(each.statement_timeout_s, each.submitted_timeout_s) for each in limits)

    def take(self, connections: Mapping[str, ConnectionSettings]) -> None:
        """From the next login on these are the connections; the server's own is among them."""
        self._seats.clear()
        for name, settings in connections.items():
            account = self._accounts.get(name)
            if account is None:
                self._accounts[name] = SettingsAccount(settings)
            elif isinstance(account, SettingsAccount):
                account.take(settings)
        for name in self._accounts.keys() - {self.own, *connections}:
            del self._accounts[name]

    def seat(self, principal: Principal, wish: Wish = NO_WISH) -> Seat:
        """Where this caller's statements run from now on; ``wish`` is what one asks for beyond.

        Raises:
            ToolFailure: the caller's table is no more, or does not let it choose that.
        """
        profiles, profile = self._profiles, principal.profile
        try:
            table = profiles.of(profile)
            plain = wish is NO_WISH or wish == NO_WISH
            if not plain:
                wish = self._granted(profile, wish)
                table = profiles.at(profile, wish.connection or table.connection or self.own)
        except KeyError:
            raise _GONE.anew() from None
        made = self._seats.get(profile) if plain else None
        if made is not None and made[0] is table:
            return made[1]
        connection = wish.connection or table.connection or self.own
        settings = self._accounts[connection].settings
        role, warehouse = _names(table)
        seat = Seat(connection, wish.role or role, wish.warehouse or warehouse, settings)
        if plain:
            self._seats[profile] = table, seat
        return seat

    def seats(self, profile: str) -> list[Wish]:
        """Every connection and role that callers of a table may have, their own seat first.

        The seats of the operator's tools come last.

        Raises:
            KeyError: there is no such table, or no more.
        """
        found = []
        places = choices_of(self._profiles, profile).places
        for place in places:
            name = "" if place is places[0] else place.name
            found += [Wish(name), *(Wish(name, role) for role in place.roles if role != place.role)]
        others = (Wish(each.connection, each.role) for each in self._operators())
        return list(dict.fromkeys([*found, *others]))

    def tier(self, profile: str, wish: Wish) -> str:
        """How far statements of these callers may go there, in the word of the setting.

        Raises:
            KeyError: there is no such table, or no more.
        """
        own = self._profiles.connection(profile).name
        return self._profiles.at(profile, wish.connection or own).policy.tier

    def _granted(self, profile: str, wish: Wish) -> Wish:
        # Where an operator's own tool or service is, is not the caller's choice.
        if wish in self._operators():
            return wish
        return choices_of(self._profiles, profile).checked(wish)

    def _operators(self) -> list[Wish]:
        """Where the operator has tools and services, whoever calls them."""
        services = self._profiles.opened.services.values()
        return [
            *map(wish_of_tool, self._profiles.tools.values()),
            *map(wish_of_service, services),
        ]

    def wishes(self, principal: Principal) -> list[Wish]:
        """The connections that this caller may choose, its own first.

        Raises:
            ToolFailure: the caller's table is no more.
        """
        try:
            visible = self._profiles.visible(principal.profile)
        except KeyError:
            raise _GONE.anew() from None
        return [NO_WISH, *(Wish(each.name) for each in visible[1:])]


def seat_problems(config: Config) -> list[str]:
    """What of the tables' connections, roles and warehouses cannot be, one line for each."""
    found = [
        f"tools.{each.name}.connection: {each.connection} needs a restart"
        for each in config.tools.values()
        if each.connection and each.connection not in config.connections
    ] + [
        f"cortex.{name}.connection: {each.connection} needs a restart"
        for name, each in config.services.items()
        if each.connection and each.connection not in config.connections
    ]
    for each in config.principals.values():
        if each.connection and each.connection not in config.connections:
            found.append(f"principals.{each.name}.connection: {each.connection} needs a restart")
        try:
            _names(each)
        except ValueError as error:
            found.append(f"principals.{each.name}: role or warehouse: {error}")
    return found


def _names(table: PrincipalSettings) -> tuple[str | None, str | None]:
    """Role and warehouse as Snowflake stores them: the configuration spells them as SQL does."""
    role, warehouse = (folded(name) if name else None for name in (table.role, table.warehouse))
    return role, warehouse
