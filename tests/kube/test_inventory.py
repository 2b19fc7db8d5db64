"""The entries of a cluster, from what its API lists."""

import json
from typing import Any

import pytest

from entrepot.admin.clusters import Report
from entrepot.kube.inventory import SOURCES, report

HOST = "registry.test"
WEB = f"{HOST}/team/web:1.0"
DIGEST = f"sha256:{'a' * 64}"
OTHER = f"sha256:{'b' * 64}"

Document = dict[str, Any]


def owner(kind: str, name: str, *, controller: bool = True) -> Document:
    return {"kind": kind, "name": name, "uid": f"{kind}-{name}", "controller": controller}


def meta(kind: str, name: str, *owners: Document, **more: Any) -> Document:
    uid = f"{kind}-{name}"
    own = {"ownerReferences": list(owners)} if owners else {}
    return {"name": name, "namespace": "team-a", "uid": uid, **own, **more}


def spec(*images: str, **more: Any) -> Document:
    named = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"containers": named, **more}


def pod(
    name: str = "web-x",
    *owners: Document,
    image: str = WEB,
    pulled: str = "",
    phase: str = "Running",
) -> Document:
    ids = [{"name": "c0", "imageID": pulled}] if pulled else []
    status = {"phase": phase, "containerStatuses": ids}
    return {"metadata": meta("Pod", name, *owners), "spec": spec(image), "status": status}


def replica_set(name: str, revision: int, image: str = WEB, owned: bool = True) -> Document:
    owners = [owner("Deployment", "web")] if owned else []
    annotations = {"deployment.kubernetes.io/revision": str(revision)}
    return {
        "metadata": meta("ReplicaSet", name, *owners, annotations=annotations),
        "spec": {"replicas": 0, "template": {"spec": spec(image)}},
    }


def revision(name: str, number: int, image: str = WEB, kind: str = "StatefulSet") -> Document:
    return {
        "metadata": meta("ControllerRevision", name, owner(kind, "db")),
        "data": {"spec": {"template": {"$patch": "replace", "spec": spec(image)}}},
        "revision": number,
    }


def job(name: str, *owners: Document, image: str = WEB, **status: Any) -> Document:
    return {
        "metadata": meta("Job", name, *owners),
        "spec": {"template": {"spec": spec(image)}},
        "status": status,
    }


def cron_job(image: str = WEB) -> Document:
    template = {"spec": {"template": {"spec": spec(image)}}}
    return {"metadata": meta("CronJob", "nightly"), "spec": {"jobTemplate": template}}


IMAGES: dict[str, tuple[str, tuple[str, str, str, str, bool]]] = {
    "a tag": (WEB, (HOST, "team/web", "1.0", "", False)),
    "nothing said": (f"{HOST}/web", (HOST, "web", "latest", "", False)),
    "a digest": (f"{HOST}/web@{DIGEST}", (HOST, "web", "", DIGEST, True)),
    "both": (f"{HOST}:5000/web:1@{DIGEST}", (f"{HOST}:5000", "web", "1", DIGEST, True)),
    "Docker's own": ("busybox:1", ("docker.io", "library/busybox", "1", "", False)),
    "of somebody there": ("bitnami/redis", ("docker.io", "bitnami/redis", "latest", "", False)),
    "no name": ("HTTP://x", ("", "", "", "", False)),
}


@pytest.mark.parametrize(("image", "wanted"), IMAGES.values(), ids=IMAGES)
def test_what_is_written(image: str, wanted: tuple[str, str, str, str, bool]) -> None:
    [found] = report({"Pod": [pod(image=image)]})
    assert found["image"] == image
    assert (
        found["host"], found["repository"], found["tag"], found["digest"], found["pinned"]
    ) == wanted  # fmt: skip


PULLED: dict[str, tuple[str, str]] = {
    "containerd": (f"{HOST}/team/web@{DIGEST}", DIGEST),
    "docker": (f"docker-pullable://{HOST}/team/web@{DIGEST}", DIGEST),
    "a configuration alone": (DIGEST, ""),
    "docker's, never pulled": (f"docker://{DIGEST}", ""),
    "an id": ("a" * 64, ""),
    "nothing": ("", ""),
    "cut": (f"{HOST}/team/web@sha256:abc", ""),
}


@pytest.mark.parametrize(("said", "wanted"), PULLED.values(), ids=PULLED)
def test_what_was_pulled(said: str, wanted: str) -> None:
    [found] = report({"Pod": [pod(pulled=said)]})
    assert found["digest"] == wanted
    assert not found["pinned"]


def test_what_is_written_counts_more_than_what_was_pulled() -> None:
    [found] = report({"Pod": [pod(image=f"{HOST}/web@{DIGEST}", pulled=f"{HOST}/web@{OTHER}")]})
    assert found["digest"] == DIGEST


