"""What there is in an account, by name: read in the background, kept for all who see the same."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.config.catalog import CatalogSettings
from snowflake_mcp.protocol.errors import ToolFailure
from snowflake_mcp.protocol.trail import Trail
from snowflake_mcp.warehouse.catalog import Asker, Statements
from snowflake_mcp.warehouse.closeness import differences, inside, near
from snowflake_mcp.warehouse.crawling import OBJECTS, Crawl
from snowflake_mcp.warehouse.ranking import Found, Question, find

__all__ = ["Contents", "Directory", "Reader", "said"]

_log = Logger()

P = ParamSpec("P")
T = TypeVar("T")

READER: Final = "catalog reading"
"""Whose sessions read it; no caller has such a name."""
_STALEST_S: Final = 6.0
"""Lists older than so many times ``refresh_s`` are not given out while others are read."""


class Reader(Statements, Protocol):
    """What runs statements, and work that blocks for a moment; ``service.Warehouse`` does."""

    def aside(self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Deferred[T]":
        """Run it in a thread."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found, and what was not looked at."""

    tables: tuple[Any, ...] = ()
    """Of Arrow, as ``warehouse.shelf`` makes them."""
    read_at: float = 0.0
    """Seconds of the reactor's clock when the reading began."""
    gaps: tuple[str, ...] = ()
    """What is missing, in a few words each."""
    stale: bool = False
    """A statement of ours has changed something since."""

    @property
    def objects(self) -> int:
        """How many there are in it."""
        return sum(table.num_rows for table in self.tables)


@dataclass(slots=True)
class _Load:
    """One reading under way, and those who wait for its end."""

    crawl: Crawl
    read_at: float
    waiting: list["Deferred[None]"] = field(default_factory=list)
    failure: ToolFailure | None = None
    outdated: bool = False
    """Something was changed while it was read."""

    def so_far(self) -> Contents:
        return Contents(tuple(self.crawl.tables), self.read_at, ("still being read",))


_Key = tuple[str, str | None, str]


