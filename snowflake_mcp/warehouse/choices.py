"""Which connections, roles and warehouses a caller may choose, by the operator's settings."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from snowflake_mcp.config.model import ConnectionSettings, PrincipalSettings
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.protocol.errors import Family, ToolFailure
from snowflake_mcp.warehouse.identifiers import folded, shown
from snowflake_mcp.warehouse.visible import plain
from snowflake_mcp.warehouse.wishes import Wish

__all__ = ["Choices", "Place", "choices_of"]


@dataclass(frozen=True, slots=True)
class Place:
    """A connection as the callers of a table see it."""

    name: str
    description: str
    role: str
    """The stored name of the role that counts when none is chosen; empty: the login's own."""
    warehouse: str
    roles: tuple[str, ...]
    """Stored names of all that may be chosen, ``role`` first where it is known."""
    warehouses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the callers of a table may choose; their own connection comes first."""

    places: tuple[Place, ...]

    @property
    def connections(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(place.name for place in self.places)

    def names(self, kind: str) -> tuple[str, ...]:
        """All that the argument ``kind`` may be, as callers spell it; empty: there is no choice."""
        if kind == "connection":
            return self.connections if len(self.places) > 1 else ()
        if not any(_are_more(place, kind) for place in self.places):
            return ()
        stored = [name for place in self.places for name in _of(place, kind)]
        return tuple(shown(name) for name in dict.fromkeys(stored))

    def checked(self, wish: Wish) -> Wish:
        """The wish without what is the caller's own anyway.

        Raises:
            ToolFailure: it may not be chosen; the failure names what may.
        """
        place = self._place(wish.connection)
        for kind in ("role", "warehouse"):
            name = getattr(wish, kind)
            if name and name not in _of(place, kind):
                raise _refused(kind, shown(name), map(shown, _of(place, kind)), place.name)
        return Wish(
            "" if place is self.places[0] else place.name,
            "" if wish.role == place.role else wish.role,
            "" if wish.warehouse == place.warehouse else wish.warehouse,
        )

    def _place(self, name: str) -> Place:
        if not name:
            return self.places[0]
        found = next((place for place in self.places if place.name == name), None)
        if found is None:
            raise _refused("connection", name, self.connections)
        return found


def choices_of(profiles: Profiles, profile: str) -> Choices:
    """What the callers of a table may choose now.

    Raises:
        KeyError: there is no such table, or no more.
        ValueError: a role or warehouse in the settings cannot be a name.
    """
    return Choices(
        tuple(
            _seen(profiles.at(profile, settings.name), settings)
            for settings in profiles.visible(profile)
        )
    )


def _seen(counts: PrincipalSettings, settings: ConnectionSettings) -> Place:
    policy, here = counts.policy, settings.policy
    role = _own("role", counts.role, settings.parameters)
    warehouse = _own("warehouse", counts.warehouse, settings.parameters)
    return Place(
        settings.name,
        settings.description,
        role,
        warehouse,
        _allowed(role, policy.allow_roles, here.allow_roles),
        _allowed(warehouse, policy.allow_warehouses, here.allow_warehouses),
    )


def _own(kind: str, said: str, parameters: Mapping[str, object]) -> str:
    name = said or parameters.get(kind)
    return folded(name) if isinstance(name, str) and name else ""


def _allowed(own: str, wanted: Iterable[str], here: Iterable[str]) -> tuple[str, ...]:
    narrowing = frozenset(map(folded, here))
    names = [name for name in map(folded, wanted) if not narrowing or name in narrowing]
    return tuple(dict.fromkeys([*([own] if own else []), *names]))


def _of(place: Place, kind: str) -> tuple[str, ...]:
    return place.roles if kind == "role" else place.warehouses


def _are_more(place: Place, kind: str) -> bool:
    """Whether leaving the argument out is not the same as the only choice."""
    own = place.role if kind == "role" else place.warehouse
    return any(name != own for name in _of(place, kind))


def _refused(kind: str, given: str, allowed: Iterable[str], connection: str = "") -> ToolFailure:
    names = ", ".join(plain(name, 200) for name in allowed)
    where = f" on connection {plain(connection, 64)}" if connection else ""
    expected = f"expected one of {names}" if names else "there is none to choose"
    return ToolFailure(
        Family.INVALID_ARGUMENT,
        f"{kind}: {expected}{where}, got {plain(given, 80)}.",
        f"Leave {kind} out for the caller's own. The operator sets which may be chosen "
        f"(policy.allow_{kind}s).",
        details={"rule": f"{kind}-not-allowed"},
    )
