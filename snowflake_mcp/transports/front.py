"""Everything that serves the network, put together: one path table behind one port."""

from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.config.model import Config, HttpSettings
from snowflake_mcp.ops.exposition import Exposition
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.protocol.admission import Admission
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.transports.admin import AdminSurface
from snowflake_mcp.transports.attendance import Attendance
from snowflake_mcp.transports.callers import Callers, ResourceMetadata
from snowflake_mcp.transports.crowd import Crowd
from snowflake_mcp.transports.downloads import Downloads
from snowflake_mcp.transports.exchange import EVENT_STREAM, JSON
from snowflake_mcp.transports.guard import Guard
from snowflake_mcp.transports.headers import Cors
from snowflake_mcp.transports.http import McpEndpoint
from snowflake_mcp.transports.legacy_sse import LegacySse
from snowflake_mcp.transports.levers import AdminSource
from snowflake_mcp.transports.live import LiveView
from snowflake_mcp.transports.openapi import ApiDescription
from snowflake_mcp.transports.page import StatusPage
from snowflake_mcp.transports.probes import Probes, StatusSource
from snowflake_mcp.transports.proxies import Proxies
from snowflake_mcp.transports.rest import RestTools
from snowflake_mcp.transports.site import Site
from snowflake_mcp.transports.toolsets import MCP_PATH, Toolsets
from snowflake_mcp.transports.tree import Route, Tree
from snowflake_mcp.transports.upgrading import WebSocketEndpoint
from snowflake_mcp.transports.websocket_factory import WebSocketFactory

__all__ = ["MCP_PATH", "Front", "build_front"]

_LEAST_ROOM: Final = 8
_OWN_FILES: Final = 64
"""Open beside clients and sessions: pipes to children, logs, ports, what a reload reads."""
_log = Logger()


