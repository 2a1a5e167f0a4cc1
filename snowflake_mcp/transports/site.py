"""The HTTP server behind every listening port: who may pass, what is logged, how it stops."""

# mypy: allow-untyped-calls

from collections.abc import Mapping
from typing import Final, cast

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.web import http

from snowflake_mcp.auth.caller import Caller, Found
from snowflake_mcp.ops.access import REQUEST, AccessLogger
from snowflake_mcp.ops.metrics import Counter, Metrics
from snowflake_mcp.transports.answering import GONE, Answering
from snowflake_mcp.transports.callers import Callers
from snowflake_mcp.transports.channel import Channel
from snowflake_mcp.transports.crowd import Crowd
from snowflake_mcp.transports.exchange import Refusal
from snowflake_mcp.transports.guard import Guard, check_accept, check_content
from snowflake_mcp.transports.headers import Cors
from snowflake_mcp.transports.heads import Fields
from snowflake_mcp.transports.llhttp import LlhttpChannel
from snowflake_mcp.transports.proxies import Proxies
from snowflake_mcp.transports.request import Request
from snowflake_mcp.transports.tree import Endpoint, Route, Tree
from snowflake_mcp.transports.twisted_web import TwistedChannel

__all__ = ["Site"]

_SHOWN_CHARS: Final = 200
_PROBES: Final = "/health"
_WELL_KNOWN: Final = "/.well-known/"
_LIMITS: Final = {408: "request_time", 413: "body"}
"""Answers that are a limit's doing, and its name in the metrics."""
_CHANNELS: Final[Mapping[str, type[Channel]]] = {
    "llhttp": LlhttpChannel,
    "twisted": TwistedChannel,
}
"""What reads a connection, by ``http.parser``."""
_EXCHANGE: Final = "{path} {status} in {duration_s:.3f} s, {sent_bytes} bytes"
_ALONE: Final = f"{{method}} {_EXCHANGE}"
_WITH_REQUEST: Final = f"{REQUEST}, {{http_method}} {_EXCHANGE}"
_log = AccessLogger()


