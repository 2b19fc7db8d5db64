"""Pods pull with secrets that the controller makes, and renews, and takes back."""

import copy
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from tests.clients.image import GREETING
from tests.cluster.access import (
    Access,
    attached,
    attached_anywhere,
    password,
    robots,
    secrets,
)
from tests.cluster.cluster import Cluster
from tests.cluster.controller import Fleet, Running, granted, used
from tests.cluster.pod import Pods, pod
from tests.cluster.site import Site
from tests.cluster.workloads import cron_job, deployment, others


@pytest.fixture
def controller(fleet: Fleet) -> Iterator[Running]:
    with fleet.one() as running:
        yield running


@pytest.fixture
def access(cluster: Cluster, namespace: str) -> Iterator[Access]:
    made = Access(cluster, namespace)
    yield made
    cluster.kubectl("delete", "pullaccess", made.name, "--ignore-not-found")


def test_a_pod_pulls_from_two_registries(
    controller: Running,
    fleet: Fleet,
    cluster: Cluster,
    site: Site,
    other_site: Site,
    access: Access,
    namespace: str,
) -> None:
    images = [each.push(f"{namespace}/greeter") for each in (site, other_site)]
    owner = other_site.accounts.robot("owner", "owner:*")
    name, secret = owner.pair
    given = [f"--from-literal=username={name}", f"--from-literal=password={secret}"]
    basic = ["create", "secret", "generic", "other", "--type=kubernetes.io/basic-auth", *given]
    cluster.kubectl("--namespace", fleet.namespace, *basic)
    repositories = [f"{namespace}/*"]
    access.say(
        namespaces=[namespace],
        registries=[
            {"host": site.address, "repositories": repositories},
            {
                "host": other_site.address,
                "repositories": repositories,
                "login": {"secret": "other"},
            },
        ],
    )
    access.ready()

    pods = Pods(cluster, namespace)
    assert pods.run(pod("greets", *images)).split("\n")[:2] == [GREETING] * 2
    assert attached(cluster, namespace) == [access.secret]
    said = cluster.kubectl("get", "pullaccess", access.name)
    assert [line.split() for line in said.splitlines()][1][:5] == [
        access.name,
        f"{site.address},",
        other_site.address,
        "1",
        "True",
    ]


