"""What clients have asked for of late, so that they can be told when it changes."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.protocol.changes import Change

__all__ = ["LIST", "Seen"]

LIST: Final = ""
"""Stands for the list of resources where otherwise a URI stands."""

INTEREST_S: Final = 1_800.0
"""After its last reading or subscription a resource is looked at for so long."""
MOST: Final = 64
"""Resources that are looked at; the one asked for longest ago makes room."""


@dataclass(slots=True)
class _Sight:
    asked_at: float
    digest: bytes | None = None
    """Of the text that was seen last; ``None`` before the first."""


class Seen:
    """The resources that clients have an interest in; reactor thread only."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._sights: OrderedDict[str, _Sight] = OrderedDict()
        self._tell: Callable[[Iterable[Change]], None] = _nobody

    def tell(self, publish: Callable[[Iterable[Change]], None]) -> None:
        """From now on give changes to ``publish``."""
        self._tell = publish

    def wanted(self, uri: str) -> None:
        """A client wants to hear of changes."""
        now = self._clock.seconds()
        self._sights.setdefault(uri, _Sight(now)).asked_at = now
        self._sights.move_to_end(uri)
        if len(self._sights) > MOST:
            self._sights.popitem(last=False)

    def read(self, uri: str, text: str) -> None:
        """A client was given this text; whoever saw another one is told."""
        self.wanted(uri)
        self.found(uri, text)

    def found(self, uri: str, text: str) -> None:
        """The resource now has this text, or "" when it does not exist."""
        sight = self._sights.get(uri)
        if sight is None:
            return
        before, sight.digest = sight.digest, hashlib.sha256(text.encode()).digest()
        if before is not None and before != sight.digest:
            self._tell([Change("resources") if uri == LIST else Change("resource", uri)])

    def due(self) -> list[str]:
        """The URIs to look at, ``LIST`` among them if clients have listed resources."""
        since = self._clock.seconds() - INTEREST_S
        for uri in [uri for uri, sight in self._sights.items() if sight.asked_at < since]:
            del self._sights[uri]
        return list(self._sights)


def _nobody(_: Iterable[Change]) -> None:
    """Before the server has started nobody can have asked to hear."""
