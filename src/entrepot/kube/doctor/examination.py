"""An examination: each image of a pod is pulled again as the kubelet would, and diagnosed."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.diagnosis import Case, Diagnosis, diagnose
from entrepot.kube.doctor.image import Image, ImageError
from entrepot.kube.doctor.matching import matching
from entrepot.kube.doctor.parts import Watch
from entrepot.kube.doctor.pull import Try, attempt

_DECIDED = {"ErrImageNeverPull", "InvalidImageName"}

Trust = Callable[[str], ssl.SSLContext]
"""What is trusted at a host."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A case, and what is wrong with it."""

    case: Case
    diagnosis: Diagnosis | None
    """None where nothing is."""
    notes: tuple[str, ...] = ()
    """What else is to know."""

    def document(self) -> dict[str, Any]:
        """For programs."""
        case, found = self.case, self.diagnosis
        return {
            "namespace": case.namespace,
            "pods": list(case.pods),
            "workload": case.workload or None,
            "container": case.container,
            "image": case.image,
            "healthy": found is None,
            "cause": found and found.cause.name.lower(),
            "wrong": found and found.wrong,
            "whose": found and found.cause.whose,
            "mend": found and found.mend,
            "kubelet": case.said or None,
            "notes": list(self.notes),
        }


def examine(case: Case, trust: Trust, watch: Watch | None = None) -> Finding:
    """Pull if need be, and diagnose; layers are read whole where `watch` wants to be told of it."""
    tries = _tries(case, trust, watch)
    notes = dict.fromkeys(note for each in tries for note in each.notes)
    return Finding(case, diagnose(case, tries), tuple(notes))


def _tries(case: Case, trust: Trust, watch: Watch | None) -> list[Try]:
    """With each credential that is for the image, until one is good; with none where none is."""
    if (
        case.started
        or case.evicted
        or case.forbidden
        or case.account_missing
        or case.reason in _DECIDED
    ):
        return []
    try:
        image = Image.parse(case.image)
    except ImageError:
        return []
    found = matching(image, [c for secret in case.secrets for c in secret.credentials])
    tries: list[Try] = []
    for credential in found or (None,):
        trusted = trust(image.host)
        tries.append(attempt(image, credential, case.node.platform, trusted, watch))
        if tries[-1].cause in (None, *_CERTAIN):
            break
    return tries


_CERTAIN = (Cause.UNRESOLVED, Cause.TIMED_OUT, Cause.REFUSED)
"""What another password changes nothing about."""
