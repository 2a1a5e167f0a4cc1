"""The numbers in Prometheus' text format."""

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from snowflake_mcp.ops.metrics import PREFIX, Distribution, Metrics, Sample

__all__ = ["CONTENT_TYPE", "Exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Writes ``metrics`` and the process's own figures; reactor thread only.

    The library is loaded by the first scrape: a server that nobody scrapes does without it.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._registry: Any = None

    def text(self) -> bytes:
        """Everything that is known now, in version 0.0.4 of the format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registered())

    def collect(self) -> Iterator[Any]:
        """The families in the library's terms; it calls this for each scrape."""
        return map(_translated, self._metrics.samples())

    def _registered(self) -> Any:
        from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
            # Memory, processor time and descriptors, under the names that dashboards know.
            ProcessCollector(registry=self._registry)
            GCCollector(registry=self._registry)
        return self._registry


def _translated(sample: Sample) -> Any:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    family = sample.family
    name = PREFIX + family.name
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(name, family.help, labels=family.labels)
        bounds = [*map(str, family.bounds), "+Inf"]
        for labels, value in sample.values.items():
            if isinstance(value, Distribution):
                buckets = zip(bounds, accumulate(value.counts), strict=True)
                histogram.add_metric(labels, list(buckets), value.total)
        return histogram
    kind = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    shown = kind(name, family.help, labels=family.labels)
    for labels, value in sample.values.items():
        if not isinstance(value, Distribution):
            shown.add_metric(labels, value)
    return shown
