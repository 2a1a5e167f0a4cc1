"""Traces in OpenTelemetry's terms: a span for each request, and in it one for each statement."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

__all__ = ["RequestSpan", "Tracing", "TracingUnavailableError"]

_TRACER: Final = "snowflake_mcp"
_FLUSH_MS: Final = 2_000
"""How long the last spans may take to leave when the server stops."""
Attributes = Mapping[str, str | int | float | bool]


class TracingUnavailableError(ValueError):
    """The library for traces is not installed."""


class RequestSpan:
    """The span of one request, and those of its statements; reactor thread only."""

    def __init__(self, span: Any, tracer: Any) -> None:
        self._span = span
        self._tracer = tracer
        self._statements: dict[str, Any] = {}

    @property
    def traceparent(self) -> str:
        """This span as a parent, in the form of the W3C's Trace Context."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def sent(self, query_id: str) -> None:
        """Snowflake has a statement of this request under this id."""
        if query_id in self._statements:
            return
        from opentelemetry.trace import SpanKind, set_span_in_context

        self._statements[query_id] = self._tracer.start_span(
            "snowflake statement",
            context=set_span_in_context(self._span),
            kind=SpanKind.CLIENT,
            attributes={"db.system.name": "snowflake", "snowflake.query_id": query_id},
        )

    def ended(self, query_id: str, state: str) -> None:
        """The statement has ended in this state, perhaps after its request."""
        if (span := self._statements.pop(query_id, None)) is not None:
            _end(span, {"snowflake.state": state}, failed=state != "success")

    def end(self, attributes: Attributes, *, failed: bool) -> None:
        """The request is over; a statement that goes on without it has its own end."""
        _end(self._span, attributes, failed=failed)


class Tracing(Service):
    """Sends spans to a collector, in a thread of the library's own; reactor thread only.

    Args:
        reactor: whose threads may wait for the last spans at the end.
        endpoint: URL of OTLP over HTTP, such as ``http://127.0.0.1:4318/v1/traces``.
        sample_ratio: share of the traces that begin here; where a client began one, it decides.
        version: of this server.
        exporter: makes what sends the spans; the library's OTLP exporter if not given.

    Raises:
        TracingUnavailableError: the library is not installed.
    """

    def __init__(
        self,
        reactor: Any,
        endpoint: str,
        sample_ratio: float,
        version: str,
        exporter: Callable[[], Any] | None = None,
    ) -> None:
        try:
            import opentelemetry.exporter.otlp.proto.http
            import opentelemetry.sdk.trace  # noqa: F401 - that it is there is the question
        except ImportError as error:
            raise TracingUnavailableError(
                "tracing.endpoint needs OpenTelemetry: pip install 'snowflake-mcp-server[tracing]'"
            ) from error
        self._reactor = reactor
        self._endpoint = endpoint
        self._sample_ratio = sample_ratio
        self._version = version
        self._exporter = exporter or self._otlp
        self._provider: Any = None
        self._tracer: Any = None

    def startService(self) -> None:
        """Make the library's thread; after the process has become a daemon."""
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

        own = {"service.name": "snowflake-mcp", "service.version": self._version}
        # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES go over ours.
        named = Resource(own).merge(Resource.create())
        known = {**named.attributes, **{k: v for k, v in own.items() if not _said(named, k)}}
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(self._sample_ratio),
            resource=Resource(known),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter()))
        self._tracer = self._provider.get_tracer(_TRACER, self._version)

    def stopService(self) -> "Deferred[Any] | None":
        """Send what is left, for two seconds at most."""
        if self._provider is None:
            return None
        provider, self._provider, self._tracer = self._provider, None, None
        return deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), _send_the_rest, provider
        )

    def begin(self, name: str, parent: str | None, attributes: Attributes) -> RequestSpan | None:
        """The span of a request under the client's, if it has sent one.

        ``None`` before the start and after the stop.
        """
        if self._tracer is None:
            return None
        from opentelemetry.context import Context
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = Context()
        if parent is not None:
            context = TraceContextTextMapPropagator().extract({"traceparent": parent}, context)
        span = self._tracer.start_span(
            name, context=context, kind=SpanKind.SERVER, attributes=dict(attributes)
        )
        return RequestSpan(span, self._tracer)

    def _otlp(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=self._endpoint)


def _said(resource: Any, name: str) -> bool:
    """Whether the environment names it: the library has a word of its own where it does not."""
    return not str(resource.attributes.get(name, "unknown_service")).startswith("unknown_service")


def _send_the_rest(provider: Any) -> None:
    provider.force_flush(_FLUSH_MS)
    provider.shutdown()


def _end(span: Any, attributes: Attributes, *, failed: bool) -> None:
    from opentelemetry.trace import StatusCode

    span.set_attributes(dict(attributes))
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end()
