"""Files of the spool over HTTP, by links that say themselves what they are good for."""

import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.exports.links import PATH, LinkRefused, Links, Ticket
from snowflake_mcp.exports.spool import NAME, TYPES, Spool
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.transports.exchange import Exchange, HeaderList, Refusal, encode_problem
from snowflake_mcp.transports.outlet import Outlet
from snowflake_mcp.transports.tree import Route

__all__ = ["Downloads", "Recorder"]

_PIECE_BYTES: Final = 256 << 10
"""Read at once, in a thread; the next one when the client has taken it."""
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_log = Logger()


class Recorder(Protocol):
    """Who keeps a record of what was fetched; ``ops.audit.Audit`` does."""

    def may_go_on(self) -> bool:
        """Whether something may be done now, as far as its record is concerned."""

    def record(self, event: str, members: Mapping[str, Any]) -> bool:
        """Append a record."""

    def refused_authentication(self, peer: str, credential: str, reason: str) -> None:
        """Somebody was not let in."""


class Downloads:
    """The path ``/exports``: one name below it for each file, and no list. Reactor thread only."""

    def __init__(
        self,
        spool: Spool,
        links: Links,
        clock: IReactorTime,
        metrics: Metrics,
        recorder: Recorder,
    ) -> None:
        self._spool = spool
        self._links = links
        self._clock = clock
        self._metrics = metrics
        self._recorder = recorder
        self._public = spool.settings.links == "signed"

    def routes(self) -> list[Route]:
        """Where files are fetched; nowhere when there are no links."""
        if self._spool.settings.links == "off":
            return []
        return [
            Route(
                PATH,
                {"GET": self.get},
                public=self._public,
                below=lambda name: NAME.fullmatch(name) is not None,
            )
        ]

    def get(self, exchange: Exchange) -> None:
        """Give a file, or a part of it.

        Raises:
            Refusal: the link is not good for it, or nothing may be done now.
        """
        name = exchange.target.removeprefix(PATH).removeprefix("/")
        if not name:
            raise Refusal(404, "not_found", "There is nothing at this path.")
        ticket = self._ticket(exchange, name)
        path = self._spool.path_of(ticket.instance, name)
        if path is None:
            raise _gone()
        if not self._recorder.may_go_on():
            raise Refusal(503, "unavailable", "The audit cannot be written now.")
        sending = _Sending(exchange, ticket, self._spool.threads.run)
        began = self._clock.seconds()

        def over(outcome: str) -> None:
            self._metrics.count("export_downloads", outcome)
            self._recorder.record(
                "export.download",
                {
                    "request_id": exchange.request_id,
                    "principal": ticket.principal,
                    "peer": exchange.peer,
                    "transport": "http",
                    "credential": "signed link" if self._public else "its own",
                    "export": ticket.name,
                    "bytes": sending.sent,
                    "outcome": outcome,
                    "duration_ms": round((self._clock.seconds() - began) * 1_000),
                },
            )

        Deferred.fromCoroutine(sending.run(path)).addCallback(over)

    def _ticket(self, exchange: Exchange, name: str) -> Ticket:
        try:
            ticket = self._links.open(name, exchange.query)
            if not self._public and ticket.principal != exchange.principal.name:
                raise LinkRefused(403, "not_yours", "This link was made for another caller.")
        except LinkRefused as refused:
            self._metrics.count(
                "export_downloads", "expired" if refused.status == 410 else "refused"
            )
            if refused.status == 403:
                self._recorder.refused_authentication(exchange.peer, "export link", refused.code)
            raise Refusal(refused.status, refused.code, refused.message) from None
        return ticket


class _Sending:
    """One file on its way to one client."""

    def __init__(
        self, exchange: Exchange, ticket: Ticket, in_thread: Callable[..., Deferred[Any]]
    ) -> None:
        self._exchange = exchange
        self._ticket = ticket
        self._in_thread = in_thread
        self.sent = 0

    async def run(self, path: Path) -> str:
        """Send it; how that went, as a fixed word. Never raises."""
        try:
            descriptor, size = await self._in_thread(_opened, path)
        except (OSError, RuntimeError):
            # Not there, or the threads have stopped and the process ends.
            gone = _gone()
            self._exchange.respond(gone.status, gone.encode(rpc=False))
            return "gone"
        outlet: Outlet | None = None
        try:
            span = self._span(size)
            if span is None:
                self._exchange.respond(
                    416,
                    encode_problem("range", "The file ends before this range."),
                    headers=(("Content-Range", f"bytes */{size}"),),
                )
                return "refused"
            start, end, status = span
            outlet = self._exchange.stream(
                TYPES[path.suffix[1:]],
                self._headers(start, end, size, status),
                status=status,
                length=end - start,
            )
            if self._exchange.verb != "HEAD":
                await self._pieces(descriptor, start, end, outlet)
        except Exception:  # noqa: BLE001 - nobody awaits this; the client sees a broken connection
            _log.failure("an export could not be sent")
            if outlet is not None:
                outlet.give_up("its file cannot be read")
            return "failed"
        finally:
            with suppress(RuntimeError):
                # The threads may have stopped meanwhile; then the process ends.
                self._in_thread(os.close, descriptor)
        if outlet.closed:
            return "disconnect"
        self._exchange.end_stream()
        return "ok"

    async def _pieces(self, descriptor: int, start: int, end: int, outlet: Outlet) -> None:
        if not await outlet.drained():
            return
        while start < end:
            piece = await self._in_thread(
                os.pread, descriptor, min(_PIECE_BYTES, end - start), start
            )
            if not piece:
                raise OSError("the file has become shorter")
            outlet.write(piece)
            if not await outlet.drained():
                return
            start += len(piece)
            self.sent += len(piece)

    def _span(self, size: int) -> tuple[int, int, int] | None:
        """First byte, the one behind the last, and the status; ``None``: there is no such part."""
        asked = self._exchange.header("range")
        condition = self._exchange.header("if-range")
        found = _RANGE.fullmatch(asked.strip()) if asked is not None else None
        if found is None or (condition is not None and condition != self._tag):
            # More than one range, other units and what is no range are answered with the whole.
            return 0, size, 200
        first, last = found.groups()
        if not first:
            start = max(0, size - int(last)) if last and int(last) else size
            end = size
        else:
            start = int(first)
            end = min(size, int(last) + 1) if last else size
        return (start, end, 206) if start < end else None

    @property
    def _tag(self) -> str:
        return f'"{self._ticket.name}"'

    def _headers(self, start: int, end: int, size: int, status: int) -> HeaderList:
        part = (("Content-Range", f"bytes {start}-{end - 1}/{size}"),) if status == 206 else ()
        return (
            ("Content-Disposition", f'attachment; filename="{self._ticket.name}"'),
            ("Accept-Ranges", "bytes"),
            ("ETag", self._tag),
            *part,
        )


def _opened(path: Path) -> tuple[int, int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    return descriptor, os.fstat(descriptor).st_size


def _gone() -> Refusal:
    return Refusal(404, "not_here", "This file is not kept here any more. Export the result again.")
