"""The controller tells the registry what the cluster runs, and what a rollback would need."""

from typing import Any

from tests.cluster.cluster import Cluster
from tests.cluster.controller import Fleet
from tests.cluster.site import Site
from tests.cluster.workloads import deployment
from tests.warm import entrepot


def listed(fleet: Fleet, namespace: str) -> dict[str, dict[str, Any]]:
    """By tag, what the registry knows of a namespace."""
    rows = fleet.operator.said("kube", "images", "--namespace", namespace)
    return {row["tag"]: row for row in rows}


def test_what_runs_and_what_a_rollback_needs(
    fleet: Fleet, cluster: Cluster, site: Site, namespace: str
) -> None:
    site.accounts.project(namespace, public=True)
    old, new = site.push(f"{namespace}/web", "1.0.0"), site.push(f"{namespace}/web", "1.1.0")
    where = ("--namespace", namespace)
    rollout = ("rollout", "status", "deployment/web", "--timeout=150s")
    cluster.apply(deployment(namespace, old, 1))
    cluster.kubectl(*where, *rollout, within=160)
    cluster.kubectl(*where, "set", "image", "deployment/web", f"c0={new}")
    cluster.kubectl(*where, *rollout, within=160)

    wanted = {"1.0.0": "rollback", "1.1.0": "running"}

    def reported() -> dict[str, dict[str, Any]] | None:
        """Once the old pod is gone, too."""
        rows = listed(fleet, namespace)
        return rows if {tag: row["state"] for tag, row in rows.items()} == wanted else None

    with fleet.one() as controller:
        found = cluster.until("a report", reported)
        counted = 'entrepot_controller_reports_total{result="ok"}'
        cluster.until("it is counted", lambda: counted in controller.metrics())

    assert found["1.1.0"]["workload"] == "web"
    assert found["1.1.0"]["digest"].startswith("sha256:")
    for tag in found:
        words = ("tag", "delete", f"{namespace}/web", tag, "--yes")
        refused = entrepot(*words, **fleet.operator.env)
        assert refused.status != 0
        assert f"in test: {namespace}/Deployment/web" in refused.error
