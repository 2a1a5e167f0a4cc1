"""What every transport needs, put together: the kernel, and all that it stands on."""

import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.threads import deferToThreadPool

from snowflake_mcp import reloading
from snowflake_mcp.auditing import build_audit
from snowflake_mcp.charts.available import can_draw
from snowflake_mcp.charts.painter import Painter
from snowflake_mcp.config.keyfile import key_in
from snowflake_mcp.config.model import Config
from snowflake_mcp.config.principals import Profiles
from snowflake_mcp.config.reload import Applier, Reload, Report
from snowflake_mcp.content.content import build_content
from snowflake_mcp.content.models import WithModels
from snowflake_mcp.content.results import WithResults
from snowflake_mcp.content.view import result_view
from snowflake_mcp.exports.links import Links
from snowflake_mcp.exports.spool import Spool
from snowflake_mcp.fixtures import with_fixtures
from snowflake_mcp.gauges import watch_parts
from snowflake_mcp.ops import logs
from snowflake_mcp.ops.clocks import wall_clock
from snowflake_mcp.ops.doors import Doors
from snowflake_mcp.ops.drain import Stage
from snowflake_mcp.ops.gathering import GatheredLines
from snowflake_mcp.ops.lag import ReactorLag
from snowflake_mcp.ops.metrics import Metrics
from snowflake_mcp.ops.statefile import StateFile, state_path
from snowflake_mcp.ops.tracing import Tracing
from snowflake_mcp.pipeline.audit import audited
from snowflake_mcp.pipeline.doors import keep_doors
from snowflake_mcp.pipeline.membership import members_only
from snowflake_mcp.pipeline.observe import observe
from snowflake_mcp.pipeline.rates import Rates
from snowflake_mcp.pipeline.refusals import Refusals
from snowflake_mcp.pipeline.tracing import trace
from snowflake_mcp.policy.gate import Gate
from snowflake_mcp.policy.judges import Judges
from snowflake_mcp.policy.ledger import Ledger
from snowflake_mcp.policy.measured import MeasuredGate
from snowflake_mcp.policy.tiers import Tier
from snowflake_mcp.protocol.answers import ServerIdentity
from snowflake_mcp.protocol.changes import Changes
from snowflake_mcp.protocol.kernel import Kernel
from snowflake_mcp.protocol.principal import Principal
from snowflake_mcp.protocol.signers import Signers
from snowflake_mcp.protocol.tooling import Offer
from snowflake_mcp.protocol.validity import load_types
from snowflake_mcp.roles import check_roles, choice_problems
from snowflake_mcp.services import Interpreter, WarehouseService
from snowflake_mcp.simulator.child import DemoWarehouse
from snowflake_mcp.status import DEMO_NOTICE
from snowflake_mcp.tools.backing import Lore
from snowflake_mcp.tools.registry import build_registry
from snowflake_mcp.tools.renaming import RenamedTools
from snowflake_mcp.version import SERVER_NAME, SERVER_TITLE, VERSION
from snowflake_mcp.warehouse.accounts import Accounts
from snowflake_mcp.warehouse.grants import GrantChecks
from snowflake_mcp.warehouse.service import Warehouse
from snowflake_mcp.warehouse.threads import Threads

__all__ = ["Core"]

_DEMO_STOP_S: Final = 5.0
_ANSWER_S: Final = 5.0
_EXPORT_THREADS: Final = 4
"""For downloads and for what is removed; exports are written where their rows are read."""


def _signing_key(path: str) -> bytes:
    """The configured key, or one of this process's own.

    Raises:
        ValueError: the file cannot be read or is too short.
    """
    if not path:
        return secrets.token_bytes(32)
    return key_in(path, "http.key_file")


