"""The inventory of a cluster: which images its workloads have, from what its API lists.

Pure: plain objects in, entries out, as `PUT /api/v1/clusters/{cluster}/images` takes them. A pod
says what runs; a ReplicaSet or ControllerRevision without pods what a rollback would need, or,
where it is the newest, what runs again once it is scaled up; so do Jobs and CronJobs between runs.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.image_name import Image, ImageError

Object = Mapping[str, Any]
"""As the Kubernetes API gives it in JSON."""

SOURCES: Mapping[str, str] = {
    "Pod": "/api/v1/pods",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "ControllerRevision": "/apis/apps/v1/controllerrevisions",
    "Job": "/apis/batch/v1/jobs",
    "CronJob": "/apis/batch/v1/cronjobs",
}
"""By kind, where a report's objects are listed. More is not needed: owners say who they are."""

RUNNING, WAITING, ROLLBACK = "running", "waiting", "rollback"
MOST_TEXT = 512
"""Characters of a word that a report may have."""

_RANK = (RUNNING, WAITING, ROLLBACK)

_REVISION = "deployment.kubernetes.io/revision"
_MOST_DIGITS = 18
"""Of a revision's number; whoever may write it may write more."""
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_OVER = ("Succeeded", "Failed")
"""Phases of pods that have ended."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Whose image it is."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """An image of a container of a workload."""

    namespace: str
    kind: str
    workload: str
    container: str
    image: str
    """As it is written."""
    host: str
    """"" where the image is no name of one."""
    repository: str
    tag: str
    """"" where only a digest is written."""
    digest: str
    """What is written, else what was pulled; "" where nobody knows."""
    pinned: bool
    """Whether a digest is written."""
    state: str


def report(objects: Mapping[str, Iterable[Object]]) -> list[dict[str, Any]]:
    """The entries of a cluster; `objects` by kind, those of `SOURCES` in all namespaces.

    In order, each once. Items of a list need not say their kind.
    """
    found = {kind: list(objects.get(kind, ())) for kind in SOURCES}
    owners = {_uid(each): (kind, each) for kind in SOURCES for each in found[kind]}
    entries = [
        entry
        for kind, read in (("Pod", _of_pod), ("Job", _of_job), ("CronJob", _of_cron_job))
        for each in found[kind]
        for entry in read(each, _workload(kind, each, owners))
    ]
    for kind in ("ReplicaSet", "ControllerRevision"):
        entries += _of_revisions(kind, found[kind], owners)
    return [asdict(entry) for entry in sorted(_distinct(entries))]


def _uid(each: Object) -> str:
    return str(each["metadata"]["uid"])


def _workload(kind: str, each: Object, owners: Mapping[str, tuple[str, Object]]) -> Workload:
    """Whoever is at the top: the owner's owner, as far as owners are listed; of those that own each
    other, as nothing forbids, the one at which it begins anew.
    """
    namespace = str(each["metadata"].get("namespace", ""))
    reference, seen = _owner(each), set[str]()
    while reference is not None:
        kind, name, uid = (str(reference.get(key)) for key in ("kind", "name", "uid"))
        known = None if uid in seen else owners.get(uid)
        seen.add(uid)
        reference = _owner(known[1]) if known else None
        each = {"metadata": {"name": name}}
    return Workload(namespace, kind, str(each["metadata"]["name"]))


def _owner(each: Object) -> Object | None:
    """What controls it; a node, which runs pods of files, is no workload."""
    for reference in each["metadata"].get("ownerReferences") or ():
        if reference.get("controller") and reference.get("kind") != "Node":
            found: Object = reference
            return found
    return None


def _of_pod(pod: Object, workload: Workload) -> Iterator[Entry]:
    status = pod.get("status") or {}
    if status.get("phase") in _OVER:
        return
    pulled = {
        each["name"]: _pulled(str(each.get("imageID") or ""))
        for kind in _STATUSES
        for each in status.get(kind) or ()
    }
    for container, image in _images(pod.get("spec") or {}):
        yield _entry(workload, container, image, RUNNING, pulled.get(container, ""))


def _of_job(job: Object, workload: Workload) -> Iterator[Entry]:
    """One that has not ended: it may make a pod at any time."""
    status = job.get("status") or {}
    if not status.get("completionTime") and not _has(status, "Complete", "Failed"):
        yield from _of_template(job["spec"]["template"], workload, WAITING)


def _has(status: Object, *conditions: str) -> bool:
    return any(
        each.get("type") in conditions and each.get("status") == "True"
        for each in status.get("conditions") or ()
    )


def _of_cron_job(cron_job: Object, workload: Workload) -> Iterator[Entry]:
    template = cron_job["spec"]["jobTemplate"]["spec"]["template"]
    return _of_template(template, workload, WAITING)


def _of_revisions(
    kind: str, revisions: Sequence[Object], owners: Mapping[str, tuple[str, Object]]
) -> Iterator[Entry]:
    """The newest of each owner is what it runs when it is scaled up, the others are history."""
    by_owner: dict[str, list[Object]] = defaultdict(list)
    for each in revisions:
        by_owner[str((_owner(each) or {}).get("uid", _uid(each)))].append(each)
    for group in by_owner.values():
        newest = max(map(_revision, group))
        for each in group:
            state = WAITING if _revision(each) == newest else ROLLBACK
            yield from _of_revision(each, _workload(kind, each, owners), state)


def _of_revision(each: Object, workload: Workload, state: str) -> list[Entry]:
    """A ControllerRevision holds whatever its operator likes; what is not made as pods are has no
    images.
    """
    try:
        template = _template(each)
        return [] if template is None else list(_of_template(template, workload, state))
    except (AttributeError, KeyError, TypeError):
        return []


def _revision(each: Object) -> int:
    """A Deployment numbers its ReplicaSets by an annotation, the others by a field."""
    annotations = each["metadata"].get("annotations") or {}
    text = str(each.get("revision") or annotations.get(_REVISION) or "0")
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def _template(each: Object) -> Object | None:
    """What pods are made of; a revision of something unknown may have none."""
    spec = (each.get("data") or each).get("spec") or {}
    found: Object | None = spec.get("template")
    return found


def _of_template(template: Object, workload: Workload, state: str) -> Iterator[Entry]:
    for container, image in _images(template.get("spec") or {}):
        yield _entry(workload, container, image, state, "")


def _images(spec: Object) -> Iterator[tuple[str, str]]:
    """Containers of each kind with their images, and volumes that are images."""
    for kind in _CONTAINERS:
        for each in spec.get(kind) or ():
            if each.get("image"):
                yield str(each["name"]), str(each["image"])
    for each in spec.get("volumes") or ():
        image = (each.get("image") or {}).get("reference")
        if image:
            yield f"volume {each['name']}", str(image)


def _entry(workload: Workload, container: str, image: str, state: str, pulled: str) -> Entry:
    try:
        host, repository, tag, digest = _read(image)
    except ImageError:
        host = repository = tag = digest = ""
    return Entry(
        workload.namespace,
        _plain(workload.kind),
        _plain(workload.name),
        container,
        _plain(image),
        host if len(host) <= MOST_TEXT else "",
        repository,
        tag,
        digest or pulled,
        bool(digest),
        state,
    )


def _plain(text: str) -> str:
    """Whoever makes pods may write nearly anything there, and would else spoil the whole report."""
    return "".join(each if each.isprintable() else "?" for each in text[:MOST_TEXT])


def _read(image: str) -> tuple[str, str, str, str]:
    """Host, repository, tag and digest of what is written."""
    found = Image.parse(image)
    before, _, digest = image.partition("@")
    tag = before.rpartition("/")[2].partition(":")[2]
    return found.host, found.repository, tag or ("" if digest else found.reference), digest


def _pulled(image_id: str) -> str:
    """The digest of the manifest that was pulled. A digest alone is that of a configuration: the
    image never came from a registry.
    """
    _, _, digest = image_id.partition("@")
    try:
        return str(Digest.parse(digest))
    except OCIError:
        return ""


def _distinct(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Each image of a container once, in the state that counts most; without a digest only where
    nobody knows one.
    """
    groups: dict[Entry, dict[str, str]] = defaultdict(dict)
    for entry in entries:
        states = groups[replace(entry, digest="", state="")]
        states[entry.digest] = min(states.get(entry.digest, ROLLBACK), entry.state, key=_RANK.index)
    for entry, states in groups.items():
        if len(states) > 1:
            states.pop("", None)
        for digest, state in states.items():
            yield replace(entry, digest=digest, state=state)
