"""Every URL of the server in one table."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from snowflake_mcp.transports.exchange import Exchange, Refusal

__all__ = ["Endpoint", "Route", "Tree"]

Endpoint = Callable[[Exchange], None]
"""Answers an exchange, now or later; may raise ``Refusal`` before it has begun to answer."""


@dataclass(frozen=True, slots=True)
class Route:
    """One path and what it does."""

    path: str
    methods: Mapping[str, Endpoint]
    """By HTTP method; HEAD follows GET. Every POST takes a JSON body."""
    upgrade: Endpoint | None = None
    """Answers ``GET`` with ``Upgrade: websocket``."""
    accepts: tuple[str, ...] = ()
    """Types that a client must accept when it posts; none for plain REST."""
    rpc: bool = False
    """Whether refusals on this path are JSON-RPC errors."""
    public: bool = False
    """Whether it is answered without asking who calls; it must then tell nothing."""
    admits: Callable[[Exchange], bool] | None = None
    """Who may know of this path; for everybody else there is nothing here. ``None``: all."""
    below: Callable[[str], bool] | None = None
    """Whether a name behind this path and a slash is answered as the path itself is."""
    cors: bool = True
    """Whether pages of other, configured origins may read its answers."""

    @property
    def allowed(self) -> list[str]:
        """The methods for an Allow header; an upgrade is no method, so it adds none."""
        return sorted({*self.methods, "HEAD"} if "GET" in self.methods else self.methods)

    def endpoint(self, verb: str, *, upgrades: bool) -> Endpoint:
        """What answers this method.

        Raises:
            Refusal: 405 with Allow.
        """
        if self.upgrade is not None and verb == "GET" and upgrades:
            return self.upgrade
        found = self.methods.get("GET" if verb == "HEAD" else verb)
        if found is None:
            raise Refusal(
                405,
                "method_not_allowed",
                "This path does not take that method.",
                (("Allow", ", ".join(self.allowed)),),
            )
        return found


class Tree:
    """The path table: exact paths, and what a route has below it; no trailing slash."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[str, Route] = {}
        for route in routes:
            if route.path in self._routes:
                raise ValueError(f"two routes for {route.path}")
            self._routes[route.path] = route

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes.values())

    def find(self, path: str) -> Route | None:
        """The route of a path, or ``None``."""
        exact = self._routes.get(path)
        if exact is not None:
            return exact
        above, _, name = path.rpartition("/")
        route = self._routes.get(above)
        return (
            route if route is not None and route.below is not None and route.below(name) else None
        )
