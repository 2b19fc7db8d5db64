"""Helm against the registry: push, show and pull charts."""

import json
from pathlib import Path

from tests.clients.helm import Helm
from tests.clients.image import digest_of
from tests.registry import Registry

CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
PLAIN = "--plain-http"


def test_round_trip(registry: Registry, helm: Helm, tmp_path: Path) -> None:
    chart = helm.package("demo", "1.2.3")
    _, pushed = helm("push", PLAIN, chart, f"oci://{registry.address}/charts")

    source = f"oci://{registry.address}/charts/demo"
    _, pulled = helm("pull", PLAIN, source, "--version=1.2.3", "--destination", tmp_path)
    shown, _ = helm("show", "chart", PLAIN, source, "--version=1.2.3")

    assert pulled == pushed == registry.digest("charts/demo", "1.2.3")
    assert (tmp_path / "demo-1.2.3.tgz").read_bytes() == chart.read_bytes()
    layer = json.loads(registry.manifest("charts/demo", pushed))["layers"][0]
    assert (layer["mediaType"], layer["digest"]) == (CONTENT, digest_of(chart.read_bytes()))
    assert registry.blob("charts/demo", layer["digest"]) == chart.read_bytes()
    assert "version: 1.2.3" in shown


def test_version_with_plus(registry: Registry, helm: Helm) -> None:
    """A tag cannot hold `+`: Helm writes `_` for it, and reads it back."""
    chart = helm.package("plus", "1.0.0+build.5")
    _, pushed = helm("push", PLAIN, chart, f"oci://{registry.address}/charts")

    shown, _ = helm(
        "show", "chart", PLAIN, f"oci://{registry.address}/charts/plus", "--version=1.0.0+build.5"
    )

    assert registry.digest("charts/plus", "1.0.0_build.5") == pushed
    assert "version: 1.0.0+build.5" in shown


def test_newest_in_range(registry: Registry, helm: Helm) -> None:
    for version in ["1.0.0", "1.1.0", "2.0.0"]:
        chart = helm.package("ranged", version)
        helm("push", PLAIN, chart, f"oci://{registry.address}/charts")

    source = f"oci://{registry.address}/charts/ranged"
    shown, _ = helm("show", "chart", PLAIN, source, "--version=^1.0")

    assert "version: 1.1.0" in shown
