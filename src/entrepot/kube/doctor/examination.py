"""An examination: each image of a pod is pulled again as the kubelet would, and diagnosed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.containerd_hosts import ConfigError
from entrepot.kube.doctor.crio_registries import BlockedError
from entrepot.kube.doctor.diagnosis import Case, Diagnosis, diagnose
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.http import shown
from entrepot.kube.doctor.matching import matching
from entrepot.kube.doctor.node_view import UNSEEN, NodeView
from entrepot.kube.doctor.parts import Watch
from entrepot.kube.doctor.pull import Try
from entrepot.kube.doctor.pull_secret import Credential
from entrepot.kube.doctor.replay import Asked, Pull, Trust
from entrepot.oci.image_name import Image, ImageError

_DECIDED = {"ErrImageNeverPull", "InvalidImageName"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A case, and what is wrong with it."""

    case: Case
    diagnosis: Diagnosis | None
    """None where nothing is."""
    notes: tuple[str, ...] = ()
    """What else is to know."""
    asked: tuple[Asked, ...] = ()
    """Whom the runtime asks, and how they answered with the credential that was tried last."""
    unseen: bool = False
    """Whether what nodes are configured to do was not looked at."""

    @property
    def is_mirrored(self) -> bool:
        """Whether there is more to say of whom was asked than of the registry itself."""
        return len(self.asked) > 1 or any(each.endpoint.lost for each in self.asked)

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
            "notes": [*self.notes, *([UNSEEN] if self.unseen else [])],
            "asked": [each.document() for each in self.asked],
        }


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines cases, with what is trusted, and with what is known of the nodes."""

    trust: Trust
    view: NodeView | None = None
    """None where nobody has files of a node."""
    watch: Watch | None = None
    """Wants to be told of layers that are read; None where none is to be."""

    def examine(self, case: Case) -> Finding:
        """Pull if need be, and diagnose."""
        image = _to_pull(case)
        if image is None:
            return Finding(case, diagnose(case, ()))
        try:
            tries, asked = self._tries(case, image)
        except (ConfigError, BlockedError) as error:
            blocked = isinstance(error, BlockedError)
            cause = Cause.BLOCKED if blocked else Cause.NODE_MISCONFIGURED
            return Finding(case, diagnose(case, [Try(None, cause, shown(str(error)))]))
        notes = [note for each in tries for note in each.notes]
        notes += self.view.notes(case.node.runtime) if self.view else []
        found = diagnose(case, tries)
        unseen = self.view is None and found is not None
        return Finding(case, found, tuple(dict.fromkeys(notes)), tuple(asked), unseen)

    def _tries(self, case: Case, image: Image) -> tuple[list[Try], list[Asked]]:
        """With each credential that is for the image, until one is good; with none where none is.

        The kubelet takes those of secrets first, and goes on where a plugin of its own fails.
        """
        known = matching(image, _of_secrets(case))
        pull = Pull(image, case.node.platform, (Endpoint.of(image),), self.trust, self.watch)
        if self.view is None:
            return _until_good(pull, known)
        pull = replace(pull, endpoints=self.view.endpoints(image, case.node.runtime))
        tries, asked = _until_good(pull, known) if known else ([], [])
        if tries and tries[-1].cause in (None, *_CERTAIN):
            return tries, asked
        given = self.view.given(case, image)
        tries += given.failures
        if known and not given.credentials:
            return tries, asked
        more, asked = _until_good(pull, given.credentials)
        return [*tries, *more], asked


def _to_pull(case: Case) -> Image | None:
    """The image that a registry is to be asked for, if any is."""
    decided = case.started or case.evicted or case.forbidden or case.account_missing
    if decided or case.reason in _DECIDED:
        return None
    try:
        return Image.parse(case.image)
    except ImageError:
        return None


def _of_secrets(case: Case) -> list[Credential]:
    return [credential for secret in case.secrets for credential in secret.credentials]


def _until_good(pull: Pull, credentials: Sequence[Credential]) -> tuple[list[Try], list[Asked]]:
    tries: list[Try] = []
    asked: list[Asked] = []
    for credential in credentials or (None,):
        last, asked = pull.by(credential)
        tries.append(last)
        if last.cause in (None, *_CERTAIN):
            break
    return tries, asked


_CERTAIN = (Cause.UNRESOLVED, Cause.TIMED_OUT, Cause.REFUSED)
"""What another password changes nothing about."""
