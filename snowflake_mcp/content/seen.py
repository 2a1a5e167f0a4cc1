"""What clients have asked for of late, so that they can be told when it changes."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from twisted.internet.interfaces import IReactorTime

from snowflake_mcp.protocol.changes import Change, Kind

__all__ = ["LIST", "Seen"]

LIST: Final = ""
"""Stands for the list of resources where otherwise a URI stands."""

INTEREST_S: Final = 1_800.0
"""After its last reading or subscription a resource is looked at for so long."""
MOST: Final = 64
"""Resources of each table that are looked at; the one asked for longest ago makes room."""


@dataclass(slots=True)
class _Sight:
    asked_at: float
    digest: bytes | None = None
    """Of the text that was seen last; ``None`` before the first."""


class Seen:
    """The resources that clients have an interest in; reactor thread only.

    Callers of different tables may see different texts under one URI, so each table has its own.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._sights: dict[str, OrderedDict[str, _Sight]] = {}
        self._tell: Callable[[Iterable[Change]], None] = _nobody

    def tell(self, publish: Callable[[Iterable[Change]], None]) -> None:
        """From now on give changes to ``publish``."""
        self._tell = publish

    def wanted(self, uri: str, profile: str) -> None:
        """A client of a table wants to hear of changes."""
        now = self._clock.seconds()
        sights = self._sights.setdefault(profile, OrderedDict())
        sights.setdefault(uri, _Sight(now)).asked_at = now
        sights.move_to_end(uri)
        if len(sights) > MOST:
            sights.popitem(last=False)

    def read(self, uri: str, profile: str, text: str) -> None:
        """A client of a table was given this text; whoever of it saw another one is told."""
        self.wanted(uri, profile)
        self.found(uri, profile, text)

    def found(self, uri: str, profile: str, text: str) -> None:
        """The resource now has this text for callers of a table, or "": it does not exist."""
        sights = self._sights.get(profile)
        sight = None if sights is None else sights.get(uri)
        if sight is None:
            return
        before, sight.digest = sight.digest, hashlib.sha256(text.encode()).digest()
        if before is not None and before != sight.digest:
            kind: Kind = "resources" if uri == LIST else "resource"
            self._tell([Change(kind, uri, profile)])

    def due(self) -> list[tuple[str, str]]:
        """The URIs to look at, each with the table of those who want to hear of it.

        ``LIST`` is among them if clients have listed resources.
        """
        since = self._clock.seconds() - INTEREST_S
        for sights in self._sights.values():
            for uri in [uri for uri, sight in sights.items() if sight.asked_at < since]:
                del sights[uri]
        self._sights = {profile: sights for profile, sights in self._sights.items() if sights}
        return [(uri, profile) for profile, sights in self._sights.items() for uri in sights]

    def forget(self, profile: str) -> None:
        """There are no callers of this table any more."""
        self._sights.pop(profile, None)


def _nobody(_: Iterable[Change]) -> None:
    """Before the server has started nobody can have asked to hear."""
