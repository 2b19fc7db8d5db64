"""A rollout to its end, at a cluster that answers what lies ready; a real one: tests/cluster."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.kube.rollout.documents import HOST, NEW, pod, waiting, workload
from tests.kube.rollout.stand import Stand

from entrepot.kube.kubectl import Kubectl, KubectlError
from entrepot.kube.rollout.attempt import End, Outcome, attempt
from entrepot.kube.rollout.change import Change, Version
from entrepot.kube.rollout.plan import Wish, plan
from entrepot.kube.rollout.rollout import Limits, Rollout, Seen
from entrepot.kube.rollout.why import Why

OLD_IMAGE = f"{HOST}/team/app:1.3.0"
IMAGE = f"{HOST}/team/app:1.4.7@{NEW}"
SELECTOR: Any = {"selector": {"matchLabels": {"app": "web"}}}
THROUGH: Any = {"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
CRASHES = pod("web-2", IMAGE, waiting("CrashLoopBackOff"))


class Trial(Stand):
    """What is attempted there, and what was seen of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seen: list[str] = []

    def tell(self, seen: Seen) -> None:
        self.seen.append(str(seen))

    def attempt(self, found: Any, *, undo: bool = True, within: float = 60) -> Outcome:
        limits = Limits(rollout=within, patience=0, pause=0)
        rollout = Rollout(Kubectl(), planned(found), limits)
        return attempt(rollout, self.tell, lambda failure: Why(failure.words), undo=undo)


@pytest.fixture
def stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setenv("PATH", str(tmp_path))
    return Trial(tmp_path)


def planned(found: Any) -> Change:
    version = Version("team/app", "1.4.7", NEW)
    return plan(found, Wish("~1.4", HOST), lambda _repository, _text: version)


def deployment(image: str = OLD_IMAGE, **status: Any) -> Any:
    return workload(images={"web": image}, status=status, **SELECTOR)


def items(*found: Any) -> Any:
    return {"items": found}


def ready(image: str, *names: str) -> Sequence[Any]:
    return [pod(name, image, ready=True) for name in names]


def test_there(stand: Trial) -> None:
    """It goes on while nobody answers, as the cluster does."""
    away = "The connection to the server was refused"
    stand.answers("patch-deployment", {})
    stand.answers("get-deployment", deployment(IMAGE), away, deployment(IMAGE, **THROUGH))
    stand.answers("get-pods", items(*ready(OLD_IMAGE, "a", "b")), items(*ready(IMAGE, "c", "d")))
    outcome = stand.attempt(deployment())
    assert outcome == Outcome(End.DONE)
    assert stand.seen == [f"{count} of 2 pods are ready with app:1.4.7" for count in (0, 2)]
    assert len(stand.calls("patch")) == 1


def test_it_runs_already(stand: Trial) -> None:
    stand.answers("get-deployment", deployment(IMAGE, **THROUGH))
    stand.answers("get-pods", items(*ready(IMAGE, "a", "b")))
    assert stand.attempt(deployment(IMAGE)) == Outcome(End.SAME)
    assert stand.calls("patch") == []


def test_what_is_set_already_is_not_undone(stand: Trial) -> None:
    stand.answers("get-deployment", deployment(IMAGE))
    stand.answers("get-pods", items(CRASHES))
    assert stand.attempt(deployment(IMAGE)).end is End.FAILED
    assert stand.calls("patch") == []


def test_back(stand: Trial) -> None:
    stand.answers("patch-deployment", {}, {})
    stand.answers("get-deployment", deployment(IMAGE), deployment(IMAGE), deployment(**THROUGH))
    stand.answers("get-pods", items(CRASHES), items(CRASHES), items(*ready(OLD_IMAGE, "a", "b")))
    outcome = stand.attempt(deployment())
    assert (outcome.end, outcome.back) == (End.UNDONE, "")
    assert outcome.why
    assert "CrashLoopBackOff" in outcome.why.words
    there, back = stand.calls("patch")
    assert json.dumps(IMAGE) in there.split("replace")[1]
    assert json.dumps(OLD_IMAGE) in back.split("replace")[1]
    assert stand.seen[-1] == "2 of 2 pods are ready with app:1.3.0"
    assert stand.calls("delete") == []


def test_left_so(stand: Trial) -> None:
    stand.answers("patch-deployment", {})
    stand.answers("get-deployment", deployment(IMAGE))
    stand.answers("get-pods", items(CRASHES))
    assert stand.attempt(deployment(), undo=False).end is End.FAILED
    assert len(stand.calls("patch")) == 1


def test_pods_of_a_stateful_set_that_never_were_ready_are_deleted(stand: Trial) -> None:
    old, new = "1", "2"
    found = workload("StatefulSet", {"web": OLD_IMAGE}, **SELECTOR)
    moving = workload(
        "StatefulSet", {"web": IMAGE}, {"currentRevision": old, "updateRevision": new}, **SELECTOR
    )
    through = {"currentRevision": old, "updateRevision": old, "readyReplicas": 2}
    stand.answers("patch-statefulset", {}, {})
    stand.answers("delete-pod", {})
    stand.answers(
        "get-statefulset",
        moving,
        moving,
        workload("StatefulSet", {"web": OLD_IMAGE}, through, **SELECTOR),
    )
    pods = items(*ready(OLD_IMAGE, "web-0"), *ready(IMAGE, "web-1"), CRASHES)
    stand.answers("get-pods", pods)
    assert stand.attempt(found).end is End.UNDONE
    [deleted] = stand.calls("delete")
    assert "delete pod web-2 --namespace shop" in deleted


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        (["the server rejected our request: testing path failed"], "it cannot be taken back: the"),
        ([{}], "not through after 1 s: 0 of 2 pods are ready with app:1.3.0"),
    ],
)
def test_no_way_back(stand: Trial, answers: list[Any], words: str) -> None:
    """Somebody has set another image since; or what ran before does not come up."""
    stand.answers("patch-deployment", {}, *answers)
    stand.answers("get-deployment", deployment(IMAGE), deployment(IMAGE), deployment())
    stand.answers("get-pods", items(CRASHES))
    outcome = stand.attempt(deployment(), within=1)
    assert outcome.end is End.STUCK
    assert outcome.back.startswith(words)


def test_somebody_else_sets_another_one(stand: Trial) -> None:
    """Theirs stays, and is not taken for ours when it is through."""
    theirs = f"{HOST}/team/app:2.0.0"
    stand.answers("patch-deployment", {})
    stand.answers("get-deployment", deployment(IMAGE), deployment(theirs, **THROUGH))
    stand.answers("get-pods", items(*ready(theirs, "a", "b")))
    outcome = stand.attempt(deployment())
    assert outcome.end is End.REPLACED
    assert outcome.why == Why(f"somebody has set {theirs} meanwhile")
    assert len(stand.calls("patch")) == 1


def test_somebody_was_faster(stand: Trial) -> None:
    stand.answers("patch-deployment", "the server rejected our request: testing path failed")
    with pytest.raises(KubectlError, match="testing path failed"):
        stand.attempt(deployment())


def test_it_is_gone(stand: Trial) -> None:
    stand.answers("patch-deployment", {}, "not found")
    (stand.folder / "get-deployment-0").write_text('"no such"')
    outcome = stand.attempt(deployment(), within=0.5)
    assert outcome.end is End.STUCK
    assert outcome.why
    assert outcome.why.words == "not through after 0.5 s: no such"
