"""docs/kubernetes-pull-access.md, from its first command to its last, beside a controller."""

from pathlib import Path

from tests.clients.client import isolated
from tests.cluster.access import attached
from tests.cluster.cluster import Cluster
from tests.cluster.controller import Fleet
from tests.cluster.guide import follow, page
from tests.cluster.site import Site
from tests.deploy.chart import CHART


def test_every_command_of_the_guide(
    fleet: Fleet, cluster: Cluster, site: Site, namespace: str, tmp_path: Path
) -> None:
    there = {
        "registry.example.org": site.address,
        "--context prod": "--context test --name test --yes",
        "'entrepot/entrepot-controller": f"'{fleet.namespace}/entrepot-controller",
        "deploy/chart/crds": f"{CHART / 'crds'}",
        "--namespace team-a": f"--namespace {namespace}",
        "namespaces: [team-a]": f"namespaces: [{namespace}]",
        "--for=condition=Ready": "--for=condition=Ready --timeout=150s",
    }
    env = {**isolated(tmp_path / "home"), **fleet.operator.env}

    with fleet.one():
        said = follow(page("kubernetes-pull-access.md", there), tmp_path, env, within=400)
        cluster.until("it is taken back", lambda: not attached(cluster, namespace))

    assert "pullaccess.entrepot.dev/team-a condition met" in said
    assert '[{"name":"entrepot-pull-team-a"}]' in said
    assert f"{site.address}   1            True" in said
