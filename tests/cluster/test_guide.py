"""docs/kubernetes-deploy.md, from its first command to its last, as somebody would follow it."""

import re
from pathlib import Path

import pytest
from tests.clients.docker import Docker
from tests.cluster.cluster import Cluster
from tests.cluster.guide import PATIENT, follow, page
from tests.cluster.operator import Operator
from tests.cluster.site import Site


@pytest.mark.usefixtures("trusted")
def test_every_command_of_the_guide(
    cluster: Cluster, site: Site, docker: Docker, tmp_path: Path
) -> None:
    operator = Operator(cluster, site, tmp_path)
    text = page("kubernetes-deploy.md", {"registry.example.com": site.address, **PATIENT})
    work = tmp_path / "work"
    work.mkdir()
    try:
        said = follow(text, work, {**docker.env, **operator.env}, within=800)
        assert re.search(r"^1\.0\.0 ", said, re.MULTILINE), "the list of tags"
        assert said.count('deployment "web" successfully rolled out') == 4
        assert f"{site.address}/shop/web:1.0.0" in said.split("rolled out")[3]
        assert "yes: " in said, "the robot may pull"
        [image] = {
            each["spec"]["template"]["spec"]["containers"][0]["image"]
            for each in [cluster.get("deployment", "web", "--namespace=shop")]
        }
        assert image.endswith(":1.0.0")
    finally:
        cluster.kubectl("delete", "namespace", "shop", "--ignore-not-found", "--wait=false")
