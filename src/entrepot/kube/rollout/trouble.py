"""`Trouble`: a new pod that does not start, and how long that may go on. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.kube.doctor.said import PULLS
from entrepot.kube.rollout.change import Setting
from entrepot.kube.rollout.spot import Document

_STATUSES = {"containers": "containerStatuses", "initContainers": "initContainerStatuses"}
_WAITING = PULLS | {
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RunContainerError",
}
"""Reasons to wait that seldom pass by themselves."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A container that does not start; or that there is no pod, where it names none."""

    reason: str
    pod: str = ""
    uid: str = ""
    container: str = ""
    said: str = ""
    """The kubelet's words, or how the program ended."""

    def __str__(self) -> str:
        where = f"pod {self.pod}, container {self.container}: " if self.pod else ""
        return f"{where}{self.reason}{self.said}"


def fresh(pods: Iterable[Document], settings: Sequence[Setting]) -> list[Document]:
    """The pods that have what was set, and are to stay."""
    wanted = {(each.spot.field, each.spot.container, each.image) for each in settings}
    return [
        pod
        for pod in pods
        if wanted <= set(_has(pod["spec"])) and not pod["metadata"].get("deletionTimestamp")
    ]


def _has(spec: Document) -> Iterator[tuple[str, str, str]]:
    for kind in _STATUSES:
        for each in spec.get(kind) or ():
            yield kind, str(each["name"]), str(each.get("image", ""))


def is_ready(pod: Document) -> bool:
    """Whether it serves."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def troubles(pods: Iterable[Document]) -> list[Trouble]:
    """Those of pods: containers that do not start, or have just ended by an error."""
    return [
        replace(found, pod=pod["metadata"]["name"], uid=pod["metadata"]["uid"])
        for pod in pods
        for kind in _STATUSES.values()
        for status in (pod.get("status") or {}).get(kind) or ()
        if (found := _wrong(status)) is not None
    ]


def _wrong(status: Document) -> Trouble | None:
    state, name = status.get("state") or {}, str(status["name"])
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    if waiting.get("reason") in _WAITING:
        last = (status.get("lastState") or {}).get("terminated")
        words = _end(last) if last else _words(waiting.get("message"))
        return Trouble(str(waiting["reason"]), container=name, said=words)
    if ended.get("exitCode"):
        return Trouble(str(ended.get("reason") or "Error"), container=name, said=_end(ended))
    return None


def _end(ended: Document) -> str:
    return f" (its program ended with {ended.get('exitCode')}){_words(ended.get('message'))}"


def _words(message: Any) -> str:
    return f": {str(message).strip()}" if message else ""


@dataclass(slots=True)
class Patience:
    """Remembers since when a container does not start.

    One that runs now and then, as those do that end again and again, is not forgiven for it.
    """

    seconds: float
    _since: dict[tuple[str, str], float] = field(default_factory=dict)

    def spent(self, found: Iterable[Trouble], now: float) -> Trouble | None:
        """One that has lasted too long, if there is one; `now` in seconds of any clock."""
        for each in found:
            since = self._since.setdefault((each.uid, each.container), now)
            if now - since >= self.seconds:
                return each
        return None
