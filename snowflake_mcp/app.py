"""The composition root: a configuration and a reactor become services in their order."""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from snowflake_mcp import reloading
from snowflake_mcp.admin import Admin
from snowflake_mcp.auth.authentication import Authentication
from snowflake_mcp.auth.exposure import Exposure
from snowflake_mcp.auth.provider import fetching
from snowflake_mcp.auth.ways import local_principal
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.reload import Report
from snowflake_mcp.core import Core
from snowflake_mcp.ops import logs
from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.ops.drain import OrderedServices, Stage
from snowflake_mcp.ops.signals import Signals
from snowflake_mcp.ops.systemd import Systemd
from snowflake_mcp.ops.trend import Trend
from snowflake_mcp.protocol.admission import Admission
from snowflake_mcp.services import (
    CertificateWatch,
    Clients,
    Identification,
    Stdio,
)
from snowflake_mcp.status import Status
from snowflake_mcp.transports.downloads import Downloads
from snowflake_mcp.transports.front import build_front
from snowflake_mcp.transports.listen import Listener, endpoint_string
from snowflake_mcp.transports.stdio import StdioProtocol
from snowflake_mcp.transports.tls import certificates

__all__ = ["network_services", "stdio_services"]


def network_services(
    config: Config, reactor: Any, reread: Callable[[], Config] | None = None
) -> OrderedServices:
    """HTTP, WebSocket, REST and probes on the configured endpoints; nothing starts here.

    ``reread`` gives the configuration as it is written now, for a reload.

    Raises:
        ValueError: a setting that only its user can check: an endpoint, a capability, a tier, ...
    """
    endpoints = [endpoint_string(each, config.http.host) for each in config.http.endpoints]
    core = Core(config, reactor, endpoints)
    shown = certificates(config.tls, wall_clock)
    status = Status(
        config=config,
        clock=reactor,
        wall_clock=wall_clock,
        kernel=core.kernel,
        warehouse=core.warehouse,
        metrics=core.metrics,
        judges=core.judges,
        ledger=core.ledger,
        grants=core.grants,
        doors=core.doors,
        state_file=core.state_file,
        certificates=shown,
        charts=core.painter.snapshot if core.painter is not None else None,
        exports=lambda: core.spool.folder,
    )
    trend = Trend(reactor, core.metrics)
    admin = Admin(
        kernel=core.kernel,
        warehouse=core.warehouse,
        profiles=core.profiles,
        status=status,
        doors=core.doors,
        trend=trend,
        refusals=core.refusals,
        audit=core.audit,
        clock=reactor,
    )
    authentication = Authentication(config, fetching(reactor), reactor, wall_clock, core.metrics)
    authentication.tell_refused = core.audit.refused_authentication
    front = build_front(
        config,
        core.kernel,
        Admission(core.signers.sessions),
        status,
        reactor,
        core.metrics,
        authentication,
        admin,
        Downloads(core.spool, core.links, reactor, core.metrics, core.audit),
    )
    admin.front = front
    status.clients = front.counts
    status.callers = authentication.snapshot
    core.metrics.watch(
        "connections",
        lambda: {(kind,): counts["connections"] for kind, counts in front.counts().items()},
    )
    if shown is not None:
        ends_s = partial(getattr, shown, "expires_s")
        core.metrics.watch_one("tls_certificate_expires_timestamp_seconds", ends_s)
    limits = config.limits
    clients = Clients(reactor, core.kernel, front, status, limits.drain_s, limits.abort_s)

    def hurry() -> None:
        clients.hurry()
        core.warehouse_service.hurry()

    systemd = Systemd(
        reactor,
        os.environ,
        describe=lambda: f"{core.kernel.running} requests running",
        stop_within_s=lambda: services.stop_within_s,
    )
    reload = core.reload(
        reread, [reloading.front_side(front), reloading.credentials(authentication)]
    )
    exposure = Exposure(
        authentication, encrypted=shown is not None, proxied=bool(config.http.trusted_proxies)
    )

    def renew() -> Report:
        report = reload()
        if shown is not None:
            shown.load()
        return report

    admin.reread = lambda: systemd.reload(renew)

    signals = Signals(
        reactor,
        reload=admin.reread,
        reopen=core.reopen,
        hurry=hurry,
        give_up=partial(_crash, reactor),
    )
    services = OrderedServices(
        reactor,
        [
            *core.stages(),
            Stage("trend", trend, 1.0),
            # Until the last client has gone: a credential nobody watches counts no more.
            Stage("callers", Identification(authentication, core.profiles), 1.0),
            Stage("clients", clients, clients.stop_within_s),
            *(
                []
                if shown is None
                else [Stage("certificate", CertificateWatch(reactor, shown), 1.0)]
            ),
            Stage(
                "listener",
                Listener(reactor, front.site, endpoints, shown, exposure.admit),
                1.0,
            ),
            Stage("signals", signals, 1.0),
            Stage("systemd", systemd, 1.0),
        ],
    )
    return services


def stdio_services(
    config: Config,
    reactor: Any,
    ended: Callable[[], None],
    reread: Callable[[], Config] | None = None,
) -> OrderedServices:
    """One client on standard input and output; ``ended`` is called when it has gone.

    ``reread`` gives the configuration as it is written now, for a reload.

    Raises:
        ValueError: a setting that only its user can check: a capability, a tier, ...
    """
    core = Core(config, reactor)
    local = local_principal(config)

    def protocol() -> StdioProtocol:
        return StdioProtocol(
            core.kernel,
            reactor,
            ended,
            max_message_bytes=config.websocket.max_message_bytes,
            max_in_flight=config.websocket.max_in_flight,
            principal=local,
        )

    signals = Signals(
        reactor,
        reload=core.reload(reread),
        reopen=core.reopen,
        hurry=core.warehouse_service.hurry,
        give_up=_exit,
    )
    return OrderedServices(
        reactor,
        [
            *core.stages(),
            Stage("standard input", Stdio(reactor, protocol), 1.0),
            Stage("signals", signals, 1.0),
        ],
    )


def _crash(reactor: Any, _number: int) -> None:
    """Have the reactor return to twistd, which removes the pid file and ends by the signal."""
    logs.end()
    reactor.crash()


def _exit(number: int) -> None:
    """End at once, as by the signal; no line is left behind."""
    logs.end()
    os._exit(128 + number)
