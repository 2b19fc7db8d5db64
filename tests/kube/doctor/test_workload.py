"""What makes pods: whether it has those that it wants, and what it says where it has not."""

from typing import Any

import pytest

from entrepot.kube.doctor import workload


def made(kind: str, status: Any, **spec: Any) -> Any:
    return {"kind": kind, "metadata": {"name": "w", "uid": "1"}, "spec": spec, "status": status}


@pytest.mark.parametrize(
    ("kind", "spec", "status", "wanted"),
    [
        ("Deployment", {"replicas": 2}, {"replicas": 1}, True),
        ("Deployment", {"replicas": 2}, {"replicas": 2}, False),
        ("Deployment", {"replicas": 0}, {}, False),
        ("StatefulSet", {}, {}, True),
        ("DaemonSet", {}, {"desiredNumberScheduled": 1, "currentNumberScheduled": 0}, True),
        ("DaemonSet", {}, {"desiredNumberScheduled": 1, "currentNumberScheduled": 1}, False),
        ("Job", {}, {}, True),
        ("Job", {"suspend": True}, {}, False),
        ("Job", {}, {"succeeded": 1}, False),
        ("Job", {}, {"active": 1}, False),
    ],
)
def test_whether_pods_are_missing(kind: str, spec: Any, status: Any, wanted: bool) -> None:
    assert workload.is_short(made(kind, status, **spec)) is wanted


def test_what_its_condition_says() -> None:
    failed = {"type": "ReplicaFailure", "message": "no"}
    assert workload.refused(made("Deployment", {"conditions": [failed]})) == "no"
    assert workload.refused(made("Deployment", {})) == ""


def event(uid: str, at: str, words: str) -> Any:
    return {"involvedObject": {"uid": uid}, "lastTimestamp": at, "message": words}


def test_its_newest_event_counts() -> None:
    events = [
        event("1", "2026-01-02T00:00:00Z", "Error creating: new"),
        event("1", "2026-01-01T00:00:00Z", "old"),
        event("2", "2026-01-03T00:00:00Z", "of another"),
    ]
    assert workload.last_refusal(made("Job", {}), events, []) == "new"
    assert workload.last_refusal(made("Job", {}), events[2:], []) == ""


@pytest.mark.parametrize(
    ("owner", "at", "wanted"),
    [("1", "2026-01-02T00:00:00Z", ""), ("1", "2025-01-01T00:00:00Z", "no"), ("2", "2027", "no")],
)
def test_a_pod_that_was_made_since_makes_it_old(owner: str, at: str, wanted: str) -> None:
    made_since = {"metadata": {"creationTimestamp": at, "ownerReferences": [{"uid": owner}]}}
    events = [event("1", "2026-01-01T00:00:00Z", "no")]
    assert workload.last_refusal(made("StatefulSet", {}), events, [made_since]) == wanted


@pytest.mark.parametrize(("kind", "wanted"), [("Deployment", True), ("CronJob", False)])
def test_who_tells_of_it(kind: str, wanted: bool) -> None:
    assert workload.is_owned({"metadata": {"ownerReferences": [{"kind": kind}]}}) is wanted


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({"matchLabels": {"app": "a", "tier": "b"}}, "app=a,tier=b"),
        ({"matchExpressions": [{"key": "k", "operator": "Exists"}]}, "k"),
        ({"matchExpressions": [{"key": "k", "operator": "DoesNotExist"}]}, "!k"),
        ({"matchExpressions": [{"key": "k", "operator": "In", "values": ["a"]}]}, "k in (a)"),
        (
            {"matchExpressions": [{"key": "k", "operator": "NotIn", "values": ["a", "b"]}]},
            "k notin (a,b)",
        ),
    ],
)
def test_its_selector(chosen: Any, wanted: str) -> None:
    assert workload.selector(chosen) == wanted


def test_what_people_write() -> None:
    assert {workload.KINDS[each] for each in ("deploy", "sts", "ds", "rs", "job")} == {
        "deployment",
        "statefulset",
        "daemonset",
        "replicaset",
        "job",
    }
