"""What makes pods: which are its own, how many it wants, and why it makes none.

Source: kubernetes, `apps/v1` and `batch/v1`; controllers write FailedCreate for each refusal.
"""

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]

KINDS = {
    **dict.fromkeys(("deployment", "deploy", "deployments", "deployment.apps"), "deployment"),
    **dict.fromkeys(("statefulset", "sts", "statefulsets", "statefulset.apps"), "statefulset"),
    **dict.fromkeys(("daemonset", "ds", "daemonsets", "daemonset.apps"), "daemonset"),
    **dict.fromkeys(("replicaset", "rs", "replicasets", "replicaset.apps"), "replicaset"),
    **dict.fromkeys(("job", "jobs", "job.batch"), "job"),
}
"""By what people write, as kubectl takes it."""

ALL = ",".join(dict.fromkeys(KINDS.values()))


def name(workload: Document) -> str:
    """KIND/NAME."""
    return f"{workload['kind'].lower()}/{workload['metadata']['name']}"


def is_owned(workload: Document) -> bool:
    """Whether it is of another of these, which tells of it."""
    owners = workload["metadata"].get("ownerReferences") or ()
    return any(each["kind"].lower() in KINDS for each in owners)


def refused(workload: Document) -> str:
    """Why the pods that are wanted are not made, by its conditions; "" where they do not say."""
    conditions = workload.get("status", {}).get("conditions", ())
    told = (c["message"] for c in conditions if c["type"] == "ReplicaFailure")
    return next(told, "")


def is_short(workload: Document) -> bool:
    """Whether it has fewer pods than it wants."""
    spec, status = workload["spec"], workload.get("status", {})
    if "desiredNumberScheduled" in status:
        return bool(status.get("currentNumberScheduled", 0) < status["desiredNumberScheduled"])
    if workload["kind"] == "Job":
        made = (status.get(each, 0) for each in ("active", "succeeded", "failed"))
        return not spec.get("suspend") and not sum(made)
    return bool(status.get("replicas", 0) < spec.get("replicas", 1))


def last_refusal(workload: Document, events: Iterable[Document], pods: Iterable[Document]) -> str:
    """By the newest event FailedCreate in its namespace; "" where a pod was made since."""
    uid = workload["metadata"]["uid"]
    own = [each for each in events if each["involvedObject"].get("uid") == uid]
    newest = max(own, key=_when, default=None)
    made = [str(each["metadata"]["creationTimestamp"]) for each in pods if _is_of(each, uid)]
    if newest is None or max(made, default="") > _when(newest):
        return ""
    return str(newest.get("message", "")).removeprefix("Error creating: ")


def _is_of(pod: Document, uid: str) -> bool:
    return any(each["uid"] == uid for each in pod["metadata"].get("ownerReferences") or ())


def _when(event: Document) -> str:
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def selector(chosen: Document) -> str:
    """As kubectl takes it."""
    parts = [f"{key}={value}" for key, value in chosen.get("matchLabels", {}).items()]
    for each in chosen.get("matchExpressions", ()):
        key, values = each["key"], ",".join(each.get("values", ()))
        written = {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({values})"}
        parts.append(written.get(each["operator"], f"{key} notin ({values})"))
    return ",".join(parts)
