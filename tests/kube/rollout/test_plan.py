"""What is wished of a workload becomes a change of it, and what takes exactly that back."""

from typing import Any

import pytest
from tests.kube.rollout.documents import HOST, NEW, OLD, workload

from entrepot.kube.rollout.change import CAUSE, Change, Setting, Version
from entrepot.kube.rollout.plan import Wish, parse_target, plan
from entrepot.kube.rollout.spot import PlanError, Spot

WANTED = f"{HOST}/team/app:1.4.7@{NEW}"
FOUND = Version("team/app", "1.4.7", NEW)


def planned(found: Any, **wish: Any) -> Change:
    return plan(found, Wish("~1.4", HOST, **wish), lambda _repository, _text: FOUND)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("web", ("deployment", "web")),
        ("deploy/web", ("deployment", "web")),
        ("StatefulSet/db", ("statefulset", "db")),
        ("ds/log", ("daemonset", "log")),
    ],
)
def test_whom_it_names(text: str, wanted: tuple[str, str]) -> None:
    assert parse_target(text) == wanted


@pytest.mark.parametrize("text", ["job/once", "pod/web", "deployment/", "a/b/c", "replicaset/web"])
def test_what_does_not_roll_out(text: str) -> None:
    with pytest.raises(PlanError, match="name a Deployment, statefulset/NAME or daemonset/NAME"):
        parse_target(text)


def test_a_change_and_the_way_back() -> None:
    old = f"{HOST}/team/app:1.3.0"
    found = planned(workload(annotations={CAUSE: "by hand", "other": "stays"}))
    path = "/spec/template/spec/containers/0"
    cause = "/metadata/annotations/kubernetes.io~1change-cause"
    named = {"op": "test", "path": f"{path}/name", "value": "web"}
    assert found.workload == "deployment/web"
    assert found.patch == [
        named,
        {"op": "test", "path": f"{path}/image", "value": old},
        {"op": "replace", "path": f"{path}/image", "value": WANTED},
        {
            "op": "add",
            "path": cause,
            "value": "entrepot kube set-image --version '~1.4': team/app:1.4.7",
        },
    ]
    assert found.undone.patch == [
        named,
        {"op": "test", "path": f"{path}/image", "value": WANTED},
        {"op": "replace", "path": f"{path}/image", "value": old},
        {"op": "add", "path": cause, "value": "by hand"},
    ]
    assert found.undone.undone.patch == found.patch


def test_where_nothing_was_annotated_nothing_stays() -> None:
    found = planned(workload())
    assert found.patch[-2] == {"op": "add", "path": "/metadata/annotations", "value": {}}
    assert found.undone.patch[-1]["op"] == "remove"


@pytest.mark.parametrize(
    ("written", "image", "is_so"),
    [
        (WANTED, WANTED, True),
        (f"{HOST}/team/app@{NEW}", WANTED, True),
        (f"{HOST}/team/app:stable@{NEW}", WANTED, True),
        (f"{HOST}/team/app:1.4.7@{OLD}", WANTED, False),
        (f"{HOST}/team/app:1.4.7", WANTED, False),
        (f"other.example:5000/team/app:1.4.7@{NEW}", WANTED, False),
        (f"{HOST}/team/app:1.4.7", f"{HOST}/team/app:1.4.7", True),
        (WANTED, f"{HOST}/team/app:1.4.7", False),
    ],
)
def test_what_is_so_already(written: str, image: str, is_so: bool) -> None:
    assert Setting(Spot("containers", 0, "web", written), image).is_so is is_so


@pytest.mark.parametrize(
    ("written", "wanted"),
    [(WANTED, ""), (f"{HOST}/team/app:2", f"{HOST}/team/app:2"), (f"{HOST}/team/app@{NEW}", "")],
)
def test_what_somebody_else_has_set(written: str, wanted: str) -> None:
    change = planned(workload())
    assert change.replaced_in(workload(images={"web": written})) == wanted
    assert change.replaced_in(workload(images={"other": WANTED})) == "none"


def test_only_what_differs_is_set() -> None:
    found = workload(images={"web": WANTED, "work": f"{HOST}/team/app:1.3.0"})
    change = planned(found, containers=("web", "work"))
    assert [each.spot.container for each in change.settings] == ["work"]
    assert [each.spot.container for each in change.wanted] == ["web", "work"]
    assert planned(workload(images={"web": WANTED})).settings == ()


def test_the_tag_alone() -> None:
    [setting] = planned(workload(), tag_only=True).settings
    assert (setting.image, setting.short) == (f"{HOST}/team/app:1.4.7", "app:1.4.7")


def test_the_host_that_is_said() -> None:
    [setting] = planned(workload(), registry="10.0.0.1:5000").settings
    assert setting.image == f"10.0.0.1:5000/team/app:1.4.7@{NEW}"


@pytest.mark.parametrize(
    ("image", "short"),
    [(WANTED, "app:1.4.7"), (f"{HOST}/team/app@{NEW}", f"app@{NEW[:19]}"), ("nginx", "nginx")],
)
def test_in_short(image: str, short: str) -> None:
    assert Setting(Spot("containers", 0, "web", image), image).short == short


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (workload(paused=True), "deployment/web is paused: kubectl rollout resume deployment/web"),
        (
            workload("StatefulSet", updateStrategy={"type": "OnDelete"}),
            "statefulset/web waits for its pods to be deleted by hand",
        ),
    ],
)
def test_what_would_never_be_through(found: Any, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        planned(found)
