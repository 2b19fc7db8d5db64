"""`Rollout`: a change is made, and watched until it is through or will not be.

While it is watched the cluster may be out of reach for a while: an API server that restarts is no
reason to give up what goes on without it.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from entrepot.kube.doctor import workload as workloads
from entrepot.kube.kubectl import Kubectl, KubectlError
from entrepot.kube.rollout.change import Change
from entrepot.kube.rollout.progress import Progress
from entrepot.kube.rollout.spot import Document
from entrepot.kube.rollout.trouble import Patience, Trouble, fresh, is_ready, troubles


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take, in seconds."""

    rollout: float
    """All of it; and as long again for the way back."""
    patience: float
    """That a container does not start, or that no pod is made."""
    pause: float = 1.0
    """Between two looks."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a rollout does not get there."""

    words: str
    pod: str = ""
    """A new one that is not ready; "" where there is none."""
    container: str = ""
    """The one that does not start."""
    replaced: bool = False
    """Whether somebody else has set another image since, which is theirs."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at a workload, and at the pods that have what was set."""

    progress: Progress
    pods: tuple[Document, ...]
    images: str
    """What was set, in short."""
    other: str = ""
    """What somebody else has set since; "" where nobody has."""

    @property
    def ready(self) -> int:
        """New pods that serve."""
        return min(sum(map(is_ready, self.pods)), self.progress.wanted)

    @property
    def unready(self) -> str:
        """The first that does not; "" where all do."""
        return next((p["metadata"]["name"] for p in self.pods if not is_ready(p)), "")

    def __str__(self) -> str:
        return f"{self.ready} of {self.progress.wanted} pods are ready with {self.images}"


Tell = Callable[[Seen], None]
"""Is told of each look."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One change of one workload."""

    kubectl: Kubectl
    change: Change
    limits: Limits

    def set(self) -> None:
        """Make the change. Raises `KubectlError` where something else is there by now."""
        change = self.change
        self.kubectl.patch(change.kind, change.name, change.namespace, change.patch)

    def watch(self, tell: Tell) -> Failure | None:
        """Return when it is through, or will not be; why not, where it is not. However little time
        there is, it is looked at once.
        """
        patience, until = Patience(self.limits.patience), time.monotonic() + self.limits.rollout
        words, pod = "", ""
        while not words or time.monotonic() < until:
            try:
                seen = self.look()
            except KubectlError as error:
                words = str(error) or "kubectl fails"
            else:
                tell(seen)
                if seen.other:
                    return Failure(f"somebody has set {seen.other} meanwhile", replaced=True)
                if seen.progress.done:
                    return None
                if failure := judged(seen, patience, time.monotonic()):
                    return failure
                words, pod = str(seen), seen.unready
            time.sleep(self.limits.pause)
        return Failure(f"not through after {self.limits.rollout:g} s: {words}", pod)

    def look(self) -> Seen:
        """How things are."""
        change = self.change
        found = self.kubectl.get(change.kind, change.name, change.namespace)
        if found is None:
            raise KubectlError(f"there is no {change.workload} in {change.namespace} any more")
        chosen = f"--selector={workloads.selector(found['spec']['selector'])}"
        pods = self.kubectl.every("pods", chosen, namespace=change.namespace)
        images = ", ".join(dict.fromkeys(each.short for each in change.wanted))
        new, other = fresh(pods, change.wanted), change.replaced_in(found)
        return Seen(Progress.of(found), tuple(new), images, other)

    def undo(self, tell: Tell) -> Failure | None:
        """Take the change back, and return when all is as before; why not, where it is not."""
        back = replace(self, change=self.change.undone)
        try:
            broken = self.look().pods
            back.set()
            self._clear(broken)
        except KubectlError as error:
            return Failure(f"it cannot be taken back: {error}")
        return back.watch(tell)

    def _clear(self, broken: Sequence[Document]) -> None:
        """A StatefulSet replaces no pod that never was ready, and waits for it (kubernetes, "Forced
        rollback").
        """
        if self.change.kind == "statefulset":
            for each in broken:
                if not is_ready(each):
                    self.kubectl.delete("pod", each["metadata"]["name"], self.change.namespace)


def judged(seen: Seen, patience: Patience, now: float) -> Failure | None:
    """Why it will not come to its end; None where it still may."""
    progress = seen.progress
    spent = patience.spent([*troubles(seen.pods), *_refusals(progress)], now)
    if spent is not None:
        return Failure(str(spent), spent.pod, spent.container)
    return Failure(progress.failed, seen.unready) if progress.failed else None


def _refusals(progress: Progress) -> list[Trouble]:
    """That the cluster makes no pods, which may pass, as where others make room in a quota."""
    return [Trouble(reason=progress.refused)] if progress.refused else []
