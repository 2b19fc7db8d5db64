"""Alerts and dashboard speak of metrics, routes and jobs that there are."""

import json
import re
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.deploy.chart import CHART, OPERATORS, ROOT, render

from entrepot.distribution.router import Kind
from entrepot.observe import exposition, metrics
from entrepot.observe.metrics import Metrics

JOBS = (ROOT / "docs" / "jobs.md").read_text()
COUNTED = JOBS + (ROOT / "docs" / "cache.md").read_text()


def _known() -> set[str]:
    """Every series that `/metrics` can have."""
    counted = Metrics()
    counted.count(("GET", "manifest", 200), 0.1, 10)
    counted.received("upload", 1)
    for name, (labels, _) in metrics.COUNTERS.items():
        counted.add(name, 1, ",".join("x" for _ in labels.split(",")) if labels else "")
    text = exposition.text(counted, ((name, "x", 1.0) for name in metrics.GAUGES)).decode()
    return {
        sample.name for found in text_string_to_metric_families(text) for sample in found.samples
    }


def _alerts() -> list[str]:
    (group,) = render(OPERATORS["monitored"]).one("PrometheusRule")["spec"]["groups"]
    return [rule["expr"] for rule in group["rules"]]


def _panels() -> list[str]:
    dashboard = json.loads((CHART / "files" / "dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("expressions", [_alerts, _panels])
def test_metrics_are_known(expressions: Callable[[], list[str]]) -> None:
    named = {name for text in expressions() for name in re.findall(r"entrepot_\w+", text)}
    assert len(named) > 3
    assert named <= _known()


def _named(text: str, label: str) -> set[str]:
    found = re.findall(rf'\b{label}=~?"([\w|]+)"', text)
    return {name for names in found for name in names.split("|")}


def test_labels_are_known() -> None:
    text = " ".join(_alerts() + _panels())
    assert set(re.findall(r'route="(\w+)"', text)) <= set(Kind)
    assert {"stale", "failed"} <= _named(text, "result") <= set(re.findall(r"`(\w+)`", COUNTED))
    jobs = _named(text, "job")
    assert jobs
    assert jobs <= {name for name, _ in re.findall(r"^\| `([\w-]+)` \| (\w+)", JOBS, re.MULTILINE)}


def test_every_alert_is_of_this_release() -> None:
    for text in _alerts():
        assert text.count('{namespace="images", service="entrepot"') == text.count("{")
