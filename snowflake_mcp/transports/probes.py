"""What load balancers, operators and scripts ask: is it alive, is it ready, what is it doing."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from snowflake_mcp.ops.exposition import CONTENT_TYPE
from snowflake_mcp.transports.exchange import Exchange
from snowflake_mcp.transports.tree import Route

__all__ = ["Check", "MetricsSource", "Probes", "StatusSource"]

_log = Logger()


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of readiness."""

    name: str
    ok: bool
    detail: str = ""
    """One sentence; holds no secret and no account name."""
    age_s: float = 0.0
    """How old the knowledge is; 0: it is so now."""
    vital: bool = True
    """Whether the server can serve nobody without it; else it is only degraded."""


class StatusSource(Protocol):
    """Where the probes' data comes from; implemented by the composition root."""

    def health(self) -> dict[str, Any]:
        """``status``, ``timestamp``, ``version``, ``uptime_seconds``, ``backend``; never waits."""

    async def ready(self) -> tuple[bool, Sequence[Check]]:
        """Whether requests can be served now, and why not."""

    def status(self) -> dict[str, Any]:
        """Connections, sessions, running requests, pool and totals; never waits."""


class MetricsSource(Protocol):
    """Where the numbers for Prometheus come from; ``ops.exposition`` implements it."""

    def text(self) -> bytes:
        """All metrics in text format 0.0.4."""


class Probes:
    """The probe endpoints; reactor thread only. HEAD works wherever GET does."""

    def __init__(self, source: StatusSource, metrics: MetricsSource) -> None:
        self._source = source
        self._metrics = metrics

    def routes(self) -> list[Route]:
        """Where they are."""
        return [
            Route("/health", {"GET": self.health}, public=True),
            Route("/health/live", {"GET": self.live}, public=True),
            Route("/health/ready", {"GET": self.ready}, public=True),
            Route("/status", {"GET": self.status}),
            Route("/metrics", {"GET": self.metrics}),
        ]

    def health(self, exchange: Exchange) -> None:
        """200 while the process serves."""
        exchange.respond(200, msgspec.json.encode(self._source.health()))

    def live(self, exchange: Exchange) -> None:
        """200 while the reactor turns; looks at nothing else."""
        exchange.respond(200, b'{"status":"ok"}')

    def ready(self, exchange: Exchange) -> None:
        """200 (ready, degraded) or 503 (not ready), with every check by name."""
        asking = Deferred.fromCoroutine(self._ready(exchange))
        exchange.on_gone(asking.cancel)
        asking.addErrback(_expect_cancelled)

    def status(self, exchange: Exchange) -> None:
        """A snapshot for operators."""
        exchange.respond(200, msgspec.json.encode(self._source.status()))

    def metrics(self, exchange: Exchange) -> None:
        """The numbers for Prometheus."""
        exchange.respond(200, self._metrics.text(), content_type=CONTENT_TYPE)

    async def _ready(self, exchange: Exchange) -> None:
        try:
            ok, checks = await self._source.ready()
        except CancelledError:
            raise
        except Exception:  # noqa: BLE001 - a check that fails is an answer: not ready
            _log.failure("the readiness checks failed")
            ok, checks = False, [Check("checks", False, "The checks could not be made.")]
        word = "not ready" if not ok else "ready" if all(c.ok for c in checks) else "degraded"
        body = {"status": word, "checks": [asdict(one) for one in checks]}
        exchange.respond(200 if ok else 503, msgspec.json.encode(body))


def _expect_cancelled(failure: Failure) -> None:
    failure.trap(CancelledError)
