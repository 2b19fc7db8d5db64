"""Pods pull with secrets that are made by hand, as docs/kubernetes-secrets.md has it."""

from tests.accounts import Credential
from tests.clients.image import GREETING
from tests.cluster.cluster import Cluster
from tests.cluster.pod import Pods, pod
from tests.cluster.site import Site


def secret(pods: Pods, name: str, site: Site, credential: Credential) -> str:
    """Make a pull secret; its name."""
    pods.kubectl(
        "create",
        "secret",
        "docker-registry",
        name,
        f"--docker-server={site.address}",
        f"--docker-username={credential.name}",
        f"--docker-password={credential.secret}",
    )
    return name


def test_public_image_needs_none(cluster: Cluster, site: Site, namespace: str) -> None:
    site.accounts.project("public", public=True)
    image = site.push("public/greeter")

    assert Pods(cluster, namespace).run(pod("greets", image)).strip() == GREETING


def test_private_image_with_a_secret(cluster: Cluster, site: Site, namespace: str) -> None:
    image = site.push("private/greeter")
    pods = Pods(cluster, namespace)
    made = secret(pods, "entrepot", site, site.reader("nodes", "private/*"))

    assert pods.run(pod("greets", image, secrets=[made])).strip() == GREETING


def test_private_image_without_a_secret(cluster: Cluster, site: Site, namespace: str) -> None:
    image = site.push("closed/greeter")
    pods = Pods(cluster, namespace)
    pods.create(pod("waits", image))

    said = pods.refused("waits")

    assert image in said
    assert "pull access denied" in said
    assert "login_required" in said
    pods.backs_off("waits")


def test_secret_of_a_robot_without_the_right(cluster: Cluster, site: Site, namespace: str) -> None:
    image = site.push("theirs/greeter")
    pods = Pods(cluster, namespace)
    made = secret(pods, "entrepot", site, site.reader("strangers", "ours/*"))
    pods.create(pod("waits", image, secrets=[made]))

    assert "insufficient_scope" in pods.refused("waits")


def test_two_registries_with_a_secret_each(
    cluster: Cluster, site: Site, other_site: Site, namespace: str
) -> None:
    images = [each.push("both/greeter") for each in (site, other_site)]
    pods = Pods(cluster, namespace)
    secrets = [
        secret(pods, f"entrepot-{number}", each, each.reader("both", "both/*"))
        for number, each in enumerate((site, other_site))
    ]

    assert pods.run(pod("greets", *images, secrets=secrets)).split("\n")[:2] == [GREETING] * 2


def test_secret_is_of_one_namespace(cluster: Cluster, site: Site, namespace: str) -> None:
    """What a pod elsewhere names is not there, so it does not pull."""
    image = site.push("here/greeter")
    secret(Pods(cluster, namespace), "entrepot", site, site.reader("here", "here/*"))
    with cluster.namespace(f"{namespace}-elsewhere") as elsewhere:
        pods = Pods(cluster, elsewhere)
        pods.create(pod("waits", image, secrets=["entrepot"]))

        assert image in pods.refused("waits")
