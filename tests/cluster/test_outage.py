"""Pods start while the registry that their images are named after is dead, and Docker Hub is, too.

The guide, docs/failover.md, is followed from its first command to its last; the drill says
beforehand who would serve what, and is right.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from tests.cluster.cluster import Cluster
from tests.cluster.outage import HUB, Outage
from tests.cluster.pod import Pods
from tests.cluster.site import Site


@pytest.fixture(scope="module")
def outage(
    cluster: Cluster, site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outage]:
    """All is set up and runs, was drilled, and both are dead."""
    site.accounts.project("node-tools", public=True)
    folder = tmp_path_factory.mktemp("outage")
    with ExitStack() as stack:
        namespace = stack.enter_context(cluster.namespace("outage"))
        outage = Outage(cluster, namespace, folder, stack)
        outage.primary.accounts.project("lab", public=True)
        images = {name: outage.primary.push(f"team/{name}") for name in ("web", "next")}
        images["lab"] = outage.primary.push("lab/tool")
        images |= {name: outage.publish(name) for name in ("cached", "cold")}
        outage.follow(site.push("node-tools/busybox"))
        stack.callback(cluster.kubectl, "delete", "namespace", "node-mirrors", "--wait=false")
        outage.copied("team/web", "team/next")
        for name, image in images.items():
            outage.deploy(name, image, int(name == "web"))
        outage.hub("set", "hub", "--tags-after", "1s")
        outage.hub("warm", images["cached"])
        outage.report()
        outage.drilled = outage.drill(
            *("--cluster", "prod", "--primary", outage.primary.address),
            *("--replica", outage.replica.address, "--cache", outage.replica.address),
            *("--without", outage.primary.address, "--without", "docker.io"),
        )
        cluster.node.forget(images["web"])
        outage.strike()
        yield outage


def test_the_drill_said_who_would_serve(outage: Outage) -> None:
    there, here = outage.replica.address, outage.primary.address
    status, served_by = outage.drilled
    assert served_by == {
        f"{here}/team/web:1": there,
        f"{here}/team/next:1": there,
        f"{here}/lab/tool:1": None,
        f"{HUB}/cached:1": there,
        f"{HUB}/cold:1": None,
    }
    assert status == 1


def test_a_deployment_is_scaled_up(outage: Outage) -> None:
    outage.scale("web", 2)
    outage.ready("web", 2)
    outage.pulled("team/web")


def test_an_image_that_no_node_has(outage: Outage) -> None:
    outage.scale("next", 1)
    outage.ready("next", 1)
    outage.pulled("team/next")


def test_an_image_of_docker_hub(outage: Outage) -> None:
    """Its tag is to be looked for again by now, and is served as it was."""
    outage.scale("cached", 1)
    outage.ready("cached", 1)
    assert outage.counted("hub", "stale") > 0


@pytest.mark.parametrize("name", ["lab", "cold"])
def test_what_only_the_dead_have(outage: Outage, name: str) -> None:
    outage.scale(name, 1)
    pods = Pods(outage.cluster, outage.namespace)
    [found] = outage.cluster.until("a pod", lambda: outage.pods(name))
    pods.refused(found["metadata"]["name"])


def test_what_waits_starts_by_itself_when_the_primary_is_back(outage: Outage) -> None:
    outage.scale("lab", 1)
    outage.primary.registry.start()
    outage.ready("lab", 1, within=400)  # by then the kubelet tries again, however often it did