class Front:
    """The server side of every HTTP and WebSocket client, and how it stops; reactor thread only.

    ``site`` is the factory for the listening ports. To stop: close the ports, ``close_idle()``,
    and again once none ``expects_requests()``, wait until the kernel has drained,
    ``close_websockets()``, and ``abort()`` what is left when the time is up.
    """

    def __init__(
        self,
        site: Site,
        endpoint: McpEndpoint,
        websockets: WebSocketFactory,
        sse: LegacySse,
        toolsets: Toolsets,
        own_files: int,
    ) -> None:
        """``own_files`` may be open beside those of clients."""
        self._own_files = own_files
        self.site = site
        self._endpoint = endpoint
        self._websockets = websockets
        self._sse = sse
        self._toolsets = toolsets

    def fit(self, files: int) -> None:
        """Take no more clients than the limit of open files leaves room for.

        A client too many is then turned away in order, and the rest of the server, such as its
        Snowflake sessions, never lacks a file.
        """
        crowds = (self.site.crowd, self._websockets.crowd)
        wanted = sum(crowd.most for crowd in crowds)
        room = max(_LEAST_ROOM, files - self._own_files)
        if wanted > room:
            for crowd in crowds:
                crowd.most = max(1, crowd.most * room // wanted)
            _log.warn(
                "the limit of {files} open files leaves room for {http} connections and "
                "{websockets} WebSockets, less than configured",
                files=files,
                http=crowds[0].most,
                websockets=crowds[1].most,
            )

    def take(self, config: Config) -> None:
        """Go on with these settings: requests and WebSockets that come in now have them."""
        http = config.http
        self.site.take(*_fences(http), http.max_body_bytes, http.max_unsent_bytes)
        self._endpoint.take(http)
        self._websockets.take(config.websocket)
        self._sse.take(http, config.websocket)
        self._toolsets.take(config.toolsets)

    def close_idle(self) -> None:
        """Close HTTP connections without a request; the others close with their answer."""
        self.site.close_idle()

    def expects_requests(self) -> bool:
        """Whether one may be on its way over a connection that was accepted or used just now."""
        return self.site.expects_requests()

    def close_websockets(self) -> None:
        """Tell every WebSocket client that the server goes (1001); takes at most a second."""
        self._sse.close()
        self._websockets.close_all()

    def abort(self) -> None:
        """Drop every connection at once."""
        self.site.abort_all()
        self._websockets.abort_all()
        self._endpoint.stop()

    def attendance(self) -> list[Attendance]:
        """Who is connected by WebSocket and SSE; sessions over HTTP are the kernel's."""
        return [*self._websockets.attendance(), *self._sse.attendance()]

    def end(self, session_id: str) -> bool:
        """An operator ends one of these; ``False``: there is none of that id."""
        return self._websockets.end(session_id) or self._sse.end(session_id)

    def counts(self) -> dict[str, dict[str, int]]:
        """Connections by kind, for /status and for the drain to watch."""
        return {
            "http": self.site.counts(),
            "websocket": self._websockets.counts(),
            "sse": self._sse.counts(),
        }


def build_front(
    config: Config,
    kernel: Kernel,
    admission: Admission,
    status: StatusSource,
    clock: IReactorTime,
    metrics: Metrics,
    authentication: Authentication,
    admin: AdminSource | None = None,
    downloads: Downloads | None = None,
) -> Front:
    """Put the network side together; nothing starts before a port listens.

    Without ``admin`` there is no admin surface, without ``downloads`` nothing to fetch.

    Raises:
        ValueError: ``http.trusted_proxies``, ``http.forwarded_header`` or ``http.parser`` means
            nothing.
    """
    http = config.http
    proxies = Proxies(http.trusted_proxies, http.forwarded_header)
    crowd = Crowd(
        "connections",
        clock,
        metrics,
        most=http.max_connections,
        most_of_one=http.max_connections_per_address,
        shared=proxies.trusts,
    )
    upgraded = Crowd(
        "websockets",
        clock,
        metrics,
        most=config.websocket.max_connections,
        most_of_one=http.max_connections_per_address,
        shared=proxies.trusts,
    )
    websockets = WebSocketFactory(kernel, clock, config.websocket, metrics, upgraded)
    endpoint = McpEndpoint(kernel, admission, clock, http)
    toolsets = Toolsets(config.toolsets)
    mcp = Route(
        MCP_PATH,
        {"POST": endpoint.post, "GET": endpoint.get, "DELETE": endpoint.delete},
        upgrade=WebSocketEndpoint(websockets).upgrade,
        accepts=(JSON, EVENT_STREAM),
        rpc=True,
        below=toolsets.known,
    )
    sse = LegacySse(kernel, clock, http, config.websocket)
    routes = [mcp, *RestTools(kernel).routes(), *Probes(status, Exposition(metrics)).routes()]
    kind = config.exports.links if downloads is not None else "off"
    routes.extend(ApiDescription(admin, kind).routes())
    if downloads is not None:
        routes.extend(downloads.routes())
    if admin is not None:
        routes.extend(AdminSurface(admin).routes())
        routes.extend(LiveView(admin, websockets, clock).routes())
        routes.extend(StatusPage(admin).routes())
    routes.extend(ResourceMetadata(authentication).routes())
    if http.legacy_sse:
        routes.extend(sse.routes())
    tree = Tree(routes)
    site = Site(
        tree,
        *_fences(http),
        clock,
        metrics,
        proxies,
        Callers(authentication),
        crowd=crowd,
        max_body_bytes=http.max_body_bytes,
        max_unsent_bytes=http.max_unsent_bytes,
        client_name=config.tls.client_name,
        idle_timeout_s=http.idle_timeout_s,
        parser=http.parser,
        every_line=config.log.requests,
    )
    own_files = _OWN_FILES + 2 * config.pool.max_sessions
    return Front(site, endpoint, websockets, sse, toolsets, own_files)


def _fences(http: HttpSettings) -> tuple[Guard, Cors]:
    guard = Guard(http.allowed_hosts, (*http.allowed_origins, *http.cors_origins))
    return guard, Cors(http.cors_origins)
