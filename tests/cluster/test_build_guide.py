"""docs/kubernetes-build.md, from its first command to its last, as somebody would follow it."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.docker import Docker
from tests.cluster.cluster import Cluster
from tests.cluster.guide import PATIENT, follow, page
from tests.cluster.operator import Operator
from tests.cluster.site import Site
from tests.tools import run, tool

from entrepot.kube.provider_config import Installation

_BUILDKIT = """\
FROM scratch
COPY busybox /bin/busybox
COPY busybox /bin/sh
COPY buildctl buildkitd buildctl-daemonless.sh runc /usr/bin/
COPY lib /lib
COPY lib64 /lib64
ENV PATH=/usr/bin:/bin
WORKDIR /tmp
"""


@pytest.fixture
def _plugin(cluster: Cluster, site: Site, tmp_path: Path) -> Iterator[None]:
    """The node pulls with no secret, as docs/workload-identity.md says it."""
    folder = tmp_path / "plugin"
    installed = Installation(str(folder), site.address, site.address, site.ca.read_text())
    installed.write(folder)
    cluster.node.start_kubelet(*installed.flags())
    yield
    cluster.node.start_kubelet()


@pytest.mark.usefixtures("trusted", "_plugin")
def test_every_command_of_the_guide(
    cluster: Cluster, site: Site, docker: Docker, tmp_path: Path
) -> None:
    operator = Operator(cluster, site, tmp_path)
    there = {"registry.example.com": site.address, "--context prod": "--context test"}
    there |= {**PATIENT, "--timeout 120s": "--timeout 250s"}
    work = tmp_path / "work"
    (work / "kaniko").mkdir(parents=True)
    shutil.copy(tool("kaniko"), work / "kaniko" / "executor")
    shutil.copy(site.ca, work / "registry-ca.crt")
    docker.login(site.address, site.pusher)
    _push_buildkit(docker, site, tmp_path / "buildkit")
    env = {**docker.env, **operator.env}
    kaniko, heading, buildkit = page("kubernetes-build.md", there).partition("## With BuildKit")
    assert heading
    try:
        said = follow(kaniko, work, env, within=550)
        assert re.search(r"^1\.0\.0 ", said, re.MULTILINE), "the list of tags"
        assert 'deployment "web" successfully rolled out' in said
        assert "\nthis is 1.0.0\n" in said
        [pushed] = operator.said("audit", "list", "--repo", "lab/web", "--action", "pushed")
        assert pushed["detail"]["serviceaccount"] == "builder"
        said = follow(buildkit, work, env, within=550)
        assert 'deployment "web" successfully rolled out' in said
        assert "\nthis is 1.0.0\n" in said
        assert said.rpartition("rolebinding")[2].split()[2] == "yes"
    finally:
        operator.kube("disconnect", "--yes")
        cluster.kubectl("delete", "namespace", "lab", "--ignore-not-found", "--wait=false")


def _push_buildkit(docker: Docker, site: Site, folder: Path) -> None:
    """The image of BuildKit: its programs, a shell, and Debian's runc with its libraries."""
    folder.mkdir()
    for name in ("buildctl", "buildkitd", "buildctl-daemonless.sh", "runc", "busybox"):
        shutil.copy(tool(name), folder)
    libraries = re.findall(r"(/lib\S+)", run(tool("ldd"), tool("runc")).stdout)
    for library in libraries:
        (folder / library.strip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, folder / library.strip("/"))
    (folder / "Dockerfile").write_text(_BUILDKIT)
    docker("build", "--tag", f"{site.address}/tools/buildkit:0.34.2", folder)
    docker("push", f"{site.address}/tools/buildkit:0.34.2")
