"""How far a rollout has come, by the words of `kubectl rollout status`."""

from typing import Any

import pytest
from tests.kube.rollout.documents import workload

from entrepot.kube.rollout.progress import Progress

LATE = {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "too late"}
FULL = {"type": "ReplicaFailure", "message": "exceeded quota"}


def status(**counts: int) -> dict[str, int]:
    return counts


@pytest.mark.parametrize(
    ("kind", "spec", "status", "wanted"),
    [
        ("Deployment", {}, status(), (2, 0, False)),
        (
            "Deployment",
            {},
            status(replicas=3, updatedReplicas=1, availableReplicas=3),
            (2, 1, False),
        ),
        (
            "Deployment",
            {},
            status(replicas=3, updatedReplicas=2, availableReplicas=3),
            (2, 2, False),
        ),
        (
            "Deployment",
            {},
            status(replicas=2, updatedReplicas=2, availableReplicas=1),
            (2, 2, False),
        ),
        (
            "Deployment",
            {},
            status(replicas=2, updatedReplicas=2, availableReplicas=2),
            (2, 2, True),
        ),
        ("Deployment", {"replicas": 0}, status(), (0, 0, True)),
        (
            "StatefulSet",
            {},
            {"readyReplicas": 2, "currentRevision": "1", "updateRevision": "2"},
            (2, 0, False),
        ),
        (
            "StatefulSet",
            {},
            {"readyReplicas": 1, "currentRevision": "2", "updateRevision": "2"},
            (2, 2, False),
        ),
        (
            "StatefulSet",
            {},
            {"readyReplicas": 2, "currentRevision": "2", "updateRevision": "2"},
            (2, 2, True),
        ),
        (
            "StatefulSet",
            {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {"readyReplicas": 2, "updatedReplicas": 0},
            (1, 0, False),
        ),
        (
            "StatefulSet",
            {"updateStrategy": {"rollingUpdate": {"partition": 1}}},
            {"readyReplicas": 2, "updatedReplicas": 1},
            (1, 1, True),
        ),
        (
            "DaemonSet",
            {},
            status(desiredNumberScheduled=2, updatedNumberScheduled=1, numberAvailable=2),
            (2, 1, False),
        ),
        (
            "DaemonSet",
            {},
            status(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
            (2, 2, False),
        ),
        (
            "DaemonSet",
            {},
            status(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2),
            (2, 2, True),
        ),
    ],
)
def test_how_far(kind: str, spec: Any, status: Any, wanted: tuple[int, int, bool]) -> None:
    found = Progress.of(workload(kind, status=status, **spec))
    assert (found.wanted, found.updated, found.done) == wanted
    assert not found.failed


def test_the_counts_of_an_older_generation_say_nothing() -> None:
    ready = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "conditions": [LATE]}
    found = Progress.of(workload(status={**ready, "observedGeneration": 2}))
    assert found == Progress(2, 0, done=False)


def test_its_own_words() -> None:
    found = Progress.of(workload(status={"conditions": [LATE, FULL]}))
    assert (found.failed, found.refused) == ("too late", "exceeded quota")
