"""docs/kubernetes-deploy.md, from its first command to its last, as somebody would follow it."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.docker import Docker
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.process import component
from tests.cluster.site import Site
from tests.tools import run, tool

GUIDE = Path(__file__).parents[2] / "docs" / "kubernetes-deploy.md"
HOST = "registry.example.com"

_block = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL).findall


def script(text: str) -> str:
    """The blocks as one shell script: files are written, commands run, in the order of the page."""
    lines = []
    for kind, block in _block(text):
        if kind == "console":
            lines += [line.removeprefix("$ ") for line in block.splitlines()]
        else:
            name = "Dockerfile" if kind == "dockerfile" else block.splitlines()[0].strip("# ")
            lines.append(f"cat > {name} <<'END'\n{block}END")
    return "\n".join(lines)


@pytest.fixture
def trusted(site: Site) -> Iterator[None]:
    """docker trusts the registry, as docs/tls.md says it."""
    place = Path("/etc/docker/certs.d") / site.address
    place.mkdir(parents=True)
    shutil.copy(site.ca, place / "ca.crt")
    yield
    shutil.rmtree(place)


@pytest.mark.usefixtures("trusted")
@pytest.mark.timeout(240)
def test_every_command_of_the_guide(
    cluster: Cluster, site: Site, docker: Docker, tmp_path: Path
) -> None:
    operator = Operator(cluster, site, tmp_path)
    text = GUIDE.read_text().replace(HOST, site.address)
    programs = [Path(sys.executable).parent, *{component("kubectl").parent, tool("jq").parent}]
    path = ":".join([*map(str, programs), os.environ["PATH"]])
    work = tmp_path / "work"
    work.mkdir()
    env = {**docker.env, **operator.env, "PATH": path}
    try:
        said = run(
            "bash", "-euxo", "pipefail", "-c", script(text), env=env, cwd=work, within=200
        ).stdout
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