class Site(http.HTTPFactory):
    """Our ``twisted.web`` factory; reactor thread only.

    ``callers`` identifies those whose host and origin have been accepted.
    """

    def __init__(
        self,
        tree: Tree,
        guard: Guard,
        cors: Cors,
        clock: IReactorTime,
        metrics: Metrics,
        proxies: Proxies,
        callers: Callers,
        *,
        crowd: Crowd,
        max_body_bytes: int,
        max_unsent_bytes: int = 8 << 20,
        client_name: str = "common_name",
        idle_timeout_s: float,
        parser: str = "llhttp",
        every_line: bool = True,
    ) -> None:
        """Take the parts and the settings; without ``every_line`` what went well has none.

        Raises:
            ValueError: there is no such parser.
        """
        if parser not in _CHANNELS:
            raise ValueError(f"http.parser: {parser!r} is none of {', '.join(_CHANNELS)}")
        self.protocol = _CHANNELS[parser]  # type: ignore[assignment]  # the base names its own wrapper
        super().__init__(timeout=idle_timeout_s, reactor=clock)
        self.tree = tree
        self.clock = clock
        self.proxies = proxies
        self.client_name = client_name
        self.every_line = every_line
        self.crowd = crowd
        self.callers = callers
        self.draining = False
        self.channels: set[Channel] = set()
        self.take(guard, cors, max_body_bytes, max_unsent_bytes)
        self._metrics = metrics
        self._sent_bytes = metrics.counter("http_sent_bytes")
        self._answers = _Answers(metrics)

    def take(self, guard: Guard, cors: Cors, max_body_bytes: int, max_unsent_bytes: int) -> None:
        """From the next request on these count."""
        self._guard = guard
        self.cors = cors
        self.max_body_bytes = max_body_bytes
        self.max_unsent_bytes = max_unsent_bytes

    @property
    def too_large(self) -> Refusal:
        """The refusal of a body that is longer than that."""
        return Refusal(
            413, "too_large", f"The request body is larger than {self.max_body_bytes} bytes."
        )

    def buildProtocol(self, addr: IAddress | None) -> Channel:  # type: ignore[override]  # the base promises its own wrapper
        """A channel for a new connection."""
        return cast(Channel, super().buildProtocol(addr))

    def has_room(self, address: str | None) -> bool:
        """Whether somebody at this address may connect; asked before anything is made for it."""
        return self.crowd.has_room(address)

    def startFactory(self) -> None:
        """Nothing: the base class would open a log file and run a timer for its time stamps."""

    def stopFactory(self) -> None:
        """Nothing to undo."""

    def judge(self, request: Request, length: int | None) -> Endpoint | None:
        """What answers a request of which only the headers have been read.

        ``None``: who calls is not known yet; once it is, ``choose`` tells. ``length`` is the
        body's, ``None`` where it is open.

        Raises:
            Refusal: the first check that fails: host, origin, caller, path, method, types, length.
        """
        head = request.head
        endpoint: Endpoint | None
        if (
            head.tree is self.tree
            and head.guard is self._guard
            and (caller := self.callers.again(head)) is not None
        ):
            # It was good before, for this caller, by the settings that count now.
            request.caller, request.principal = caller, caller.principal
            request.route, endpoint = head.route, head.endpoint
        else:
            endpoint = self._judge(request)
        if length is not None and length > self.max_body_bytes:
            raise self.too_large
        return endpoint

    def _judge(self, request: Request) -> Endpoint | None:
        """As ``judge``, from the beginning and without the length.

        A preflight never has a credential, and a look for metadata comes before one.
        """
        head, fields = request.head, request.fields
        route = request.route = self.tree.find(request.target)
        if head.guard is not self._guard:
            self._guard.check(
                fields.get("host", ()), fields.get("origin", ()), request.local_address()
            )
            head.guard = self._guard
        if request.verb == "OPTIONS" and route is not None and route.cors:
            preflight = self.cors.preflight_headers(
                request.header("origin"),
                request.header("access-control-request-headers") or "",
                route.allowed,
            )
            if preflight is not None:
                return lambda exchange: exchange.respond(204, headers=preflight)
        # Found before, it was asked for at this path, by the settings that count now.
        found: Found | None = self.callers.again(head)
        if found is not None or not self._is_open(request):
            found = found or self.callers.identify(request)
            if not isinstance(found, Caller):
                request.identify = found
                return None
            request.identify_as(found)
        return self.choose(request)

    def choose(self, request: Request) -> Endpoint:
        """What answers a request whose caller is known.

        Raises:
            Refusal: the first check that fails: path, method, types.
        """
        route, head = request.route, request.head
        if route is None or (route.admits is not None and not route.admits(request)):
            raise Refusal(404, "not_found", "There is nothing at this path.")
        if head.endpoint is None or head.route is not route:
            head.endpoint, head.route = _suitable(route, head.verb, request.fields), route
        if route.admits is None and route.path == head.target and head.verb != "OPTIONS":
            # No more to ask about this path as long as the table is the same one.
            head.tree = self.tree
        return head.endpoint

    def _is_open(self, request: Request) -> bool:
        """Whether it does not matter who asks."""
        route = request.route
        if route is None:
            return request.target.startswith(_WELL_KNOWN)
        return route.public or self.callers.is_open(request.target)

    def record(self, request: Answering, status: int) -> None:
        """Write the access-log event of a request and count it.

        Of the MCP or REST request that it carried the same event tells, where that has ended.
        """
        self._count(status, request.sent_bytes)
        said = request.told
        if said is not None:
            form = _WITH_REQUEST
            said["http_method"] = request.verb
            said["http_request_id"] = request.request_id
        elif status < 400 and not self.every_line:
            return
        elif status == 200 and request.target.startswith(_PROBES):
            # Asked for every few seconds by machines, and a line costs more than the answer.
            return
        else:
            form = _ALONE
            said = {"method": request.verb[:_SHOWN_CHARS], "request_id": request.request_id}
        said.update(
            path=request.target[:_SHOWN_CHARS],
            status=status,
            duration_s=self.clock.seconds() - request.began_s,
            sent_bytes=request.sent_bytes,
            received_bytes=request.received_bytes,
            peer=request.peer,
            caller=request.principal.name,
        )
        _log.tell(form, said)

    def record_unparsed(self, channel: Channel, status: int) -> None:
        """Write the access-log event of bytes that were no request."""
        self._count(status)
        _log.info(
            "unreadable request answered {status}",
            status=status,
            peer=str(getattr(channel.getPeer(), "host", "local")),
        )

    def close_idle(self) -> None:
        """From now on no connection outlives its request; those that expect none close at once."""
        self.draining = True
        for channel in list(self.channels):
            if not channel.busy and not channel.expectant:
                channel.loseConnection()

    def expects_requests(self) -> bool:
        """Whether a client may have sent one that has not been read to its end."""
        return any(channel.expectant for channel in self.channels)

    def abort_all(self) -> None:
        """Drop every HTTP connection, whatever it is doing."""
        for channel in list(self.channels):
            channel.abort()

    def counts(self) -> dict[str, int]:
        """For /status: open HTTP connections, and how many have a request on them."""
        busy = sum(channel.busy for channel in self.channels)
        return {"connections": len(self.channels), "busy": busy}

    def _count(self, status: int, sent_bytes: int = 0) -> None:
        self._answers[status].value += 1
        self._sent_bytes.value += sent_bytes
        if status in _LIMITS:
            self._metrics.count("limits_hit", _LIMITS[status])


class _Answers(dict[int, Counter]):
    """What counts the answers of a status."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def __missing__(self, status: int) -> Counter:
        family = "gone" if status == GONE else f"{status // 100}xx"
        counter = self[status] = self._metrics.counter("http_requests", family)
        return counter


def _suitable(route: Route, verb: str, fields: Fields) -> Endpoint:
    """What answers such a request at that route; rests on no header that changes.

    Raises:
        Refusal: the method is none, or a type is not right.
    """
    upgrades = any(
        part.strip().lower() == "websocket" for part in fields.get("upgrade", ("",))[-1].split(",")
    )
    endpoint = route.endpoint(verb, upgrades=upgrades)
    if verb == "POST":
        check_content(fields.get("content-type", ()), fields.get("content-encoding", ()))
        if route.accepts:
            check_accept(fields.get("accept", ()), route.accepts)
    return endpoint
