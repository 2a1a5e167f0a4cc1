"""Tickets for opening a WebSocket where the client cannot send a header with its credential."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.auth.caller import Caller

__all__ = ["LIFE_S", "Bearer", "Tickets"]

LIFE_S: Final = 30.0
_MOST: Final = 64
"""Tickets that are out at once; the oldest makes room."""
_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who was given a ticket."""

    caller: Caller
    peer: str


class Tickets:
    """Each opens one thing once, within ``LIFE_S`` seconds; reactor thread only.

    A ticket is no credential of the caller's: who reads it in a log or a memory dump later has
    nothing.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._out: OrderedDict[str, tuple[float, Bearer]] = OrderedDict()

    def issue(self, bearer: Bearer) -> str:
        """A new ticket; it may stand in a header and as a subprotocol."""
        ticket = secrets.token_urlsafe(_BYTES)
        self._out[ticket] = (self._clock.seconds() + LIFE_S, bearer)
        if len(self._out) > _MOST:
            self._out.popitem(last=False)
        return ticket

    def holds(self, ticket: str) -> bool:
        """Whether the ticket would open now; it stays what it is."""
        until, _ = self._out.get(ticket, (0.0, None))
        return self._clock.seconds() < until

    def redeem(self, ticket: str) -> Bearer | None:
        """Who had the ticket, which is worth nothing from now on; ``None``: it opens nothing."""
        valid = self.holds(ticket)
        _, bearer = self._out.pop(ticket, (0.0, None))
        return bearer if valid else None
