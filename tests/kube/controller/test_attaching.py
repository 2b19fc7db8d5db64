"""References to pull secrets: ours come and go, others' stay as they are."""

from typing import Any

import pytest

from entrepot.kube.controller.attaching import ADDED, account_patch, added, template_patch


def account(*references: str, ours: str = "", **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "default", "namespace": "team", "resourceVersion": "7"}
    if ours:
        metadata["annotations"] = {ADDED: ours, "theirs": "too"}
    pulls = {"imagePullSecrets": [{"name": each} for each in references]} if references else {}
    return {"metadata": metadata, **pulls, **more}


CASES: dict[str, tuple[dict[str, Any], set[str], list[str], str | None]] = {
    "the first": (account(), {"a"}, ["a"], "a"),
    "two": (account(), {"b", "a"}, ["a", "b"], "a,b"),
    "beside others": (account("z", "y"), {"a"}, ["z", "y", "a"], "a"),
    "another one of ours": (account("z", "a", ours="a"), {"a", "b"}, ["z", "a", "b"], "a,b"),
    "one of ours less": (account("a", "z", "b", ours="a,b"), {"b"}, ["z", "b"], "b"),
    "none of ours": (account("a", "z", "y", ours="a"), set(), ["z", "y"], None),
    "nothing at all": (account("a", ours="a"), set(), [], None),
    "somebody took it away": (account("z", ours="a"), {"a"}, ["z", "a"], "a"),
    "somebody took the list away": (account(ours="a"), {"a"}, ["a"], "a"),
    "others refer to it, too": (account("a", "z"), {"a", "b"}, ["a", "z", "b"], "b"),
    "others' twice": (account("z", "z"), {"a"}, ["z", "z", "a"], "a"),
    "ours twice": (account("a", "a", ours="a"), {"a"}, ["a"], "a"),
    "the list alone": (account("z", ours="a"), set(), ["z"], None),
}


@pytest.mark.parametrize("case", CASES)
def test_an_account(case: str) -> None:
    has, secrets, names, ours = CASES[case]
    assert account_patch(has, secrets) == {
        "metadata": {"resourceVersion": "7", "annotations": {ADDED: ours}},
        "imagePullSecrets": [{"name": each} for each in names],
    }


@pytest.mark.parametrize("case", CASES)
def test_after_it_nothing_is_to_do(case: str) -> None:
    _, secrets, names, ours = CASES[case]
    assert account_patch(account(*names, ours=ours or ""), secrets) is None


NOTHING: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing wanted": (account(), set()),
    "no list": (account(imagePullSecrets=None), set()),
    "only others'": (account("z"), set()),
    "in another order": (account("b", "z", "a", ours="a,b"), {"a", "b"}),
    "theirs already": (account("a", "z"), {"a"}),
}


@pytest.mark.parametrize("case", NOTHING)
def test_an_account_that_is_so(case: str) -> None:
    assert account_patch(*NOTHING[case]) is None


@pytest.mark.parametrize(
    ("annotations", "names"),
    [(None, set()), ({}, set()), ({ADDED: ""}, set()), ({ADDED: "a,b"}, {"a", "b"})],
    ids=["none", "others", "empty", "two"],
)
def test_what_is_ours(annotations: dict[str, str] | None, names: set[str]) -> None:
    assert added({"annotations": annotations}) == names


VERSIONS = {"CronJob": "batch/v1"}
META = {"name": "web", "namespace": "team"}


def workload(kind: str, ours: str = "") -> dict[str, Any]:
    annotations = {"annotations": {ADDED: ours}} if ours else {}
    return {
        "apiVersion": VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "metadata": {**META, "resourceVersion": "7", "uid": "u", **annotations},
        "spec": {"template": {"spec": {"imagePullSecrets": [{"name": "z"}]}}},
    }


POD = {"spec": {"imagePullSecrets": [{"name": "a"}, {"name": "b"}]}}
SPECS: dict[str, dict[str, Any]] = {
    "Deployment": {"template": POD},
    "StatefulSet": {"template": POD},
    "DaemonSet": {"template": POD},
    "CronJob": {"jobTemplate": {"spec": {"template": POD}}},
}


@pytest.mark.parametrize("kind", SPECS)
def test_a_template(kind: str) -> None:
    """No more than what is ours is applied: with more it would be ours as well."""
    assert template_patch(workload(kind), {"b", "a"}) == {
        "apiVersion": VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "metadata": {**META, "annotations": {ADDED: "a,b"}},
        "spec": SPECS[kind],
    }


@pytest.mark.parametrize("kind", SPECS)
def test_a_template_is_let_go(kind: str) -> None:
    """What is applied no more goes, and only that."""
    assert template_patch(workload(kind, "a,b"), set()) == {
        "apiVersion": VERSIONS.get(kind, "apps/v1"),
        "kind": kind,
        "metadata": META,
    }


@pytest.mark.parametrize("ours", ["", "a", "a,b"])
def test_a_template_that_is_so(ours: str) -> None:
    assert template_patch(workload("Deployment", ours), set(ours.split(",")) - {""}) is None
