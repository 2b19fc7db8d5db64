"""Examinations by a node's files, of a registry that answers as it likes."""

import base64
import ssl
from pathlib import Path

import pytest
from tests.auth.oidc.elsewhere import CA, Says, elsewhere
from tests.content import dump, image
from tests.kube.doctor.etc_folder import written
from tests.registry import free_port

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.diagnosis import Case
from entrepot.kube.doctor.examination import Examiner, Finding
from entrepot.kube.doctor.node_view import NodeView
from entrepot.kube.doctor.placement import NOWHERE, Node
from entrepot.kube.doctor.pull_secret import Credential, PullSecret, State
from entrepot.kube.kubectl import Kubectl

HOSTS = "etc/containerd/certs.d/r.invalid/hosts.toml"
CRIO = "etc/containers/registries.conf"
WANTS = Says(status=401, headers={"www-authenticate": "Basic"})
PAIR = "Basic " + base64.b64encode(b"u:p").decode()


def examined(folder: Path, files: dict[str, str], node: Node = NOWHERE) -> Finding:
    held = Credential("s", "r.invalid", "u", "p")
    secrets = (PullSecret("s", State.GOOD, (held,)),)
    case = Case("a", ("p",), "c", "r.invalid/app:1", secrets=secrets, node=node)
    view = NodeView(written(folder, files), Kubectl())
    return Examiner(lambda _: view.trusted(), view).examine(case)


def cause(found: Finding) -> Cause | None:
    return found.diagnosis.cause if found.diagnosis else None


def test_a_mirror_with_the_pods_password(tmp_path: Path) -> None:
    with elsewhere() as party:
        party.says["/v2/app/manifests/1?ns=r.invalid"] = WANTS
        hosts = f'[host."{party.url}"]\nca = "ca.crt"'
        files = {HOSTS: hosts, HOSTS.replace("hosts.toml", "ca.crt"): CA}
        found = examined(tmp_path, files)
    assert [each.headers["authorization"] for each in party.asked] == [None, PAIR]
    assert cause(found) is Cause.UNRESOLVED, "the server is asked last"
    assert [each.document()["cause"] for each in found.asked] == [
        "credential_refused",
        "unresolved",
    ]


def test_what_the_node_trusts_by_itself(tmp_path: Path) -> None:
    with elsewhere() as party:
        party.says["/v2/app/manifests/1?ns=r.invalid"] = Says(dump(image()))
        party.says[f"/v2/app/blobs/{image()['config']['digest']}?ns=r.invalid"] = Says()
        files = {HOSTS: f'[host."{party.url}"]'}
        assert cause(examined(tmp_path, files)) is Cause.UNRESOLVED
        bundle = {"etc/ssl/certs/ca-certificates.crt": CA}
        assert cause(examined(tmp_path, files | bundle)) is None


@pytest.mark.parametrize(
    ("files", "runtime", "wanted", "words"),
    [
        ({HOSTS: "]"}, "", Cause.NODE_MISCONFIGURED, "hosts.toml is no TOML"),
        ({HOSTS: "host = 1"}, "", Cause.NODE_MISCONFIGURED, "is not as it should be"),
        ({HOSTS: '[host."https://m:x"]'}, "", Cause.NODE_MISCONFIGURED, "HOST:PORT"),
        ({"etc/containerd/config.toml": "]"}, "", Cause.NODE_MISCONFIGURED, "config.toml is no"),
        (
            {CRIO: "[[registry]]\nlocation = 'r.invalid'\nblocked = true"},
            "",
            Cause.BLOCKED,
            "blocks",
        ),
        (
            {CRIO: "registry = 1"},
            "cri-o://1.33",
            Cause.NODE_MISCONFIGURED,
            "registries.conf is not",
        ),
        ({CRIO: "]", HOSTS: ""}, "containerd://2.1", Cause.UNRESOLVED, "r.invalid"),
        (
            {"etc/kubernetes/p.yaml": "kind: CredentialProviderConfig\nproviders: [{}]"},
            "",
            Cause.UNRESOLVED,
            "r.invalid",
        ),
    ],
)
def test_files_that_are_odd(
    tmp_path: Path, files: dict[str, str], runtime: str, wanted: Cause, words: str
) -> None:
    found = examined(tmp_path, files, Node(runtime=runtime))
    assert cause(found) is wanted
    assert found.diagnosis is not None
    assert words in found.diagnosis.wrong


def test_a_plugin_that_cannot_be_run_here(tmp_path: Path) -> None:
    with elsewhere() as party:
        party.says["/v2/app/manifests/1?ns=r.invalid"] = WANTS
        config = "kind: CredentialProviderConfig\nproviders: [{name: x, matchImages: [r.invalid]}]"
        hosts = f'server = "{party.url}"\nca = "ca.crt"'
        files = {HOSTS: hosts, HOSTS.replace("hosts.toml", "ca.crt"): CA, "etc/p.yaml": config}
        view = NodeView(written(tmp_path, files), Kubectl())
        case = Case("a", ("p",), "c", "r.invalid/app:1")
        found = Examiner(lambda _: ssl.create_default_context(), view).examine(case)
    assert cause(found) is Cause.PROVIDER_UNSEEN
    assert found.diagnosis is not None
    assert "the node has x, which cannot be tried" in found.diagnosis.wrong


def test_a_folder_that_containerd_does_not_read(tmp_path: Path) -> None:
    files = {
        "etc/containerd/config.toml": "version = 3",
        HOSTS: f'server = "https://m:{free_port()}"',
    }
    found = examined(tmp_path, files)
    assert cause(found) is Cause.UNRESOLVED
    assert "has no config_path for registries" in found.notes[0]
