"""Exposition: metrics as Prometheus reads them, by its own library.

That is loaded when somebody asks, since it takes a twentieth of a server's start.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from entrepot.observe.metrics import COUNTERS, GAUGES, Known, Metrics
from entrepot.observe.tally import BUCKETS, SECONDS, SENT, Tally

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = [*map(str, BUCKETS), "+Inf"]


def text(metrics: Metrics, known: Iterable[Known] = ()) -> bytes:
    """What was counted, and what is known besides."""
    registry = CollectorRegistry()
    registry.register(_Shown(metrics.together(), tuple(known)))
    if metrics.alone:
        ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Shown(Collector):
    def __init__(self, counted: Tally, known: tuple[Known, ...]) -> None:
        self._counted = counted
        self._known = known

    def collect(self) -> Iterator[Metric]:
        """What the library asks for."""
        yield from _families(self._counted)
        yield from _gauges(_worst(self._known, self._counted.states))


def _families(found: Tally) -> Iterator[Metric]:
    requests = HistogramMetricFamily(
        "entrepot_request_seconds",
        "Requests, and the time from the request's head to the answer's last byte.",
        labels=("method", "route", "status"),
    )
    sent: dict[str, float] = {}
    for (method, route, status), row in found.requests.items():
        buckets = list(zip(_BOUNDS, accumulate(row[:SECONDS]), strict=True))
        requests.add_metric((method, route, str(status)), buckets, row[SECONDS])
        sent[route] = sent.get(route, 0) + row[SENT]
    yield requests
    yield _labelled("entrepot_sent_bytes", "Bytes of bodies answered.", "route", sent)
    received = found.received
    yield _labelled("entrepot_received_bytes", "Bytes of bodies taken in.", "route", received)
    for name, values in found.counters.items():
        label, meaning = COUNTERS[name]
        yield _labelled(name, meaning, label, values)
    yield from _gauges((name, "", value) for name, value in found.gauges.items())


def _gauges(found: Iterable[Known]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for name, label, value in found:
        labels, meaning = GAUGES[name]
        if name not in families:
            families[name] = GaugeMetricFamily(name, meaning, labels=_split(labels))
        families[name].add_metric(_split(label), value)
    yield from families.values()


def _worst(known: Iterable[Known], states: dict[str, dict[str, float]]) -> Iterator[Known]:
    for name, label, value in known:
        yield name, label, max(value, states.get(name, {}).get(label, value))


def _labelled(name: str, meaning: str, labels: str, values: dict[str, float]) -> Metric:
    """A counter; without a label it has one value."""
    family = CounterMetricFamily(name, meaning, labels=_split(labels))
    for label, value in values.items():
        family.add_metric(_split(label), value)
    return family


def _split(labels: str) -> list[str]:
    return labels.split(",") if labels else []
