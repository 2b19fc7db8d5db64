"""The kubelet's plugins by a node's files, and what ours gets at a real registry."""

from pathlib import Path

import pytest
from tests.auth.oidc.issuing import AUDIENCE
from tests.kube.doctor.etc_folder import written
from tests.kube.test_credential_provider import Node, node, pod  # noqa: F401 - a fixture
from tests.registry import free_port

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.containerd_hosts import ConfigError
from entrepot.kube.doctor.etc import Etc
from entrepot.kube.doctor.http import StoppedError
from entrepot.kube.doctor.node_provider import NodeProvider, providers
from entrepot.kube.node_files import FOLDER, NodeFiles
from entrepot.kube.provider_config import NAME
from entrepot.oci.image_name import Image

OTHER = """\
kind: CredentialProviderConfig
providers:
- name: ecr-credential-provider
  matchImages: ["*.dkr.ecr.*.amazonaws.com", "r.test/team"]
"""


def test_what_connect_writes(tmp_path: Path) -> None:
    etc = written(tmp_path, NodeFiles("r.test", "aud", "PEM").files())
    [found] = providers(etc)
    assert found == NodeProvider(NAME, ("r.test",), "aud", ("--ca", f"{FOLDER}/ca.pem"))
    assert found.is_ours


def test_one_of_others(tmp_path: Path) -> None:
    [found] = providers(written(tmp_path, {"kubernetes/x.yaml": OTHER, "a.yaml": "kind: Pod"}))
    assert not found.is_ours
    assert found.means(Image.parse("1.dkr.ecr.eu.amazonaws.com/app"))
    assert found.means(Image.parse("r.test/team/app"))
    assert not found.means(Image.parse("r.test/app"))


@pytest.mark.parametrize("text", ["{", "providers: [1]", "providers: []"])
def test_what_is_no_config(tmp_path: Path, text: str) -> None:
    etc = written(tmp_path, {"kubernetes/x.yaml": f"# CredentialProviderConfig\n{text}"})
    with pytest.raises(ConfigError, match=r"/etc/kubernetes/x.yaml is no Cred"):
        providers(etc)


def ours(node: Node, server: str = "") -> tuple[NodeProvider, Image, Etc]:  # noqa: F811
    args = ("--ca", "/ca.pem", *(("--server", server) if server else ()))
    provider = NodeProvider(NAME, (node.host,), AUDIENCE, args)
    return provider, Image.parse(f"{node.host}/team/app:1"), Etc(node.folder)


def test_it_gets_a_password(node: Node) -> None:  # noqa: F811
    provider, image, etc = ours(node)
    found = provider.trade(image, pod(), etc)
    assert (found.user, found.pattern, found.by_node) == ("serviceaccount", node.host, True)
    assert len(found.rules) == 1
    assert found.password not in repr(found)


def test_it_gets_none(node: Node) -> None:  # noqa: F811
    provider, image, etc = ours(node)
    with pytest.raises(StoppedError, match="answered 401: ") as stopped:
        provider.trade(image, pod(sub="system:serviceaccount:other:x"), etc)
    assert stopped.value.cause is Cause.PROVIDER_REFUSED


def test_the_registry_is_away(node: Node) -> None:  # noqa: F811
    provider, image, etc = ours(node, f"127.0.0.1:{free_port()}")
    with pytest.raises(StoppedError) as stopped:
        provider.trade(image, pod(), etc)
    assert stopped.value.cause is Cause.REFUSED


def test_its_ca_is_lost(node: Node, tmp_path: Path) -> None:  # noqa: F811
    provider, image, _ = ours(node)
    with pytest.raises(StoppedError, match="cannot read its CA"):
        provider.trade(image, pod(), Etc(tmp_path))