class Core:
    """What every transport needs: the kernel and all below it."""

    def __init__(self, config: Config, reactor: Any, endpoints: Sequence[str] = ()) -> None:
        self.config = config
        self.reactor = reactor
        self.profiles = Profiles(config)
        log = config.log
        logs.configure(log.file, log.max_bytes, log.keep_files, log.access_file)
        self.metrics = Metrics()
        self.audit = build_audit(config.audit, reactor, self.metrics, wall_clock)
        self.lag = ReactorLag(reactor, self.metrics)
        self.rates = Rates(reactor, self.profiles, self.metrics)
        traces = config.tracing
        self.tracing = (
            Tracing(reactor, traces.endpoint, traces.sample_ratio, VERSION)
            if traces.endpoint
            else None
        )
        self.demo = DemoWarehouse(reactor) if config.is_demo else None
        self._accounts = accounts = Accounts.configured(config, self.profiles, self.demo)
        self.warehouse = Warehouse(reactor, accounts, config.pool, self.metrics, self.rates)
        self.judges = Judges(reactor)
        charts = config.charts
        self.painter = Painter(reactor, charts) if charts.enabled and can_draw() else None
        self.ledger = Ledger(wall_clock)
        self.doors = Doors()
        self.refusals = Refusals(wall_clock)
        self.state_file = state_path(config.rates.state_file, os.environ, "usage.json")
        key = _signing_key(config.http.key_file)
        self.signers = Signers.of(key, config.http.session_ttl_s, wall_clock)
        notice = f" {DEMO_NOTICE}" if config.is_demo else ""
        self._changes = changes = Changes()
        gate = MeasuredGate(Gate(self.judges), self.metrics, reactor)
        mask_key = hashlib.sha256(b"mask" + key).digest()
        self.links = Links(key, wall_clock)
        self.spool = Spool(
            reactor,
            wall_clock,
            Threads(reactor, "export", _EXPORT_THREADS),
            config.exports,
            self.metrics,
            os.environ,
        )
        lore = Lore.over(self.warehouse, reactor, config.catalog)
        tools = build_registry(
            self.warehouse,
            gate,
            config,
            self.ledger,
            self.profiles,
            mask_key,
            lore,
            self.spool,
            self.links,
            self.painter,
            self.warehouse.cortex,
        )
        content = build_content(
            self.warehouse, config, reactor, self.profiles, tools.names, lore.lists, lore.directory
        )
        named = RenamedTools(tools, self.profiles)
        results = WithResults(content.library, tools, self.spool)
        library = WithModels(results, tools, lore.lists, self.profiles)
        offer = Offer(named, library, content.prompts, content.completions, (result_view(),))
        self.kernel = Kernel(
            clock=reactor,
            offer=with_fixtures(config.testing.fixtures, endpoints, offer, changes),
            identity=ServerIdentity(
                SERVER_NAME,
                SERVER_TITLE,
                VERSION,
                lambda principal: tools.instructions(principal) + notice,
            ),
            signers=self.signers,
            request_timeout_s=self._request_timeout_s,
            layers=[
                *([trace(self.tracing)] if self.tracing is not None else []),
                observe(self.metrics, every=log.requests),
                audited(self.audit, statement_text=config.audit.statement_text),
                self.refusals.layer,
                keep_doors(self.doors),
                self.rates.layer,
                members_only(self.profiles),
            ],
            changes=changes,
            load_types=lambda: deferToThreadPool(reactor, reactor.getThreadPool(), load_types),
        )
        self.watch = content.watch(changes)
        watch_parts(self.metrics, reactor, self.kernel, self.warehouse, self.judges, lore.directory)
        self._lore = lore
        stop_s = config.limits.abort_s
        # A login that needs a person waits until somebody asks for something.
        log_in = not config.connection.asks_somebody
        self.grants = GrantChecks(reactor)
        for problem in choice_problems(config):
            raise ValueError(problem)
        check_roles(self.grants, config, accounts, self.warehouse)
        self.warehouse_service = WarehouseService(
            self.warehouse, stop_s, self.grants, log_in=log_in
        )

    def _request_timeout_s(self, principal: Principal) -> float:
        """A statement of the principal, a place for it, and the answer; for every request."""
        try:
            limits = self.profiles.of(principal.profile).limits
        except KeyError:
            # Whose table is gone is refused in a moment; until then there is a bound all the same.
            limits = self.profiles.of("").limits
        return limits.statement_timeout_s + self.warehouse.max_wait_s + _ANSWER_S

    def reload(
        self, reread: Callable[[], Config] | None, more: Sequence[Applier] = ()
    ) -> Callable[[], Report]:
        """What SIGHUP does; ``more`` is what the transport applies."""
        retire = self.warehouse.retire_sessions if self.demo is None else None
        reload = Reload(self.config, reread, self.appliers(more), retire)

        def recorded() -> Report:
            report = reload()
            self.audit.record("server.reload", report.as_record)
            return report

        return recorded

    def appliers(self, more: Sequence[Applier] = ()) -> list[Applier]:
        """Whatever can go on with other settings."""
        return [
            reloading.callers(self.profiles, self._accounts, self._changes, self._check_roles),
            reloading.pool(self.warehouse),
            reloading.exports(self.spool),
            reloading.log_files(),
            *more,
        ]

    def _check_roles(self, config: Config) -> None:
        check_roles(self.grants, config, self._accounts, self.warehouse)
        self.warehouse_service.check_grants()
        for name in self._accounts.names:
            # It may lead to another account by now.
            self._lore.changed(name, Tier.ADMIN)

    def reopen(self) -> None:
        """What SIGUSR1 does."""
        logs.reopen()
        self.audit.reopen()

    def stages(self) -> list[Stage]:
        """The services below the transports, in the order in which they start."""
        stages = [
            Stage("log lines", GatheredLines(self.reactor), 1.0),
            Stage("interpreter", Interpreter(self.config), 1.0),
            Stage("audit", self.audit, 2.0),
            Stage("reactor lag", self.lag, 1.0),
            Stage("gate", self.judges, 1.0),
        ]
        if self.tracing is not None:
            stages.append(Stage("traces", self.tracing, 3.0))
        if self.painter is not None:
            stages.append(Stage("charts", self.painter, 1.0))
        if self.state_file is not None:
            # Below the warehouse: what ends at the stop is written, too.
            kept = StateFile.of(self.reactor, self.state_file, self.ledger)
            stages.append(Stage("state file", kept, 2.0))
        stages.append(Stage("exports", self.spool, 2.0))
        if self.demo is not None:
            stages.append(Stage("demo warehouse", self.demo, _DEMO_STOP_S))
        stop_s = self.config.limits.abort_s
        stages.append(Stage("warehouse", self.warehouse_service, stop_s + 1.0))
        stages.append(Stage("catalog watch", self.watch, 3.0))
        return stages
