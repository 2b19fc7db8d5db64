"""The `Case`s of a pod, a deployment or a namespace: each image once, as the cluster shows it.

What whoever asks may not read is left open, and never held against a pod.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

from entrepot.kube.doctor import placement, workload
from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.diagnosis import Case
from entrepot.kube.doctor.matching import matching
from entrepot.kube.doctor.placement import Node
from entrepot.kube.doctor.pull_secret import PullSecret, State
from entrepot.kube.doctor.said import PULLS, meaning
from entrepot.kube.kubectl import Kubectl, KubectlError
from entrepot.oci.image_name import Image, ImageError

_WAITING = PULLS | {"ErrImageNeverPull", "InvalidImageName"}
_TYPES = ("kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg")

Document = dict[str, Any]


class AbsentError(Exception):
    """There is no such pod, deployment or namespace."""


class Cases:
    """Reads a cluster; each object once."""

    def __init__(self, kubectl: Kubectl, namespace: str = "") -> None:
        self._kubectl = kubectl
        self._namespace = namespace
        self._secret = cache(self._read_secret)
        self._node = cache(self._read_node)
        self._limits = cache(self._read_limits)
        self._account = cache(self._read_account)
        self._events = cache(self._read_events)

    def of(self, target: str) -> list[Case]:
        """Those of POD, KIND/NAME or namespace/NAME; of all of the namespace where it is "".

        Raises `AbsentError` and `KubectlError`.
        """
        kind, _, name = (target if "/" in target else f"pod/{target}").partition("/")
        if not target or kind in ("namespace", "ns"):
            return _once(self._of_namespace(name or self._namespace))
        if kind in workload.KINDS:
            return _once(self._of_workload(self._found(workload.KINDS[kind], name)))
        if kind not in ("pod", "pods", "po"):
            raise AbsentError(f"{target}: name a pod, deployment/NAME or namespace/NAME")
        return _once(self._of_pod(self._found("pod", name)))

    def _found(self, kind: str, name: str) -> Document:
        found = self._kubectl.get(kind, name, self._namespace)
        if found is None:
            where = f"namespace {self._namespace}" if self._namespace else "your namespace"
            raise AbsentError(f"there is no {kind} {name} in {where}")
        return found

    def _of_namespace(self, namespace: str) -> Iterator[Case]:
        """Of its pods, and of what makes none because the cluster refuses them."""
        pods = self._kubectl.every("pods", namespace=namespace)
        for pod in pods:
            yield from self._of_pod(pod)
        try:
            found = self._kubectl.every(workload.ALL, namespace=namespace)
        except KubectlError:
            return
        for each in found:
            if not workload.is_owned(each) and (words := self._refused(each, pods)):
                yield from self._of_template(each, words)

    def _of_workload(self, found: Document) -> Iterator[Case]:
        """Of its pods; of its template where there are none, or more are refused."""
        chosen = f"--selector={workload.selector(found['spec']['selector'])}"
        pods = self._kubectl.every("pods", chosen, namespace=found["metadata"]["namespace"])
        for pod in pods:
            yield from self._of_pod(pod)
        words = self._refused(found, pods)
        if words or not pods:
            yield from self._of_template(found, words)

    def _of_template(self, found: Document, refused: str) -> Iterator[Case]:
        metadata = {"namespace": found["metadata"]["namespace"], "name": ""}
        spec = found["spec"]["template"]["spec"]
        for case in self._of_pod({"metadata": metadata, "spec": spec}):
            yield replace(case, forbidden=refused, workload=workload.name(found))

    def _refused(self, found: Document, pods: list[Document]) -> str:
        """Why pods that it wants are not made; "" where they are, or nobody knows."""
        words = workload.refused(found)
        if words or not workload.is_short(found):
            return words
        try:
            events = self._events(found["metadata"]["namespace"])
        except KubectlError:
            return ""
        return workload.last_refusal(found, events, pods)

    def _read_events(self, namespace: str) -> list[Document]:
        chosen = "--field-selector=reason=FailedCreate"
        return self._kubectl.every("events", chosen, namespace=namespace)

    def _of_pod(self, pod: Document) -> Iterator[Case]:
        spec, namespace = pod["spec"], str(pod["metadata"]["namespace"])
        account = spec.get("serviceAccountName") or "default"
        of_account = self._account(namespace, account)
        named = spec.get("imagePullSecrets")
        if not named and "serviceAccount" not in spec:  # a template: admission will add them
            named = (of_account or {}).get("imagePullSecrets")
        secrets = tuple(self._secret(namespace, each["name"]) for each in named or ())
        statuses, unscheduled = _statuses(pod), placement.unscheduled(pod)
        node = self._full() if "taint" in unscheduled else None
        node = node or self._node(spec.get("nodeName", ""))
        for container in _containers(spec):
            status = statuses.get(container["name"], {})
            waiting = status.get("state", {}).get("waiting", {})
            case = Case(
                namespace=namespace,
                pods=(pod["metadata"]["name"],) if pod["metadata"]["name"] else (),
                container=container["name"],
                image=container.get("image", ""),
                account=account,
                account_missing=of_account is None,
                secrets=secrets,
                node=node,
                reason=waiting.get("reason", ""),
                said=waiting.get("message", ""),
                started=_started(pod, status),
                evicted=placement.evicted(pod),
                unscheduled=unscheduled,
            )
            if meaning(case.said) is Cause.PULLS_LIMITED:
                case = replace(case, node=replace(node, limits=self._limits(node.name)))
            if not case.started:
                case = replace(case, unused=self._unused(case), late=self._late(case, of_account))
            yield case

    def _late(self, case: Case, account: Document | None) -> tuple[str, ...]:
        """Secrets for the image that its account names, where the pod was made with none."""
        names = [each["name"] for each in (account or {}).get("imagePullSecrets") or ()]
        if case.secrets:
            return ()
        try:
            image = Image.parse(case.image)
        except ImageError:
            return ()
        read = [self._secret(case.namespace, name) for name in names]
        return tuple(each.name for each in read if matching(image, each.credentials))

    def _unused(self, case: Case) -> tuple[str, ...]:
        """Secrets that would be for the image, where the pod names none."""
        if case.secrets:
            return ()
        try:
            image = Image.parse(case.image)
            found = self._kubectl.every("secrets", namespace=case.namespace)
        except (ImageError, KubectlError):
            return ()
        read = [PullSecret.read(s["metadata"]["name"], s) for s in found if s["type"] in _TYPES]
        return tuple(each.name for each in read if matching(image, each.credentials))

    def _read_secret(self, namespace: str, name: str) -> PullSecret:
        try:
            found = self._kubectl.get("secret", name, namespace)
        except KubectlError as error:
            return PullSecret(name, State.UNSEEN, why=str(error))
        if found is not None:
            return PullSecret.read(name, found)
        return PullSecret(name, State.MISSING, elsewhere=self._elsewhere(name))

    def _elsewhere(self, name: str) -> tuple[str, ...]:
        chosen = f"--field-selector=metadata.name={name}"
        try:
            found = self._kubectl.every("secrets", chosen, namespace="*")
        except KubectlError:
            return ()
        return tuple(each["metadata"]["namespace"] for each in found if each["type"] in _TYPES)

    def _read_node(self, name: str) -> Node:
        """Where a pod has no node yet: of the platform that all nodes have."""
        try:
            if name:
                found = self._kubectl.get("node", name)
                return Node.read(found) if found else Node(name)
            platforms = {Node.read(each).platform for each in self._kubectl.every("nodes")}
        except KubectlError:
            return Node(name)
        return Node(platform=platforms.pop() if len(platforms) == 1 else "")

    def _read_limits(self, node: str) -> str:
        """Of the kubelet, where one may ask it."""
        try:
            return placement.limits(self._kubectl.raw(f"/api/v1/nodes/{node}/proxy/configz"))
        except KubectlError:
            return ""

    def _full(self) -> Node | None:
        """Those whose disks are full, as one; the scheduler names no taints."""
        try:
            nodes = map(Node.read, self._kubectl.every("nodes"))
            names = [each.name for each in nodes if each.full]
        except KubectlError:
            return None
        return Node(", ".join(names), full=True) if names else None

    def _read_account(self, namespace: str, name: str) -> Document | None:
        """None where there is none; empty where it may not be read."""
        try:
            return self._kubectl.get("serviceaccount", name, namespace)
        except KubectlError:
            return {}


def _containers(spec: Document) -> list[Document]:
    return [
        *spec.get("initContainers", ()),
        *spec["containers"],
        *spec.get("ephemeralContainers", ()),
    ]


def _statuses(pod: Document) -> dict[str, Document]:
    status = pod.get("status", {})
    kinds = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
    return {each["name"]: each for kind in kinds for each in status.get(kind, ())}


def _started(pod: Document, status: Document) -> bool:
    """Whether the image was pulled, and nothing is wrong with it since."""
    if status.get("state", {}).get("waiting", {}).get("reason") in _WAITING:
        return False
    return bool(status.get("imageID")) or pod.get("status", {}).get("phase") == "Succeeded"


def _once(cases: Iterable[Case]) -> list[Case]:
    """Pods that fare alike with an image share a case."""
    found: dict[object, Case] = {}
    for case in cases:
        alike = (case.namespace, case.image, case.secrets, case.started, meaning(case.said))
        stays = (
            case.account,
            case.workload,
            case.forbidden,
            case.evicted,
            case.unscheduled,
            case.node.full,
        )
        key = (*alike, *stays, case.reason in _WAITING)
        first = found.setdefault(key, case)
        found[key] = replace(first, pods=tuple(dict.fromkeys((*first.pods, *case.pods))))
    return list(found.values())
