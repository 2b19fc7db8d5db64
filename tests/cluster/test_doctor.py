"""`entrepot kube doctor` at the beds of pods that really do not pull, and of some that do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import policed
from tests.cluster.cluster import Cluster
from tests.cluster.pod import SLEEPS, Pods, pod
from tests.cluster.site import Site
from tests.cluster.ward import HEALTHY, NAME, Ward, filled
from tests.content import digest
from tests.registry import free_port
from tests.warm import entrepot

BROKEN = {
    "invalid-name": ("invalid_name", "invalid repository name 'Ward/App'"),
    "never-pulled": ("never_pulled", "imagePullPolicy is Never"),
    "disk-pressure": ("disk_pressure", "node node-full has no room"),
    "unresolved": ("unresolved", "registry.invalid does not resolve from the node"),
    "refused": ("refused", "nothing listens at "),
    "timed-out": ("timed_out", "does not answer in time"),
    "unknown-ca": ("unknown_ca", "that is not trusted from the node"),
    "wrong-name": ("wrong_name", "is for other names"),
    "expired-certificate": ("expired_certificate", "has expired"),
    "plain-http": ("plain_http", "speaks plain HTTP"),
    "no-credential": ("no_credential", "the pod names no secret; good, "),
    "pod-older": ("pod_older", "grown names secret good for it by now"),
    "secret-missing": ("secret_missing", "there is no secret nowhere in ward"),
    "secret-elsewhere": ("secret_elsewhere", "next-door is not in ward but in ward-next-door"),
    "secret-type": ("secret_type", "its type is Opaque"),
    "secret-malformed": ("secret_malformed", "is not the base64 of USER:PASSWORD"),
    "secret-empty": ("secret_malformed", 'there is no "auths" in it'),
    "secret-other-host": ("secret_other_host", "other-host is for 10."),
    "credential-expired": ("credential_expired", "late in secret late has expired"),
    "credential-refused": ("credential_refused", "does not take ward of secret wrong: "),
    "both-refused": ("credential_refused", "(2 were tried: nobody of wrong-path, ward of wrong)"),
    "no-right": ("no_right", "stranger of secret stranger may not pull ward/app"),
    "repository-missing": ("repository_missing", "there is ward/app"),
    "tag-missing": ("tag_missing", "ward/app has no tag 1.1; there is 1.0"),
    "digest-missing": ("digest_missing", "ward/app has no manifest sha256:0000"),
    "no-platform": ("no_platform", "is not for linux/amd64 but for linux/arm64"),
    "layer-missing": ("layer_missing", "blob sha256:"),
    "layer-corrupt": ("layer_corrupt", "is not what it should be: "),
    "too-many": ("too_many", "it says to wait 7 s"),
    "registry-fails": ("registry_fails", "HTTP status 500"),
}


@pytest.fixture(scope="module")
def ward(cluster: Cluster, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with filled(cluster, site, tmp_path_factory.mktemp("ward")) as ward:
        yield ward


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pod(ward: Ward, name: str) -> None:
    cause, words = BROKEN[name]
    status, [found] = ward.says(name, "-n", NAME)
    assert found["cause"] == cause, found
    assert words in found["wrong"]
    assert status == 1
    assert found["pods"] == [name]
    assert found["whose"]
    assert "{" not in found["mend"] or "imagePullSecrets" in found["mend"]


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_pod_is_not_accused(ward: Ward, name: str) -> None:
    status, [found] = ward.says(name, "-n", NAME)
    assert found["healthy"], found
    assert status == 0


def test_a_layer_is_read_where_one_wishes(ward: Ward) -> None:
    status, [found] = ward.says("layer-corrupt", "-n", NAME, "--read-layers")
    assert (status, found["cause"]) == (1, "layer_corrupt")
    assert f"blob {digest(b'sound')} is {digest(b'soond')}" in found["wrong"]


def test_a_deployment_without_its_account(ward: Ward) -> None:
    status, [found] = ward.says("deployment/account-missing", "-n", NAME)
    assert (status, found["cause"]) == (1, "account_missing")
    assert found["mend"] == "kubectl -n ward create serviceaccount nobody"


def test_a_deployment_that_a_policy_forbids(ward: Ward) -> None:
    status, [found] = ward.says("deployment/forbidden", "-n", "ward-next-door")
    assert (status, found["cause"]) == (1, "forbidden")
    assert "violates PodSecurity" in found["wrong"]


POLICED = {
    "deployment/against-policy": ("forbidden", "images come from elsewhere", "not-from-there -o"),
    "deployment/against-webhook": ("webhook_fails", "the webhook pods.away.test fails", "mend the"),
    "statefulset/against-quota": ("quota_exceeded", "the quota none of policed has", "none"),
}


@pytest.mark.parametrize("name", POLICED)
def test_what_the_cluster_makes_no_pods_for(ward: Ward, name: str) -> None:
    cause, words, mend = POLICED[name]
    status, [found] = ward.says(name, "-n", policed.NAME)
    assert (status, found["cause"], found["workload"]) == (1, cause, name), found
    assert words in found["wrong"]
    assert mend in found["mend"]


def test_a_namespace_tells_of_what_has_no_pods(ward: Ward) -> None:
    status, found = ward.says("-n", policed.NAME)
    assert status == 1
    assert {each["workload"]: each["cause"] for each in found} == {
        name: cause for name, (cause, _, _) in POLICED.items()
    }


def test_pods_of_a_deployment_share_a_finding(ward: Ward) -> None:
    status, [found] = ward.says("deployment/tag-missing", "-n", NAME)
    assert (status, found["cause"], len(found["pods"])) == (1, "tag_missing", 2)


def test_no_such_pod(ward: Ward) -> None:
    done = ward.doctor("nobody", "-n", NAME)
    assert done.status == 2
    assert done.error == "entrepot: there is no pod nobody in namespace ward\n"


def test_a_whole_namespace(ward: Ward) -> None:
    """Each image once, and what is wrong apart from what is not."""
    status, found = ward.says("-n", NAME)
    assert status == 1
    sick = {pod for each in found if not each["healthy"] for pod in each["pods"]}
    well = {pod for each in found if each["healthy"] for pod in each["pods"]}
    assert set(BROKEN) <= sick
    assert well == set(HEALTHY)


def test_mirrors_of_a_node(cluster: Cluster, site: Site, namespace: str, tmp_path: Path) -> None:
    """The registry's name does not resolve; a mirror has the image, and one before it is away."""
    site.accounts.project("mirrored", public=True)
    site.push("mirrored/app")
    away = f"https://{cluster.network.host}:{free_port()}"
    hosts = f'[host."{away}"]\n[host."https://{site.address}"]\nca = "{{}}"\n'
    cluster.node.configure("images.invalid", hosts.format(site.ca))
    certs = tmp_path / "containerd" / "certs.d" / "images.invalid"
    certs.mkdir(parents=True)
    (certs / "hosts.toml").write_text(hosts.format("ca.crt"))
    (certs / "ca.crt").write_text(site.ca.read_text())
    runs = pod("mirrored", "images.invalid/mirrored/app:1", command=SLEEPS)
    cluster.apply(policed.deployment("template", runs, namespace, replicas=0))
    pods = Pods(cluster, namespace)
    pods.create(runs)
    pods.until("mirrored", "Running")

    def says(*words: str) -> dict[str, Any]:
        given = ("kube", "doctor", "deployment/template", "-n", namespace, "--json", *words)
        [found] = json.loads(entrepot(*given, KUBECONFIG=str(cluster.kubeconfig)).output)
        return dict(found)

    assert says()["cause"] == "unresolved"
    found = says("--node-files", str(tmp_path))
    assert found["healthy"], found
    assert [(each["url"], each["cause"]) for each in found["asked"]] == [
        (f"{away}/v2", "refused"),
        (f"https://{site.address}/v2", None),
    ]


def test_who_may_not_read_the_secrets_is_told_so(ward: Ward) -> None:
    developer = ward.developer()
    status, [found] = ward.says("credential-refused", "-n", NAME, kubeconfig=developer)
    assert (status, found["cause"]) == (1, "secret_unreadable")
    assert "you may not read secret wrong of ward" in found["wrong"]
    status, [found] = ward.says("healthy", "-n", NAME, kubeconfig=developer)
    assert (status, found["healthy"]) == (0, True)