REPLICA = owner("ReplicaSet", "web-1")
OWNED: dict[str, tuple[dict[str, list[Document]], tuple[str, str]]] = {
    "nobody": ({"Pod": [pod()]}, ("Pod", "web-x")),
    "a Deployment": (
        {"Pod": [pod("web-x", REPLICA)], "ReplicaSet": [replica_set("web-1", 1)]},
        ("Deployment", "web"),
    ),
    "a ReplicaSet that is not listed": ({"Pod": [pod("x", REPLICA)]}, ("ReplicaSet", "web-1")),
    "a ReplicaSet of nobody": (
        {"Pod": [pod("x", REPLICA)], "ReplicaSet": [replica_set("web-1", 1, owned=False)]},
        ("ReplicaSet", "web-1"),
    ),
    "a StatefulSet": ({"Pod": [pod("db-0", owner("StatefulSet", "db"))]}, ("StatefulSet", "db")),
    "a DaemonSet": ({"Pod": [pod("x", owner("DaemonSet", "log"))]}, ("DaemonSet", "log")),
    "a CronJob": (
        {
            "Pod": [pod("x", owner("Job", "n-1"))],
            "Job": [job("n-1", owner("CronJob", "nightly"))],
            "CronJob": [cron_job()],
        },
        ("CronJob", "nightly"),
    ),
    "something else": ({"Pod": [pod("x", owner("Rollout", "web"))]}, ("Rollout", "web")),
    "a node": ({"Pod": [pod("etcd-n1", owner("Node", "n1"))]}, ("Pod", "etcd-n1")),
    "no controller": (
        {"Pod": [pod("x", owner("Thing", "t", controller=False))]},
        ("Pod", "x"),
    ),
}


@pytest.mark.parametrize(("objects", "wanted"), OWNED.values(), ids=OWNED)
def test_whose_it_is(objects: dict[str, list[Document]], wanted: tuple[str, str]) -> None:
    [found] = report(objects)
    assert (found["kind"], found["workload"]) == wanted
    assert (found["namespace"], found["state"]) == ("team-a", "running")


def states(objects: dict[str, list[Document]]) -> dict[str, str]:
    return {each["image"].rpartition(":")[2]: each["state"] for each in report(objects)}


def tagged(*tags: str) -> list[str]:
    return [f"{HOST}/team/web:{tag}" for tag in tags]


ONE, TWO, TEN = tagged("1", "2", "10")

STATES: dict[str, tuple[dict[str, list[Document]], dict[str, str]]] = {
    "an old ReplicaSet": (
        {
            "Pod": [pod("x", owner("ReplicaSet", "web-10"), image=TEN)],
            "ReplicaSet": [
                replica_set("web-2", 2, TWO),
                replica_set("web-10", 10, TEN),
                replica_set("web-1", 1, ONE),
            ],
        },
        {"1": "rollback", "2": "rollback", "10": "running"},
    ),
    "an old one with pods still": (
        {
            "Pod": [pod("x", owner("ReplicaSet", "web-1"), image=ONE)],
            "ReplicaSet": [replica_set("web-1", 1, ONE), replica_set("web-2", 2, TWO)],
        },
        {"1": "running", "2": "waiting"},
    ),
    "scaled to zero": ({"ReplicaSet": [replica_set("web-1", 1, ONE)]}, {"1": "waiting"}),
    "revisions of a StatefulSet": (
        {
            "Pod": [pod("db-0", owner("StatefulSet", "db"), image=TWO)],
            "ControllerRevision": [revision("db-a", 1, ONE), revision("db-b", 2, TWO)],
        },
        {"1": "rollback", "2": "running"},
    ),
    "of two owners": (
        {
            "ControllerRevision": [
                revision("db-a", 1, ONE),
                revision("db-b", 2, TWO),
                revision("log-a", 1, TEN, kind="DaemonSet"),
            ],
        },
        {"1": "rollback", "2": "waiting", "10": "waiting"},
    ),
    "a CronJob between runs": ({"CronJob": [cron_job(ONE)]}, {"1": "waiting"}),
    "a Job that is suspended": ({"Job": [job("j", image=ONE)]}, {"1": "waiting"}),
    "one that is done": ({"Job": [job("j", image=ONE, completionTime="2026-01-01")]}, {}),
    "one that has failed": (
        {"Job": [job("j", image=ONE, conditions=[{"type": "Failed", "status": "True"}])]},
        {},
    ),
    "one that may go on": (
        {"Job": [job("j", image=ONE, conditions=[{"type": "Failed", "status": "False"}])]},
        {"1": "waiting"},
    ),
    "pods that have ended": (
        {"Pod": [pod("a", image=ONE, phase="Succeeded"), pod("b", image=TWO, phase="Failed")]},
        {},
    ),
    "one that does not start": ({"Pod": [pod("a", image=ONE, phase="Pending")]}, {"1": "running"}),
    "a revision of something else": (
        {"ControllerRevision": [{"metadata": meta("ControllerRevision", "x"), "data": None}]},
        {},
    ),
    "nothing": ({}, {}),
}


