"""The kubelet's plugin as it lies on a node, asked as the kubelet asks it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.auth.oidc.issuing import AUDIENCE, KEY, claims, public, sign
from tests.auth.oidc.platforms import KUBERNETES
from tests.content import put_image
from tests.distribution.test_workload_tokens import CLUSTER, PASSWORD, rule
from tests.registry import Registry, serving
from tests.tools import run, tool
from tests.warm import entrepot

API = "credentialprovider.kubelet.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Node:
    """What was installed on it, and the registry that it pulls from."""

    folder: Path
    registry: Registry

    @property
    def host(self) -> str:
        return self.registry.address.replace("127.0.0.1", "localhost")

    def ask(self, *arguments: str, **changes: Any) -> subprocess.CompletedProcess[str]:
        """What the plugin says; None takes a field of the request away."""
        request = {
            "apiVersion": API,
            "kind": "CredentialProviderRequest",
            "image": f"{self.host}/team/app:1",
            "serviceAccountToken": pod(),
            "serviceAccountAnnotations": {},
            **changes,
        }
        text = json.dumps({name: value for name, value in request.items() if value is not None})
        program = self.folder / "entrepot-credential-provider"
        words = arguments or ("--ca", str(self.folder / "ca.pem"))
        # The kubelet gives it its own environment; the plugin must not need any of it.
        command = [str(program), *words]
        return subprocess.run(
            command, input=text, env={}, capture_output=True, text=True, timeout=60, check=False
        )


def pod(**changes: Any) -> str:
    return sign(claims(CLUSTER, **{**KUBERNETES, **changes}))


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    names = ("--name", "localhost", "--name", "127.0.0.1")
    made = entrepot("tls", "init", *names, "--dir", str(folder / "tls"))
    assert made.status == 0, made.error
    with serving(
        folder / "registry",
        tls_cert=folder / "tls" / "server.crt",
        tls_key=folder / "tls" / "server.key",
        dangerously_without_accounts=False,
        admin_password=PASSWORD,
    ) as registry:
        found = Node(folder / "node", registry)
        words = ("--registry", found.host, "--audience", AUDIENCE, "--python", sys.executable)
        where = ("--ca", str(folder / "tls" / "ca.crt"))
        done = entrepot("kube", "credential-provider", "install", str(found.folder), *words, *where)
        assert done.status == 0, done.error
        with httpx.Client(
            base_url=registry.url, auth=("admin", PASSWORD), verify=registry.verify
        ) as admin:
            put_image(admin, "team/app", "1")
            admin.base_url = httpx.URL(f"{registry.url}/api/v1")
            assert admin.put("/issuers", json={"url": CLUSTER, "jwks": public(KEY)}).is_success
            rule(admin, "team", CLUSTER, {"sub": "system:serviceaccount:team-*:*"}, "reader:team/*")
        yield found


def password(node: Node, **changes: Any) -> str:
    done = node.ask(**changes)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["auth"][node.host]["password"])


def test_it_answers_as_the_kubelet_wants(node: Node) -> None:
    """Its codec is strict: a field more is an error."""
    done = node.ask()
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    [(host, credential)] = found.pop("auth").items()
    assert host == node.host
    assert credential.keys() == {"username", "password"}
    seconds = int(found.pop("cacheDuration").removesuffix("s"))
    assert 90 <= seconds <= 150, "half of what the pod's token has left"
    assert found == {
        "apiVersion": API,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Registry",
    }


def test_a_real_client_pulls_by_it(node: Node, tmp_path: Path) -> None:
    crane = tool("crane")
    home = {"HOME": str(tmp_path), "SSL_CERT_FILE": str(node.folder / "ca.pem")}
    image = f"{node.host}/team/app:1"
    with pytest.raises(pytest.fail.Exception, match="UNAUTHORIZED"):
        run(crane, "manifest", image, env=home)
    login = ("auth", "login", node.host, "-u", "serviceaccount", "--password-stdin")
    run(crane, *login, env=home, text=password(node))
    assert "layers" in run(crane, "manifest", image, env=home).stdout
    with pytest.raises(pytest.fail.Exception, match="does not carry that"):
        run(crane, "tag", image, "2", env=home)


def test_it_needs_no_more_than_the_nodes_python(node: Node) -> None:
    """Not the environment, nor packages: `-I` and `-S` leave them out."""
    first = (node.folder / "entrepot-credential-provider").read_text().splitlines()[0]
    assert first == f"#!{sys.executable} -IS"


ANOTHER = "system:serviceaccount:kube-system:x"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"serviceAccountToken": None}, "the config needs tokenAttributes"),
        ({"serviceAccountToken": ""}, "the config needs tokenAttributes"),
        ({"apiVersion": "credentialprovider.kubelet.k8s.io/v1beta1"}, "is not a Credential"),
        ({"kind": "Pod"}, "is not a CredentialProviderRequest"),
        ({"serviceAccountToken": "x"}, "answered 401: "),
        ({"image": "localhost:1/team/app:1"}, "cannot reach localhost:1: "),
    ],
    ids=["no token", "empty token", "version", "kind", "no JWT", "away"],
)
def test_why_there_is_none(node: Node, changes: dict[str, Any], why: str) -> None:
    done = node.ask(**changes)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("entrepot-credential-provider: ")
    assert why in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_workload_that_no_rule_means(node: Node) -> None:
    token = pod(sub=ANOTHER)
    done = node.ask(serviceAccountToken=token)
    assert done.returncode == 1
    assert "no rule here says whom it means" in done.stderr
    assert token not in done.stderr


def test_trust_that_is_missing_is_named(node: Node, tmp_path: Path) -> None:
    done = node.ask("--server", node.host)
    assert "is not trusted: " in done.stderr
    assert "(--ca FILE names its CA)" in done.stderr
    done = node.ask("--ca", str(tmp_path / "none.pem"))
    assert f"cannot read the CA {tmp_path}/none.pem" in done.stderr
    assert "its args are" in node.ask("--verbose").stderr


def test_another_server_is_asked_for_the_registry_s_password(node: Node) -> None:
    """Where nodes reach it by another name than the images have."""
    ca = str(node.folder / "ca.pem")
    done = node.ask("--ca", ca, "--server", node.host, image="registry.internal/team/app:1")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["auth"]) == ["registry.internal"]
