"""`entrepot kube doctor` and the plugin of kubectl, without a cluster; with one: tests/cluster."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.registry import free_port
from tests.warm import entrepot

from entrepot.kube.doctor.cause import Cause

ROOT = Path(__file__).parent.parent.parent


def test_no_kubectl_is_said(tmp_path: Path) -> None:
    done = entrepot("kube", "doctor", "web", PATH=str(tmp_path))
    assert done.status == 2
    assert done.error == "entrepot: there is no kubectl here: install it first\n"


def test_the_plugin_is_the_same_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["kubectl-entrepot"].partition(":")
    call = f"import {module}; {module}.{name}()"
    words = [sys.executable, "-c", call, "doctor", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert "kubectl entrepot doctor" in done.stdout
    assert "--namespace" in done.stdout


KUBECTL = """\
#!/bin/sh
case "$*" in
  *"get pod "*) cat {folder}/pod.json ;;
  *"get serviceaccount"*) echo '{{}}' ;;
  *) echo '{{"items": []}}' ;;
esac
"""
"""A cluster of one pod."""


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """A folder with a kubectl that knows one pod, of an image that nobody has."""
    image = f"127.0.0.1:{free_port()}/team/app:1"
    spec = {"containers": [{"name": "c", "image": image}]}
    pod = {"metadata": {"name": "web", "namespace": "a"}, "spec": spec}
    (tmp_path / "pod.json").write_text(json.dumps(pod))
    (tmp_path / "kubectl").write_text(KUBECTL.format(folder=tmp_path))
    (tmp_path / "kubectl").chmod(0o755)
    return tmp_path


def test_what_was_not_looked_at_is_said_once(waiting: Path) -> None:
    done = entrepot("kube", "doctor", "web", PATH=f"{waiting}:/usr/bin:/bin")
    assert done.status == 1
    assert "\n  wrong  nothing listens at 127.0.0.1:" in done.output
    assert done.output.endswith(
        "\n\nnot looked at: the mirrors and credential providers of the nodes (--node-files DIR)\n"
    )
    assert "asked" not in done.output


def test_mirrors_of_a_node_are_shown_in_their_order(waiting: Path) -> None:
    hosts = waiting / "node" / "containerd" / "certs.d" / "_default" / "hosts.toml"
    hosts.parent.mkdir(parents=True)
    hosts.write_text(f'[host."https://127.0.0.1:{free_port()}"]\nca = "lost.crt"\n')
    words = ("kube", "doctor", "web", "--node-files", str(waiting / "node"))
    done = entrepot(*words, PATH=f"{waiting}:/usr/bin:/bin")
    assert done.status == 1
    first, second = [line for line in done.output.splitlines() if line.startswith("  asked")]
    lost = "/etc/containerd/certs.d/_default/lost.crt"
    assert first.endswith(f"/v2 with {lost}: refused; not among the files: {lost}")
    assert second.endswith("/v2: refused")
    assert "not looked at" not in done.output


@pytest.mark.parametrize("runtime", ["containerd", "crio"])
def test_files_of_mirror_config_are_read(waiting: Path, runtime: str) -> None:
    pod, node = json.loads((waiting / "pod.json").read_text()), str(waiting / "node")
    host = pod["spec"]["containers"][0]["image"].partition("/")[0]
    replica = f"127.0.0.1:{free_port()}"
    made = entrepot("mirror-config", runtime, host, "--replica", replica, "--to", node)
    assert made.status == 0
    words = ("kube", "doctor", "web", "--node-files", node)
    done = entrepot(*words, PATH=f"{waiting}:/usr/bin:/bin")
    asked = [line.split()[1] for line in done.output.splitlines() if line.startswith("  asked")]
    assert [each.partition("://")[2].partition("/")[0] for each in asked] == [host, replica]


def test_files_of_a_node_that_are_not_there(waiting: Path) -> None:
    words = ("kube", "doctor", "web", "--node-files", str(waiting / "nowhere"))
    done = entrepot(*words, PATH=f"{waiting}:/usr/bin:/bin")
    assert (done.status, done.error) == (2, f"entrepot: there is no folder {waiting}/nowhere\n")


@pytest.mark.parametrize("cause", [each.name.lower() for each in Cause])
def test_each_cause_is_in_the_guide(cause: str) -> None:
    rows = (ROOT / "docs" / "kubernetes-doctor.md").read_text().splitlines()
    assert any(row.startswith("| `") and f"`{cause}`" in row.split("|")[1] for row in rows)