@pytest.mark.parametrize(("objects", "wanted"), STATES.values(), ids=STATES)
def test_what_state_it_is_in(objects: dict[str, list[Document]], wanted: dict[str, str]) -> None:
    assert states(objects) == wanted


def test_containers_of_all_kinds() -> None:
    found = pod(pulled=f"{HOST}/x@{DIGEST}")
    found["spec"] |= {
        "initContainers": [{"name": "init", "image": ONE}],
        "ephemeralContainers": [{"name": "debug", "image": TWO}],
        "volumes": [
            {"name": "model", "image": {"reference": TEN}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    found["status"] |= {
        "initContainerStatuses": [{"name": "init", "imageID": f"{HOST}/x@{OTHER}"}],
        "ephemeralContainerStatuses": [{"name": "debug", "imageID": ""}],
    }
    read = {each["container"]: (each["image"], each["digest"]) for each in report({"Pod": [found]})}
    assert read == {
        "c0": (WEB, DIGEST),
        "init": (ONE, OTHER),
        "debug": (TWO, ""),
        "volume model": (TEN, ""),
    }


def test_nobody_spoils_the_report_of_all() -> None:
    """A pod may be made with any text for its image, and for its owner."""
    odd = pod("a", owner("Th\ning", "n" * 9999), image="a\x00b\ud800" + "c" * 9999)
    long = pod("b", image=f"{'h.' * 300}test/web:1")
    found = report({"Pod": [odd, long, pod("c")]})
    assert len(found) == 3
    given = Report.model_validate_json(json.dumps({"images": found}))
    assert {each.kind for each in given.images} == {"Th?ing", "Pod"}
    assert {each.host for each in given.images} == {"", HOST}


def test_each_is_said_once() -> None:
    """However many pods have it; where one knows the digest, those that do not add nothing."""
    replica = owner("ReplicaSet", "web-1")
    found = report(
        {
            "Pod": [
                pod("a", replica, pulled=f"{HOST}/x@{DIGEST}"),
                pod("b", replica, pulled=f"{HOST}/x@{DIGEST}"),
                pod("c", replica),
                pod("d", replica, pulled=f"{HOST}/x@{OTHER}"),
            ],
            "ReplicaSet": [replica_set("web-1", 1), replica_set("web-0", 0)],
        }
    )
    assert [(each["digest"], each["state"]) for each in found] == [
        (DIGEST, "running"),
        (OTHER, "running"),
    ]
    assert json.loads(json.dumps(found)) == found


def test_nothing_but_these_need_be_listed() -> None:
    assert list(SOURCES) == ["Pod", "ReplicaSet", "ControllerRevision", "Job", "CronJob"]


def test_what_owns_itself_or_each_other_ends() -> None:
    """Nothing in Kubernetes forbids it."""
    pods = [pod("x", owner("Job", "one")), pod("y", owner("Job", "self"))]
    jobs = [
        job("one", owner("Job", "other")),
        job("other", owner("Job", "one")),
        job("self", owner("Job", "self")),
    ]
    found = report({"Pod": pods, "Job": jobs})
    assert {each["workload"] for each in found} == {"one", "other", "self"}


NAMELESS = {"containers": [{"image": WEB}]}
ODD_DATA: dict[str, Any] = {
    "a list": [1],
    "a text": "x",
    "a spec that is a text": {"spec": "x"},
    "a template that is a list": {"spec": {"template": [1]}},
    "pods that are a text": {"spec": {"template": {"spec": "x"}}},
    "containers that are a text": {"spec": {"template": {"spec": {"containers": "x"}}}},
    "a container without a name": {"spec": {"template": {"spec": NAMELESS}}},
}


@pytest.mark.parametrize("case", ODD_DATA)
def test_revisions_that_hold_what_nobody_knows(case: str) -> None:
    """Any operator may keep there what it likes; the others are told of all the same."""
    odd = {**revision("odd", 1), "data": ODD_DATA[case]}
    found = report({"ControllerRevision": [odd, revision("known", 2)]})
    assert [each["workload"] for each in found] == ["db"]


def test_a_number_of_thousands_of_digits_is_none() -> None:
    sets = [replica_set("odd", 1), replica_set("new", 2)]
    sets[0]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "9" * 5000
    assert [each["state"] for each in report({"ReplicaSet": sets})] == ["waiting"]
