"""`Change`: what is to become of a workload, and what takes exactly that back. Pure.

It is made by a JSON Patch (RFC 6902) that first tests what it replaces: whoever changed the image
meanwhile is not undone.
"""

from dataclasses import dataclass, replace
from typing import Any

from entrepot.kube.rollout.spot import Document, Spot, spots

CAUSE = "kubernetes.io/change-cause"
"""The annotation that `kubectl rollout history` shows."""

_ANNOTATIONS = "/metadata/annotations"
_CAUSE_PATH = f"{_ANNOTATIONS}/{CAUSE.replace('/', '~1')}"

Patch = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Version:
    """What a range of versions came to."""

    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}:{self.tag}"

    def image(self, host: str, *, tag_only: bool) -> str:
        """As a pod names it: the tag for people, the digest for what runs."""
        digest = "" if tag_only else f"@{self.digest}"
        return f"{host}/{self.repository}:{self.tag}{digest}"


@dataclass(frozen=True, slots=True)
class Setting:
    """An image for a container."""

    spot: Spot
    image: str

    @property
    def is_so(self) -> bool:
        """Whether the container has it, under whatever tag."""
        return self.holds_for(self.spot.written)

    def holds_for(self, written: str) -> bool:
        """Whether an image is the one that is wanted."""
        before, digest = _split(written)
        name, wanted = _split(self.image)
        if not wanted:
            return written == self.image
        return digest == wanted and _untagged(before) == _untagged(name)

    @property
    def short(self) -> str:
        """The image without its host and digest, for people."""
        name, digest = _split(self.image.rpartition("/")[2])
        return name if ":" in name or not digest else f"{name}@{digest[:19]}"


def _split(image: str) -> tuple[str, str]:
    name, _, digest = image.partition("@")
    return name, digest


def _untagged(name: str) -> str:
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


@dataclass(frozen=True, slots=True)
class Change:
    """Images for containers of one workload."""

    kind: str
    """As kubectl takes it: `deployment`."""
    name: str
    namespace: str
    wanted: tuple[Setting, ...]
    cause: str | None
    cause_before: str | None
    annotated: bool
    """Whether the workload has any annotation."""

    @property
    def settings(self) -> tuple[Setting, ...]:
        """Those that are not so yet; none where all is."""
        return tuple(each for each in self.wanted if not each.is_so)

    @property
    def workload(self) -> str:
        """KIND/NAME."""
        return f"{self.kind}/{self.name}"

    def replaced_in(self, workload: Document) -> str:
        """What the workload has by now in place of one of these images; "" where it has all."""
        now = {(each.field, each.container): each.written for each in spots(workload)}
        found = ((now.get((s.spot.field, s.spot.container), "none"), s) for s in self.wanted)
        return next((image for image, each in found if not each.holds_for(image)), "")

    @property
    def patch(self) -> Patch:
        """What makes it."""
        swaps = [step for each in self.settings for step in _swap(each)]
        if self.cause is None:
            return [*swaps, {"op": "remove", "path": _CAUSE_PATH}]
        empty = [] if self.annotated else [{"op": "add", "path": _ANNOTATIONS, "value": {}}]
        return [*swaps, *empty, {"op": "add", "path": _CAUSE_PATH, "value": self.cause}]

    @property
    def undone(self) -> "Change":
        """What takes exactly this back."""
        back = tuple(
            Setting(replace(each.spot, written=each.image), each.spot.written)
            for each in self.settings
        )
        before, cause = self.cause_before, self.cause
        return replace(self, wanted=back, cause=before, cause_before=cause, annotated=True)


def _swap(setting: Setting) -> Patch:
    path = setting.spot.path
    return [
        {"op": "test", "path": f"{path}/name", "value": setting.spot.container},
        {"op": "test", "path": f"{path}/image", "value": setting.spot.written},
        {"op": "replace", "path": f"{path}/image", "value": setting.image},
    ]
