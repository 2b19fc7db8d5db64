"""docs/kubernetes-secrets.md, from its first command to its last: pods run by each secret of it."""

from pathlib import Path

from tests.clients.client import isolated
from tests.clients.image import GREETING
from tests.cluster.cluster import Cluster
from tests.cluster.guide import follow, page
from tests.cluster.operator import Operator
from tests.cluster.pod import Pods, pod
from tests.cluster.site import Site


def test_every_command_of_the_guide(
    cluster: Cluster, site: Site, namespace: str, tmp_path: Path
) -> None:
    operator = Operator(cluster, site, tmp_path)
    there = {"registry.example.org": site.address, "--namespace team": f"--namespace {namespace}"}
    image = site.push("team/app")
    env = {**isolated(tmp_path / "home"), **operator.env}

    said = follow(page("kubernetes-secrets.md", there), tmp_path, env, within=400)

    assert "yes: " in said, "the robot may pull"
    pods = Pods(cluster, namespace)
    of_account = pod("account", image)
    del of_account["spec"]["imagePullSecrets"]
    for wanted in (pod("several", image, secrets=["entrepot-pulls"]), of_account):
        wanted["spec"]["containers"][0]["imagePullPolicy"] = "Always"
        assert pods.run(wanted).strip() == GREETING