class Directory:
    """The names of an account's objects; reactor thread only.

    Kept for each connection and role, without regard to anybody's rules: whoever answers from it
    asks the rules of its asker about each path. A reading is for all and goes on when the one who
    began it has left; it ends by its own time limit or with the warehouse.
    """

    def __init__(
        self, warehouse: Reader, clock: IReactorTime, settings: CatalogSettings | None = None
    ) -> None:
        self._warehouse = warehouse
        self._clock = clock
        self._settings = settings or CatalogSettings()
        self._kept: OrderedDict[_Key, Contents] = OrderedDict()
        self._loads: dict[_Key, _Load] = {}
        self._on_refresh: list[Callable[[Contents, Contents], None]] = []
        self._on_change: list[Callable[[str], None]] = []

    def on_refresh(self, tell: Callable[[Contents, Contents], None]) -> None:
        """Tell what was and what is found, after each reading anew."""
        self._on_refresh.append(tell)

    def on_change(self, tell: Callable[[str], None]) -> None:
        """Tell the connection, after each statement of ours that changes objects."""
        self._on_change.append(tell)

    def age_s(self, contents: Contents) -> float:
        """How old what it tells is."""
        return max(0.0, self._clock.seconds() - contents.read_at)

    @property
    def objects(self) -> int:
        """How many names are kept."""
        return self._total()

    def fresh(self, asker: Asker) -> Contents | None:
        """What is kept for this asker, if it is all, young, and nothing has changed since.

        Raises:
            ToolFailure: the asker's settings are no more.
        """
        kept = self.known(asker)
        if kept is None or kept.stale or kept.gaps:
            return None
        return kept if self.age_s(kept) < self._settings.refresh_s else None

    def known(self, asker: Asker, words: str = OBJECTS) -> Contents | None:
        """What is kept for this asker, if it is not too old; sends nothing.

        Raises:
            ToolFailure: the asker's settings are no more.
        """
        kept = self._kept.get(self._key(asker, words))
        return kept if kept is not None and self._usable(kept) else None

    async def contents(
        self, asker: Asker, wait_s: float, words: str = OBJECTS, kind: str = "", first: str = ""
    ) -> Contents:
        """What there is, waiting at most so long where nothing usable is kept.

        What is there already is given at once; when it is older than ``catalog.refresh_s``, it
        is read anew behind its back. ``words`` is what SHOW calls other kinds of objects,
        ``kind`` the word for one of them; ``first`` is the database to begin with.

        Raises:
            ToolFailure: nothing is kept, and Snowflake or the way to it failed.
            CancelledError: the caller was cancelled; the reading goes on.
        """
        key = self._key(asker, words)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            if not kept.stale and self.age_s(kept) < self._settings.refresh_s:
                return kept
        load = self._loads.get(key) or self._begin(key, asker, words, kind, first)
        if kept is not None and not kept.stale and self._usable(kept):
            return kept
        await self._end_of(load, wait_s)
        now = self._kept.get(key)
        if now is not None and self._usable(now):
            return now
        if load.failure is not None:
            raise load.failure
        return load.so_far()

    async def search(self, contents: Contents, question: Question) -> Found:
        """Look for something in it, in a thread."""
        return await self._warehouse.aside(find, contents.tables, question)

    async def near(
        self,
        contents: Contents,
        path: tuple[str, ...],
        shows: Callable[[tuple[str, ...]], bool],
        most: int,
    ) -> list[tuple[str, ...]] | None:
        """Paths close to one that is missing, in a thread; ``None``: it is not missing here."""
        return await self._warehouse.aside(near, contents.tables, path, shows, most)

    async def differences(self, before: Contents, after: Contents) -> list[tuple[str, ...]]:
        """Paths of what came, went, was made anew or has another comment, in a thread."""
        return await self._warehouse.aside(differences, before.tables, after.tables)

    async def inside(self, contents: Contents, place: tuple[str, ...]) -> list[str]:
        """The stored names of what is in a place, in their order, in a thread."""
        return await self._warehouse.aside(inside, contents.tables, place)

    def changed(self, connection: str) -> None:
        """A statement of ours has changed what there is behind a connection."""
        for key in [key for key in self._kept if key[0] == connection]:
            self._kept[key] = replace(self._kept[key], stale=True)
        for key, load in self._loads.items():
            load.outdated = load.outdated or key[0] == connection
        for tell in self._on_change:
            tell(connection)

    def _key(self, asker: Asker, words: str) -> _Key:
        seat = self._warehouse.seat(asker.principal, asker.wish)
        return seat.connection, seat.role, words

    def _usable(self, contents: Contents) -> bool:
        return self.age_s(contents) < self._settings.refresh_s * _STALEST_S

    def _begin(self, key: _Key, asker: Asker, words: str, kind: str, first: str) -> _Load:
        settings = self._settings
        crawl = Crawl(
            self._warehouse,
            # It is for all, on a session of the server's own: whoever asks first may have left
            # before it ends, and is not to pay for it.
            replace(
                asker,
                principal=replace(asker.principal, name=READER),
                tag={"server": asker.tag.get("server", ""), "method": READER},
                trail=Trail(),
            ),
            self._clock,
            words=words,
            kind=kind,
            first=first,
            max_objects=settings.max_objects,
            timeout_s=settings.load_timeout_s,
        )
        load = self._loads[key] = _Load(crawl, self._clock.seconds())
        Deferred.fromCoroutine(self._load(key, load))
        return load

    async def _load(self, key: _Key, load: _Load) -> None:
        try:
            gaps = await load.crawl.run()
            self._keep(key, load, gaps)
        except CancelledError:
            raise
        except ToolFailure as failure:
            load.failure = failure
            if key not in self._kept and load.crawl.tables:
                # Better some of it than nothing; the next one who asks has it read again.
                load.outdated = True
                self._keep(key, load, [f"the reading was broken off ({failure.family.value})"])
            _log.info("cannot read the catalog: {family}", family=failure.family.value)
        except Exception:  # noqa: BLE001 - those who wait must be let go, whatever it is
            _log.failure("reading the catalog failed")
        finally:
            del self._loads[key]
            waiting, load.waiting = load.waiting, []
            for each in waiting:
                each.callback(None)

    def _keep(self, key: _Key, load: _Load, gaps: Sequence[str]) -> None:
        before = self._kept.pop(key, None)
        new = Contents(tuple(load.crawl.tables), load.read_at, tuple(gaps), load.outdated)
        self._kept[key] = new
        while len(self._kept) > 1 and self._total() > self._settings.max_objects:
            self._kept.popitem(last=False)
        if before is not None:
            for tell in self._on_refresh:
                tell(before, new)

    def _total(self) -> int:
        return sum(contents.objects for contents in self._kept.values())

    async def _end_of(self, load: _Load, wait_s: float) -> None:
        if load not in self._loads.values():
            return
        place: Deferred[None] = Deferred(lambda _: load.waiting.remove(place))

        def enough() -> None:
            load.waiting.remove(place)
            place.callback(None)

        load.waiting.append(place)
        timer = self._clock.callLater(wait_s, enough)
        try:
            await place
        finally:
            if timer.active():
                timer.cancel()


def said(gaps: Iterable[str]) -> str | None:
    """What is missing, as one text."""
    return "; ".join(dict.fromkeys(gaps)) or None