def test_a_pod_of_another_namespace_does_not(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """Nor does the one of the namespace that may, where it is not its."""
    image, closed = site.push(f"{namespace}/greeter"), site.push(f"closed-{namespace}/greeter")
    registries = [{"host": site.address, "repositories": [f"{namespace}/*"]}]
    access.say(namespaces=[namespace], registries=registries)
    access.ready()
    with cluster.namespace(f"{namespace}-elsewhere") as elsewhere:
        pods = Pods(cluster, elsewhere)
        pods.create(pod("waits", image))
        assert "login_required" in pods.refused("waits")
        assert attached(cluster, elsewhere) == []
    pods = Pods(cluster, namespace)
    pods.create(pod("waits", closed))
    assert "insufficient_scope" in pods.refused("waits")


def test_a_namespace_that_appears_later(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """By its label; a pod that is made at once pulls, too."""
    image = site.push(f"{namespace}/greeter")
    access.say(
        namespaceSelector={"matchLabels": {"team": namespace}},
        registries=[{"host": site.address, "repositories": [f"{namespace}/*"]}],
    )
    access.ready()
    later = f"{namespace}-later"
    meta = {"name": later, "labels": {"team": namespace}}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    cluster.until("it is attached", lambda: access.secret in attached_anywhere(cluster, later))

    assert Pods(cluster, later).run(pod("greets", image)).strip() == GREETING

    cluster.kubectl("delete", "namespace", later, "--wait=false")


def test_access_ends(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """At once, and without a trace, where a namespace is named no more, and with the PullAccess."""
    registries = [{"host": site.address, "repositories": [f"{namespace}/*"]}]
    with cluster.namespace(f"{namespace}-too") as too:
        access.say(namespaces=[namespace, too], registries=registries)
        access.ready()
        assert len(robots(site, namespace)) == len(robots(site, too)) == 1

        access.say(namespaces=[namespace], registries=registries)
        cluster.until("the robot is gone", lambda: not robots(site, too))
        cluster.until("the secret is gone", lambda: access.secret not in secrets(cluster, too))
        assert attached(cluster, too) == []
        assert attached(cluster, namespace) == [access.secret]

    access.delete()
    cluster.until("the robot is gone", lambda: not robots(site, namespace))
    cluster.until("the secret is gone", lambda: access.secret not in secrets(cluster, namespace))
    cluster.until("nothing refers to it", lambda: not attached(cluster, namespace))
    account = cluster.get("serviceaccount", "default", f"--namespace={namespace}")
    assert "annotations" not in account["metadata"]


def test_what_others_made_is_left_alone(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    where = ("--namespace", namespace)
    cluster.kubectl(*where, "create", "secret", "generic", access.secret, "--from-literal=a=b")
    patch = json.dumps({"imagePullSecrets": [{"name": "theirs"}]})
    cluster.kubectl(*where, "patch", "serviceaccount", "default", "-p", patch)
    before = cluster.get("secret", access.secret, f"--namespace={namespace}")
    access.say(
        namespaces=[namespace],
        registries=[{"host": site.address, "repositories": [f"{namespace}/*"]}],
    )

    access.failed(access.secret, "somebody else")
    cluster.until("nothing refers to it", lambda: attached(cluster, namespace) == ["theirs"])
    assert cluster.get("secret", access.secret, f"--namespace={namespace}") == before

    cluster.kubectl(*where, "delete", "secret", access.secret)
    access.ready()
    both = ["theirs", access.secret]
    cluster.until("both are referred to", lambda: attached(cluster, namespace) == both)
    access.delete()
    cluster.until("theirs stays", lambda: attached(cluster, namespace) == ["theirs"])


def test_a_spoiled_secret_and_what_is_handed_on(
    controller: Running, fleet: Fleet, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """Of a registry where nobody makes robots for us, credentials beside the controller count."""
    image = site.push(f"{namespace}/greeter")
    reader = site.reader(f"hub-{namespace}", f"{namespace}/*")
    where = ("--namespace", fleet.namespace)
    made = [
        f"--docker-server={site.address}",
        f"--docker-username={reader.name}",
        f"--docker-password={reader.secret}",
    ]
    cluster.kubectl(*where, "create", "secret", "docker-registry", namespace, *made)
    registries = [{"host": site.address, "copy": {"secret": namespace}}]
    access.say(namespaces=[namespace], registries=registries)
    access.ready()
    assert Pods(cluster, namespace).run(pod("greets", image)).strip() == GREETING

    cluster.kubectl("--namespace", namespace, "delete", "secret", access.secret)
    cluster.until("it is back", lambda: access.secret in secrets(cluster, namespace))
    cluster.kubectl(*where, "delete", "secret", namespace)
    access.failed("there is no secret")


def test_templates_of_workloads(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """By their label, and without a word in any service account."""
    image = site.push(f"{namespace}/greeter")
    access.say(
        namespaces=[namespace],
        serviceAccounts=[],
        podTemplates={"matchLabels": {"pulls": "ours"}},
        registries=[{"host": site.address, "repositories": [f"{namespace}/*"]}],
    )
    access.ready()
    labels = {"pulls": "ours"}
    web = deployment(namespace, image, 1, labels=labels)
    cluster.apply(web, *others(web), cron_job(namespace, image))

    rollout = ("rollout", "status", "deployment/web", "--timeout=150s")
    cluster.until("pods refer to it", lambda: _of_template(cluster, namespace) == [access.secret])
    cluster.kubectl("--namespace", namespace, *rollout, within=160)
    assert attached(cluster, namespace) == []
    for kind in ("statefulset", "daemonset"):
        cluster.until(f"{kind} too", partial(_of_template, cluster, namespace, kind))
    cluster.until("the jobs, too", partial(_of_template, cluster, namespace, "cronjob", "night"))

    access.delete()
    cluster.until("nothing refers to it", lambda: not _of_template(cluster, namespace))


def _of_template(
    cluster: Cluster, namespace: str, kind: str = "deployment", name: str = "web"
) -> list[str]:
    spec = cluster.get(kind, name, f"--namespace={namespace}")["spec"]
    template = spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
    return [each["name"] for each in template["spec"].get("imagePullSecrets", ())]


def test_no_pod_is_lost_while_passwords_change_and_a_controller_is_killed(
    fleet: Fleet, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """Twenty pods are restarted one after another; the passwords live for two minutes: from half of
    it on they are renewed, and the other controller begins half a minute later at most.
    """
    image = site.push(f"{namespace}/greeter")
    registries = [{"host": site.address, "repositories": [f"{namespace}/*"]}]
    with fleet.one() as first:
        cluster.until("it works", lambda: first.works)
        access.say(namespaces=[namespace], lifetime="2m", registries=registries)
        access.ready()
        with fleet.one() as second:
            cluster.apply(deployment(namespace, image, 20))
            rollout = ("rollout", "status", "deployment/web", "--timeout=150s")
            where = ("--namespace", namespace)
            cluster.kubectl(*where, *rollout, within=160)
            before = password(cluster, namespace, access)
            cluster.kubectl(*where, "rollout", "restart", "deployment/web")
            first.kill()
            cluster.kubectl(*where, *rollout, within=160)
            cluster.until("the other one works", lambda: second.works)
            cluster.until("a new password", lambda: password(cluster, namespace, access) != before)
            cluster.kubectl(*where, "rollout", "restart", "deployment/web")
            cluster.kubectl(*where, *rollout, within=160)
            assert second.rotations(site.address) >= 1

    def events() -> list[dict[str, Any]]:
        return list(cluster.get("events", f"--namespace={namespace}")["items"])

    def pulled() -> bool:
        return [each["reason"] for each in events()].count("Pulled") >= 60

    cluster.until("it is known of all that they pulled", pulled)
    assert [each["message"] for each in events() if "Failed to pull" in each["message"]] == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no namespaces": ({"registries": [{"host": "a.test", "repositories": ["a"]}]}, "say which"),
    "neither": ({"namespaces": ["a"], "registries": [{"host": "a.test"}]}, "say either"),
    "twice": (
        {"namespaces": ["a"], "registries": [{"host": "a.test", "repositories": ["a"]}] * 2},
        "Duplicate value",
    ),
    "no time": (
        {
            "namespaces": ["a"],
            "lifetime": "soon",
            "registries": [{"host": "a.test", "repositories": ["a"]}],
        },
        "spec.lifetime",
    ),
    "unknown": (
        {
            "namespaces": ["a"],
            "registry": [],
            "registries": [{"host": "a.test", "repositories": ["a"]}],
        },
        'unknown field "registry"',
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(fleet: Fleet, cluster: Cluster, access: Access, case: str) -> None:
    spec, why = REFUSED[case]
    with pytest.raises(pytest.fail.Exception, match=re.escape(why)):
        access.say(**spec)


def test_it_has_no_right_too_many_and_none_too_few(fleet: Fleet, cluster: Cluster) -> None:
    """By what the API server wrote down of all the tests above: each right was used, and it never
    asked for another. So less would break it.
    """
    entries = cluster.control_plane.audited(fleet.user)
    refused = [each["responseStatus"] for each in entries if each["responseStatus"]["code"] == 403]
    # Nobody makes anything in a namespace that is just going, whatever their rights.
    assert [each for each in refused if "being terminated" not in each.get("message", "")] == []
    # Who applies a new object has to have both rights, and one is written down.
    assert used(entries) | {("", "secrets", "create")} == granted(fleet.rights)


def test_the_api_server_goes_and_comes_back(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    cluster.until("it works", lambda: controller.works)
    cluster.control_plane.restart_server(pause=6)
    cluster.until("its kinds are known again", cluster.knows("pullaccess"))
    registries = [{"host": site.address, "repositories": [f"{namespace}/*"]}]
    access.say(namespaces=[namespace], registries=registries)
    access.ready()
    image = site.push(f"{namespace}/greeter")
    assert Pods(cluster, namespace).run(pod("greets", image)).strip() == GREETING


def test_with_a_right_less_it_says_so(
    fleet: Fleet, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """Here with the one that the test above cannot see."""
    (role,) = [each for each in fleet.rights if each["kind"] == "ClusterRole"]
    rules = copy.deepcopy(role["rules"])
    for rule in rules:
        if rule["resources"] == ["secrets"]:
            rule["verbs"].remove("create")
    cluster.apply({**role, "rules": rules})
    registries = [{"host": site.address, "repositories": [f"{namespace}/*"]}]
    access.say(namespaces=[namespace], registries=registries)
    with fleet.one() as controller:
        said = access.failed("secrets", "forbidden")
        assert fleet.user in said
        cluster.until("it tells", lambda: said in controller.log.replace("\\", ""))
        cluster.apply(role)
        access.ready()
