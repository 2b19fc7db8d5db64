"""`entrepot kube set-image`, with a registry, and a kubectl that answers what it is told to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import put_image
from tests.kube.rollout.documents import pod, waiting, workload
from tests.kube.rollout.stand import Stand
from tests.warm import entrepot

APP = "kiwi/app"
SELECTOR: Any = {"selector": {"matchLabels": {"app": "web"}}}
THROUGH = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


@pytest.fixture(scope="module")
def digests(desk: Desk) -> Iterator[dict[str, str]]:
    """By tag, what is in the repository."""
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        tags = ("1.3.0", "1.4.7", "1.5.0-rc.1")
        put_image(client, APP, "stable", b"1.4.7")
        yield {tag: put_image(client, APP, tag, tag.encode()) for tag in tags}


def run(desk: Desk, stand: Stand, *words: str) -> Any:
    return desk.run("kube", "set-image", *words, PATH=str(stand.folder))


def host(desk: Desk) -> str:
    return desk.url.partition("://")[2]


def test_there(desk: Desk, stand: Stand, digests: dict[str, str]) -> None:
    old = f"{host(desk)}/{APP}:1.3.0"
    new = f"{host(desk)}/{APP}:1.4.7@{digests['1.4.7']}"
    stand.answers(
        "get-deployment",
        workload(images={"web": old}, **SELECTOR),
        workload(images={"web": new}, status=THROUGH, **SELECTOR),
    )
    stand.answers("get-pods", {"items": [pod(name, new, ready=True) for name in "ab"]})
    stand.answers("patch-deployment", {})
    done = run(desk, stand, "web", "--version", "^1", "-n", "shop")
    assert done.status == 0
    assert done.output == f"deployment/web in shop runs {new}\n"
    assert done.error == "deployment/web in shop: 2 of 2 pods are ready with app:1.4.7\n"
    [patch] = stand.calls("patch")
    assert "patch deployment web --namespace shop --type=json" in patch
    assert "entrepot kube set-image --version '^1': kiwi/app:1.4.7" in patch


def test_and_back(desk: Desk, stand: Stand, digests: dict[str, str]) -> None:
    old = f"{host(desk)}/{APP}:1.3.0"
    new = f"{host(desk)}/{APP}:1.4.7@{digests['1.4.7']}"
    was = workload("DaemonSet", {"web": old}, **SELECTOR)
    now = workload("DaemonSet", {"web": new}, {"desiredNumberScheduled": 1}, **SELECTOR)
    again = {"desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1}
    crashes = {"items": [pod("web-1", new, waiting("CrashLoopBackOff", "back-off"))]}
    stand.answers(
        "get-daemonset", was, now, now, workload("DaemonSet", {"web": old}, again, **SELECTOR)
    )
    stand.answers("get-pods", crashes, crashes, {"items": [pod("web-2", old, ready=True)]})
    stand.answers("get-pod", "you may not")
    stand.answers("patch-daemonset", {}, {})
    done = run(desk, stand, "ds/web", "--version", "^1", "--patience", "0s")
    assert done.status == 1
    assert done.output == (
        f"{new} does not start; daemonset/web in shop runs what it ran before\n"
        "  failed pod web-1, container web: CrashLoopBackOff: back-off\n"
    )


def test_who_looks_no_longer_is_told_that_it_goes_on(
    desk: Desk, stand: Stand, digests: dict[str, str]
) -> None:
    stand.answers("get-deployment", workload(images={"web": f"r.test/{APP}:1.3.0"}), "^C")
    stand.answers("patch-deployment", {})
    words = ("kube", "set-image", "web", "--version", "^1")
    path = str(stand.folder)
    done = entrepot(*words, ENTREPOT_CONTEXTS=str(desk.contexts), PATH=path)
    assert (done.status, done.output) == (130, "")
    assert done.error == (
        "entrepot: the rollout goes on there; to take it back: "
        "kubectl rollout undo deployment/web --namespace shop\n"
    )


def test_a_plan_changes_nothing(desk: Desk, stand: Stand, digests: dict[str, str]) -> None:
    old = f"registry.internal/{APP}:1.3.0"
    new = f"registry.internal/{APP}:1.5.0-rc.1@{digests['1.5.0-rc.1']}"
    stand.answers("get-deployment", workload(images={"web": old, "side": "envoy:1"}))
    words = ("web", "--version", "1.5.0-rc.1", "--repository", APP, "--dry-run")
    assert run(desk, stand, *words).output == f"deployment/web in shop is to get {new}\n"
    assert desk.json("kube", "set-image", *words, PATH=str(stand.folder)) == {
        "workload": "deployment/web",
        "namespace": "shop",
        "containers": [{"container": "web", "from": old, "image": new, "changes": True}],
        "outcome": "planned",
        "why": None,
        "back": None,
    }
    bare = run(desk, stand, *words, "--tag-only", "--registry", "10.0.0.1:5000")
    assert bare.output == f"deployment/web in shop is to get 10.0.0.1:5000/{APP}:1.5.0-rc.1\n"
    assert stand.calls("patch") == []


def test_a_name_that_moves_is_the_version_that_it_means(
    desk: Desk, stand: Stand, digests: dict[str, str]
) -> None:
    stand.answers("get-deployment", workload(images={"web": f"r.test/{APP}:1.3.0"}))
    done = run(desk, stand, "web", "--version", "stable", "--dry-run")
    assert done.output.endswith(f" is to get r.test/{APP}:1.4.7@{digests['1.4.7']}\n")


@pytest.mark.parametrize(
    ("words", "answer", "status", "says"),
    [
        (["job/once"], {}, 2, "job/once: name a Deployment, statefulset/NAME or daemonset/NAME"),
        (["web", "--timeout", "soon"], {}, 2, "--timeout is 'soon'"),
        (["web"], "Error from server (Forbidden)", 1, "Error from server (Forbidden)"),
        (["web"], workload(paused=True), 1, "deployment/web is paused"),
        (["web"], workload(images={"a": "x", "b": "x"}), 1, "no container is surely meant"),
        (["web", "--container", "x"], workload(), 1, "there is no container x"),
        (["web"], workload(images={"web": "r.test/kiwi/none:1"}), 1, "kiwi/none"),
        (["web"], workload(images={"web": f"r.test/{APP}:1"}), 1, "~7"),
    ],
)
def test_what_cannot_be(
    desk: Desk,
    stand: Stand,
    digests: dict[str, str],
    words: list[str],
    answer: Any,
    status: int,
    says: str,
) -> None:
    stand.answers("get-deployment", answer)
    done = run(desk, stand, *words, "--version", "~7")
    assert (done.status, done.output) == (status, "")
    assert done.error.startswith("entrepot: ")
    assert says in done.error


def test_no_such_workload(desk: Desk, stand: Stand) -> None:
    stand.answers("get-statefulset", None)
    words = ("kube", "set-image", "sts/db", "--version", "1")
    path = str(stand.folder)
    assert desk.bad(*words, PATH=path) == "there is no statefulset db in your namespace"
    found = desk.bad(*words, "-n", "shop", PATH=path)
    assert found == "there is no statefulset db in namespace shop"
