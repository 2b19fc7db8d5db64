"""A pod that does not start is seen, and given up when it has had its time."""

from typing import Any

import pytest
from tests.kube.rollout.documents import HOST, NEW, pod, waiting, workload

from entrepot.kube.rollout.change import Setting
from entrepot.kube.rollout.progress import Progress
from entrepot.kube.rollout.rollout import Seen, judged
from entrepot.kube.rollout.spot import Spot
from entrepot.kube.rollout.trouble import Patience, Trouble, fresh, troubles

IMAGE = f"{HOST}/team/app:1.4.7@{NEW}"
SETTING = Setting(Spot("containers", 0, "web", f"{HOST}/team/app:1.3.0"), IMAGE)
ENDED = {"exitCode": 3, "reason": "Error", "message": "no configuration\n"}
CRASHES = waiting("CrashLoopBackOff", "back-off 10s", ENDED)


def test_who_is_new() -> None:
    pods = [
        pod("old", f"{HOST}/team/app:1.3.0"),
        pod("new", IMAGE),
        pod("leaving", IMAGE, deletionTimestamp="2026-01-01T00:00:00Z"),
    ]
    assert [each["metadata"]["name"] for each in fresh(pods, [SETTING])] == ["new"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (waiting("ImagePullBackOff", "Back-off pulling"), "ImagePullBackOff: Back-off pulling"),
        (waiting("ErrImagePull"), "ErrImagePull"),
        (
            waiting("CreateContainerConfigError", "no secret x"),
            "CreateContainerConfigError: no secret x",
        ),
        (CRASHES, "CrashLoopBackOff (its program ended with 3): no configuration"),
        (
            {"state": {"terminated": ENDED}},
            "Error (its program ended with 3): no configuration",
        ),
        (
            {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
            "OOMKilled (its program ended with 137)",
        ),
        (waiting("ContainerCreating"), None),
        (waiting("PodInitializing"), None),
        ({"state": {"running": {}}}, None),
        ({"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}, None),
    ],
)
def test_what_is_wrong(status: Any, words: str | None) -> None:
    found = troubles([pod("web-1", IMAGE, status)])
    said = [str(each).removeprefix("pod web-1, container web: ") for each in found]
    assert said == ([] if words is None else [words])


def test_patience() -> None:
    """Who starts now and then is not forgiven for it; another pod has its own time."""
    patience = Patience(30)
    sick = Trouble("CrashLoopBackOff", "a", "uid-a", "web")
    other = Trouble("ErrImagePull", "b", "uid-b", "web")
    assert patience.spent([sick], 100) is None
    assert patience.spent([], 120) is None
    assert patience.spent([other], 129) is None
    assert patience.spent([other, sick], 130) is sick
    assert patience.spent([other], 131) is None


def seen(*pods: Any, **status: Any) -> Seen:
    return Seen(Progress.of(workload(status=status)), pods, "app:1.4.7")


def test_a_look() -> None:
    found = seen(pod("a", IMAGE, ready=True), pod("b", IMAGE))
    assert str(found) == "1 of 2 pods are ready with app:1.4.7"
    assert found.unready == "b"
    surge = [pod(name, IMAGE, ready=True) for name in "abc"]
    assert (seen(*surge).ready, seen(*surge).unready) == (2, "")


def test_the_end_is_judged() -> None:
    late = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "too late"}
    full = {"type": "ReplicaFailure", "message": "exceeded quota"}
    crashing = seen(pod("a", IMAGE, CRASHES))
    assert judged(seen(pod("a", IMAGE)), Patience(0), 0) is None
    assert judged(crashing, Patience(1), 0) is None
    failure = judged(crashing, Patience(0), 0)
    assert failure is not None
    assert (failure.pod, failure.container) == ("a", "web")
    failure = judged(seen(pod("a", IMAGE), conditions=[late]), Patience(30), 0)
    assert failure is not None
    assert (failure.words, failure.pod) == ("too late", "a")
    assert judged(seen(conditions=[full]), Patience(1), 0) is None
    failure = judged(seen(conditions=[full]), Patience(0), 0)
    assert failure is not None
    assert (failure.words, failure.pod) == ("exceeded quota", "")
