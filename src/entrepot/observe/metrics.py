"""Metrics, as Prometheus reads them.

With several workers each process counts in files of a shared folder (PROMETHEUS_MULTIPROC_DIR,
which `server.run` sets before anything is imported), and any worker adds them up when asked.
"""

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)

disable_created_metrics()  # type: ignore[no-untyped-call]

_registry = CollectorRegistry()

_seconds = Histogram(
    "entrepot_request_seconds",
    "Requests, and the time from the request's head to the answer's last byte.",
    ("method", "route", "status"),
    buckets=_BUCKETS,
    registry=_registry,
)
_sent = Counter("entrepot_sent_bytes", "Bytes of bodies answered.", ("route",), registry=_registry)
_received = Counter(
    "entrepot_received_bytes", "Bytes of bodies taken in.", ("route",), registry=_registry
)
uploads_active = Gauge(
    "entrepot_uploads_active",
    "Requests that bring bytes of a blob right now.",
    registry=_registry,
    multiprocess_mode="livesum",
)
store_bytes = Gauge(
    "entrepot_store_bytes",
    "Bytes of all blobs and manifests, each once.",
    registry=_registry,
    multiprocess_mode="mostrecent",
)
store_blobs = Gauge(
    "entrepot_store_blobs",
    "Blobs kept.",
    registry=_registry,
    multiprocess_mode="mostrecent",
)
uploads_open = Gauge(
    "entrepot_uploads_open",
    "Uploads begun and not finished.",
    registry=_registry,
    multiprocess_mode="mostrecent",
)

# Looking a child up by its labels costs more than counting in it.
_observe: dict[tuple[str, str, int], Histogram] = {}
_count_sent: dict[str, Counter] = {}
_METHODS = frozenset({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"})


def count(method: str, route: str, status: int, seconds: float, sent: int) -> None:
    """Count one request that was answered."""
    key = (method, route, status)
    child = _observe.get(key)
    if child is None:
        known = method if method in _METHODS else "other"  # labels are bounded, methods are not
        child = _observe[(known, route, status)] = _seconds.labels(known, route, status)
    child.observe(seconds)
    if sent:
        counter = _count_sent.get(route)
        if counter is None:
            counter = _count_sent[route] = _sent.labels(route)
        counter.inc(sent)


def received(route: str, size: int) -> None:
    """Count bytes that a client brought."""
    _received.labels(route).inc(size)


def render() -> bytes:
    """The text that Prometheus reads, of all workers together."""
    if MULTIPROCESS not in os.environ:
        return generate_latest(_registry)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return generate_latest(together)


def forget_the_dead() -> None:
    """Drop the gauges of workers that have ended; a new worker calls this as it starts."""
    folder = os.environ.get(MULTIPROCESS)
    if folder is None:
        return
    for file in Path(folder).glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


if MULTIPROCESS not in os.environ:
    ProcessCollector(registry=_registry)
