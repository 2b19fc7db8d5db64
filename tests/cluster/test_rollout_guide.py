"""docs/kubernetes-rollout.md, from its first command to its last, as somebody would follow it."""

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
    docker.login(site.address, site.pusher)
    text = page("kubernetes-rollout.md", {"registry.example.com": site.address, **PATIENT})
    work = tmp_path / "work"
    work.mkdir()
    env = {**docker.env, **operator.env, "SSL_CERT_FILE": str(site.ca)}
    try:
        said = follow(text, work, env, within=900)
        assert said.count('deployment "web" successfully rolled out') == 3
        image = f"{site.address}/market/web:1.1.0@sha256:"
        assert f"deployment/web in market is to get {image}" in said
        assert f"deployment/web in market runs {image}" in said
        assert "--version '~1.1': market/web:1.1.0" in said
        assert "does not start; deployment/web in market runs what it ran before" in said
        assert "\n  log    no configuration\nit ended with 1\n" in said
        assert "Rollback was a success" in said
    finally:
        cluster.kubectl("delete", "namespace", "market", "--ignore-not-found", "--wait=false")
