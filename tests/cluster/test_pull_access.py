"""Pods pull with secrets that the controller makes, and renews, and takes back."""

import base64
import copy
import json
import re
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from tests.accounts import ADMIN
from tests.clients.image import GREETING
from tests.cluster.cluster import Cluster
from tests.cluster.controller import ACCOUNT, Fleet, Running, granted, used
from tests.cluster.operator import Operator
from tests.cluster.pod import SLEEPS, Pods, pod
from tests.cluster.site import Site

from entrepot.db import engine

HOME = "entrepot-home"
"""Where the controllers live."""


@pytest.fixture(scope="module")
def fleet(
    cluster: Cluster, site: Site, other_site: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """At one registry they are who they are; for the other one there is a secret."""
    with cluster.namespace(HOME):
        operator = Operator(cluster, site, tmp_path_factory.mktemp("operator"))
        done = operator.kube("connect", "--allow", f"{HOME}/{ACCOUNT}=owner:*", "--yes")
        assert done.status == 0, done.error
        other_site.accounts.password("admin", ADMIN.secret)
        yield Fleet(cluster, HOME, tmp_path_factory.mktemp("fleet"), site, other_site)
        operator.kube("disconnect", "--yes")


@pytest.fixture
def controller(fleet: Fleet) -> Iterator[Running]:
    with fleet.one() as running:
        yield running


class Access:
    """A PullAccess, as whoever administers the cluster has it."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self.name = name
        self.secret = f"entrepot-pull-{name}"

    def say(self, **spec: Any) -> None:
        self._cluster.apply(
            {
                "apiVersion": "entrepot.dev/v1alpha1",
                "kind": "PullAccess",
                "metadata": {"name": self.name},
                "spec": spec,
            }
        )

    def ready(self, within: float = 60) -> None:
        """Return once it is, as of what it says now."""

        def is_ready() -> bool:
            status, generation = self._state()
            return status.get("observedGeneration") == generation and self._is(status, "True")

        self._cluster.until(f"{self.name} is ready", is_ready, within)

    def failed(self, *words: str) -> str:
        """What it says once it is not ready, and says so."""

        def message() -> str | None:
            status, _ = self._state()
            said = [each["message"] for each in status.get("conditions", ())]
            fails = self._is(status, "False")
            return said[0] if fails and all(word in said[0] for word in words) else None

        return self._cluster.until(f"{self.name} says {words}", message)

    def delete(self) -> None:
        self._cluster.kubectl("delete", "pullaccess", self.name)

    def _state(self) -> tuple[dict[str, Any], int]:
        found = self._cluster.get("pullaccess", self.name)
        return found.get("status", {}), found["metadata"]["generation"]

    def _is(self, status: dict[str, Any], value: str) -> bool:
        return [each["status"] for each in status.get("conditions", ())] == [value]


@pytest.fixture
def access(cluster: Cluster, namespace: str) -> Iterator[Access]:
    made = Access(cluster, namespace)
    yield made
    cluster.kubectl("delete", "pullaccess", made.name, "--ignore-not-found")


def attached(cluster: Cluster, namespace: str, account: str = "default") -> list[str]:
    """Pull secrets that a service account refers to."""
    found = cluster.get("serviceaccount", account, f"--namespace={namespace}")
    return [each["name"] for each in found.get("imagePullSecrets", ())]


def secrets(cluster: Cluster, namespace: str) -> set[str]:
    found = cluster.get("secrets", f"--namespace={namespace}")["items"]
    return {each["metadata"]["name"] for each in found}


def robots(site: Site, namespace: str) -> list[str]:
    """Robots of a namespace, at the registry."""
    with closing(engine.connect(site.registry.data)) as db:
        rows = db.execute("select name from account where name like ?", (f"kube.%.{namespace}",))
        return [str(name) for (name,) in rows]


def test_a_pod_pulls_from_two_registries(
    controller: Running,
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
    cluster.kubectl("--namespace", HOME, *basic)
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
    cluster.until("it is attached", lambda: access.secret in _attached_if_any(cluster, later))

    assert Pods(cluster, later).run(pod("greets", image)).strip() == GREETING

    cluster.kubectl("delete", "namespace", later, "--wait=false")


def _attached_if_any(cluster: Cluster, namespace: str) -> list[str]:
    found = cluster.get("serviceaccounts", f"--namespace={namespace}")["items"]
    return [ref["name"] for each in found for ref in each.get("imagePullSecrets", ())]


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
    access.ready(within=90)
    both = ["theirs", access.secret]
    cluster.until("both are referred to", lambda: attached(cluster, namespace) == both)
    access.delete()
    cluster.until("theirs stays", lambda: attached(cluster, namespace) == ["theirs"])


@pytest.mark.timeout(180)
def test_a_spoiled_secret_and_what_is_handed_on(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """Of a registry where nobody makes robots for us, credentials beside the controller count."""
    image = site.push(f"{namespace}/greeter")
    reader = site.reader(f"hub-{namespace}", f"{namespace}/*")
    where = ("--namespace", HOME)
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
    cluster.until("it is back", lambda: access.secret in secrets(cluster, namespace), within=90)
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

    rollout = ("rollout", "status", "deployment/web", "--timeout=60s")
    cluster.until("pods refer to it", lambda: _of_template(cluster, namespace) == [access.secret])
    cluster.kubectl("--namespace", namespace, *rollout, within=70)
    assert attached(cluster, namespace) == []
    for kind in ("statefulset", "daemonset"):
        cluster.until(f"{kind} too", partial(_of_template, cluster, namespace, kind))
    job = cluster.get("cronjob", "night", f"--namespace={namespace}")
    job_spec = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert job_spec["imagePullSecrets"] == [{"name": access.secret}]

    access.delete()
    cluster.until("nothing refers to it", lambda: not _of_template(cluster, namespace))


def others(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """The same as a StatefulSet without pods, and as a DaemonSet for no node."""
    spec = {key: deployment["spec"][key] for key in ("selector", "template")}
    template = copy.deepcopy(spec["template"])
    template["spec"]["nodeSelector"] = {"on": "no-node"}
    stateful, daemon = {**spec, "replicas": 0, "serviceName": "web"}, {**spec, "template": template}
    return [
        {**deployment, "kind": "StatefulSet", "spec": stateful},
        {**deployment, "kind": "DaemonSet", "spec": daemon},
    ]


def _of_template(cluster: Cluster, namespace: str, kind: str = "deployment") -> list[str]:
    spec = cluster.get(kind, "web", f"--namespace={namespace}")["spec"]
    found = spec["template"]["spec"].get("imagePullSecrets", ())
    return [each["name"] for each in found]


def deployment(namespace: str, image: str, replicas: int, **metadata: Any) -> dict[str, Any]:
    template = pod("web", image, command=SLEEPS, restartPolicy="Always")
    template["spec"]["containers"][0]["imagePullPolicy"] = "Always"
    del template["spec"]["imagePullSecrets"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": namespace, **metadata},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"rollingUpdate": {"maxSurge": 2, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": template["spec"]},
        },
    }


def cron_job(namespace: str, image: str) -> dict[str, Any]:
    template = {"spec": pod("night", image)["spec"]}
    del template["spec"]["imagePullSecrets"]
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "night", "namespace": namespace, "labels": {"pulls": "ours"}},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template}}},
    }


def test_no_pod_is_lost_while_passwords_change_and_a_controller_is_killed(
    fleet: Fleet, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    """Twenty pods are restarted one after another; the passwords live for a minute."""
    image = site.push(f"{namespace}/greeter")
    registries = [{"host": site.address, "repositories": [f"{namespace}/*"]}]
    with fleet.one() as first:
        cluster.until("it works", lambda: first.works)
        access.say(namespaces=[namespace], lifetime="1m", registries=registries)
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
    events = cluster.get("events", f"--namespace={namespace}")["items"]
    assert [each["message"] for each in events if "Failed to pull" in each["message"]] == []
    assert sum(each["reason"] == "Pulled" for each in events) >= 60


def password(cluster: Cluster, namespace: str, access: Access) -> str:
    found = cluster.get("secret", access.secret, f"--namespace={namespace}")
    config = json.loads(base64.b64decode(found["data"][".dockerconfigjson"]))
    (entry,) = config["auths"].values()
    return str(entry["password"])


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
    assert [each for each in entries if each["responseStatus"]["code"] == 403] == []
    # Who applies a new object has to have both rights, and one is written down.
    assert used(entries) | {("", "secrets", "create")} == granted(fleet.rights)


def test_the_api_server_goes_and_comes_back(
    controller: Running, cluster: Cluster, site: Site, access: Access, namespace: str
) -> None:
    cluster.until("it works", lambda: controller.works)
    cluster.control_plane.restart_server(pause=6)
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
        assert said in controller.log.replace("\\", "")
        cluster.apply(role)
        access.ready(within=90)
