"""`plan`: what is wished of a workload becomes a `Change` of it. Pure, but for what it is given."""

from collections.abc import Callable
from dataclasses import dataclass

from entrepot.kube.doctor.workload import KINDS
from entrepot.kube.rollout.change import CAUSE, Change, Setting, Version
from entrepot.kube.rollout.spot import Document, PlanError, choose, host_for, spots

_ROLLS_OUT = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class Wish:
    """A version for a workload."""

    version: str
    """A range, as it was said."""
    login: str
    """HOST[:PORT] of the registry that knows its versions."""
    containers: tuple[str, ...] = ()
    repository: str = ""
    registry: str = ""
    """What the image is to begin with, where that is said."""
    tag_only: bool = False


def parse_target(text: str) -> tuple[str, str]:
    """Kind and name of NAME or KIND/NAME. Raises `PlanError`."""
    kind, _, name = (text if "/" in text else f"deployment/{text}").partition("/")
    found = KINDS.get(kind.lower(), "")
    if found not in _ROLLS_OUT or not name or "/" in name:
        raise PlanError(f"{text}: name a Deployment, statefulset/NAME or daemonset/NAME")
    return found, name


def plan(workload: Document, wish: Wish, resolve: Callable[[str, str], Version]) -> Change:
    """What is to be done to a workload, as the API has it.

    `resolve` takes a repository and a range. Raises `PlanError`.
    """
    _check(workload)
    chosen, repository = choose(spots(workload), wish.containers, wish.repository, wish.login)
    version = resolve(repository, wish.version)
    hosts = [wish.registry or host_for(each, repository, wish.login) for each in chosen]
    images = [version.image(host, tag_only=wish.tag_only) for host in hosts]
    metadata = workload["metadata"]
    annotations = metadata.get("annotations") or {}
    return Change(
        kind=str(workload["kind"]).lower(),
        name=str(metadata["name"]),
        namespace=str(metadata["namespace"]),
        wanted=tuple(map(Setting, chosen, images)),
        cause=f"entrepot kube set-image --version {wish.version!r}: {version}",
        cause_before=annotations.get(CAUSE),
        annotated=bool(annotations),
    )


def _check(workload: Document) -> None:
    """That it rolls out by itself."""
    spec = workload["spec"]
    found = f"{workload['kind'].lower()}/{workload['metadata']['name']}"
    if spec.get("paused"):
        raise PlanError(f"{found} is paused: kubectl rollout resume {found}")
    if (spec.get("updateStrategy") or {}).get("type") == "OnDelete":
        raise PlanError(f"{found} waits for its pods to be deleted by hand (OnDelete)")
