"""`Why`: what the doctor says of a pod that did not start, and what its program wrote last."""

from dataclasses import dataclass
from typing import Any

from entrepot.kube.doctor.cases import AbsentError, Cases
from entrepot.kube.doctor.examination import Examiner, Finding
from entrepot.kube.doctor.http import shown
from entrepot.kube.doctor.replay import Trust
from entrepot.kube.kubectl import Kubectl, KubectlError
from entrepot.kube.rollout.change import Change
from entrepot.kube.rollout.rollout import Failure

_LINES = 5


@dataclass(frozen=True, slots=True)
class Why:
    """Why a rollout failed, as far as it can be known."""

    words: str
    finding: Finding | None = None
    """What is wrong with an image, or why there is no pod."""
    log: tuple[str, ...] = ()
    """The last lines of the container that did not start."""

    def lines(self) -> list[tuple[str, str]]:
        """For people: a word, and what it is about."""
        found = self.finding.diagnosis if self.finding else None
        told = [("failed", shown(self.words))]
        if found is not None:
            told += [("wrong", found.wrong), ("whose", found.cause.whose), ("mend", found.mend)]
        return [*told, *(("log", shown(each)) for each in self.log)]

    def document(self) -> dict[str, Any]:
        """For programs."""
        found = self.finding and self.finding.document()
        return {"words": self.words, "finding": found, "log": list(self.log)}


def explain(kubectl: Kubectl, change: Change, failure: Failure, trust: Trust) -> Why:
    """Look at what did not start, while it is there."""
    target = f"pod/{failure.pod}" if failure.pod else change.workload
    try:
        cases = Cases(kubectl, change.namespace).of(target)
    except (AbsentError, KubectlError):
        return Why(failure.words)
    findings = map(Examiner(trust).examine, cases)
    finding = next((each for each in findings if each.diagnosis is not None), None)
    log = () if finding else _log(kubectl, change.namespace, failure)
    return Why(failure.words, finding, log)


def _log(kubectl: Kubectl, namespace: str, failure: Failure) -> tuple[str, ...]:
    """Of the run that ended last, where there was one."""
    if not failure.container:
        return ()
    for options in (("--previous",), ()):
        try:
            said = kubectl.logs(
                failure.pod, failure.container, namespace, f"--tail={_LINES}", *options
            )
        except KubectlError:
            continue
        return tuple(said.splitlines())
    return ()
