"""`Diagnosis`: what is wrong with one image of a pod; decided from what was seen alone."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from entrepot.kube.doctor import refusal
from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.http import shown
from entrepot.kube.doctor.placement import NOWHERE, Node, is_of_disk
from entrepot.kube.doctor.pull import Try
from entrepot.kube.doctor.pull_secret import Credential, PullSecret, State
from entrepot.kube.doctor.said import OF_THE_NODE, PULLS, meaning
from entrepot.oci.image_name import Image, ImageError


@dataclass(frozen=True, slots=True)
class Case:
    """One image of one or more pods, as the cluster shows it."""

    namespace: str
    pods: tuple[str, ...]
    container: str
    image: str
    account: str = "default"
    account_missing: bool = False
    secrets: tuple[PullSecret, ...] = ()
    node: Node = NOWHERE
    reason: str = ""
    """Why the container waits."""
    said: str = ""
    """The kubelet's words for it."""
    forbidden: str = ""
    """Why the cluster makes no pod."""
    started: bool = False
    """Whether the image is there and in use, so that nothing is wrong with it."""
    workload: str = ""
    """KIND/NAME of what makes no pod."""
    evicted: str = ""
    """Why the kubelet threw the pod out, for its disk."""
    unscheduled: str = ""
    """Why no node takes the pod."""
    unused: tuple[str, ...] = ()
    """Secrets of the namespace that are for this image, and that the pod does not name."""
    late: tuple[str, ...] = ()
    """Those for this image that its account names by now, and did not when the pod was made."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A cause, and the facts that its words name."""

    cause: Cause
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def wrong(self) -> str:
        """What is wrong."""
        return self._filled(self.cause.wrong)

    @property
    def mend(self) -> str:
        """How to mend it."""
        return self._filled(self.cause.mend)

    def _filled(self, words: str) -> str:
        return words.format_map(defaultdict(str, self.facts))


def diagnose(case: Case, tries: Sequence[Try]) -> Diagnosis | None:
    """What is wrong, by the pulls that were tried in the kubelet's order; None where nothing is."""
    if case.started and not case.evicted:
        return None
    found = _before(case) or _of_node(case, tries) or _of_tries(case, tries)
    return found and replace(found, facts=_facts(case) | found.facts)


def _facts(case: Case) -> dict[str, str]:
    facts = {
        "image": shown(case.image),
        "namespace": case.namespace,
        "account": case.account,
        "pod": case.pods[0] if case.pods else "",
        "node": case.node.name,
        "platform": case.node.platform,
    }
    try:
        image = Image.parse(case.image)
    except ImageError:
        return facts
    where = {"host": image.host, "server": image.server, "repository": image.repository}
    return facts | where | {"reference": image.reference, "secret": "NAME"}


def _before(case: Case) -> Diagnosis | None:
    """What keeps the kubelet from asking any registry."""
    if case.account_missing:
        return Diagnosis(Cause.ACCOUNT_MISSING)
    if case.forbidden:
        cause, facts = refusal.meaning(case.forbidden, case.namespace)
        return Diagnosis(cause, {**facts, "detail": shown(case.forbidden)})
    if case.evicted:
        return Diagnosis(Cause.DISK_PRESSURE, {"detail": f": {shown(case.evicted)}"})
    try:
        Image.parse(case.image)
    except ImageError as error:
        return Diagnosis(Cause.INVALID_NAME, {"detail": str(error)})
    if case.reason == "ErrImageNeverPull":
        return Diagnosis(Cause.NEVER_PULLED)
    return next((_of_secret(s) for s in case.secrets if s.state is State.MALFORMED), None)


def _of_node(case: Case, tries: Sequence[Try]) -> Diagnosis | None:
    """What is so on the node; from here it may be otherwise."""
    said = meaning(case.said) if case.reason in PULLS else None
    if case.unscheduled and (case.node.full or is_of_disk(case.unscheduled)):
        return Diagnosis(Cause.DISK_PRESSURE, {"detail": f": {shown(case.unscheduled)}"})
    if case.node.full and (said is Cause.DISK_PRESSURE or case.reason not in PULLS):
        return Diagnosis(Cause.DISK_PRESSURE)
    if said in OF_THE_NODE and not _covers(said, tries):
        return Diagnosis(said, {"seen": " from the node", "detail": _of_words(said, case)})
    away = all(each.cause in OF_THE_NODE for each in tries)
    if said is None or not away:
        return None
    if said is Cause.TAG_MISSING and "@" in case.image:
        said = Cause.DIGEST_MISSING
    if said is Cause.NO_RIGHT:
        return _of_tries(case, [_denied(each, case.said) for each in tries])
    return Diagnosis(said, {"detail": shown(case.said)})


def _of_words(said: Cause, case: Case) -> str:
    """What follows what is wrong, where the kubelet has said it."""
    if said is Cause.PULLS_LIMITED:
        return f": {case.node.limits}" if case.node.limits else ""
    return (": " if said is Cause.DISK_PRESSURE else "") + shown(case.said)


def _covers(said: Cause, tries: Sequence[Try]) -> bool:
    """Whether the words hide what is so: where hosts.toml has a CA for a host, but none for the
    server of the same name, containerd asks that after a 404, and tells of its certificate alone.
    """
    return said is Cause.UNKNOWN_CA and any(each.cause in _NOT_THERE for each in tries)


_NOT_THERE = (Cause.REPOSITORY_MISSING, Cause.TAG_MISSING, Cause.DIGEST_MISSING)


def _denied(each: Try, words: str) -> Try:
    """The pull as the kubelet tells of it, where the registry is out of reach from here."""
    cause = Cause.NO_CREDENTIAL if each.credential is None else Cause.NO_RIGHT
    return replace(each, cause=cause, detail=shown(words))


def _of_tries(case: Case, tries: Sequence[Try]) -> Diagnosis | None:
    if not tries or any(each.cause is None for each in tries):
        if case.unscheduled:
            return Diagnosis(Cause.NO_NODE, {"detail": shown(case.unscheduled)})
        if case.reason not in PULLS:
            return None
        corrupt = meaning(case.said) is Cause.LAYER_CORRUPT
        cause = Cause.LAYER_CORRUPT if corrupt else Cause.UNKNOWN
        return Diagnosis(cause, {"detail": shown(case.said) or case.reason})
    last = min(tries, key=lambda each: _BEFORE.index(each.cause) if each.cause in _BEFORE else -1)
    assert last.cause is not None
    if last.cause is Cause.NO_CREDENTIAL:
        return _without(case, last)
    facts: dict[str, Any] = {"detail": last.detail, "near": _near(last.near)}
    if last.cause in OF_THE_NODE:
        facts["seen"] = " from here"
    if last.credential is not None:
        repository = _facts(case).get("repository", "")
        facts |= _of_credential(last.credential, repository) | {"among": _among(tries)}
        if last.credential.by_node and last.cause is Cause.NO_RIGHT:
            return Diagnosis(Cause.ACCOUNT_FORBIDDEN, facts)
    return Diagnosis(last.cause, facts)


def _of_credential(credential: Credential, repository: str) -> dict[str, str]:
    rules = map(shown, credential.rules)
    can = "".join(f"; entrepot can workload:{rule} pull {repository}" for rule in rules)
    key = "provider" if credential.by_node else "secret"
    return {
        key: shown(credential.secret),
        "source": shown(credential.source),
        "user": shown(credential.user),
        "audience": shown(credential.audience),
        "can": can,
    }


_BEFORE = [
    Cause.NO_RIGHT,
    Cause.CREDENTIAL_EXPIRED,
    Cause.CREDENTIAL_REFUSED,
    Cause.AUDIENCE_FORBIDDEN,
    Cause.PROVIDER_REFUSED,
    Cause.PROVIDER_UNSEEN,
    Cause.NO_CREDENTIAL,
]
"""Of several tries the one that came farthest tells most; others come farther than all these."""


def _among(tries: Sequence[Try]) -> str:
    if len(tries) < 2:
        return ""
    names = [f"{t.credential.user} of {t.credential.secret}" for t in tries if t.credential]
    return shown(f" ({len(tries)} were tried: {', '.join(names)})")


def _near(names: Sequence[str]) -> str:
    return f"; there is {', '.join(names)}" if names else ""


def _without(case: Case, last: Try) -> Diagnosis:
    """The registry wants a login, and no secret gave one that is for it."""
    for state in (State.MISSING, State.WRONG_TYPE, State.EMPTY, State.UNSEEN):
        for each in case.secrets:
            if each.state is state:
                return _of_secret(each)
    if case.secrets:
        hosts = [f"{s.name} is for {c.pattern}" for s in case.secrets for c in s.credentials]
        facts = {"secret": case.secrets[0].name, "detail": shown("; ".join(hosts))}
        return Diagnosis(Cause.SECRET_OTHER_HOST, facts)
    if case.late:
        return Diagnosis(Cause.POD_OLDER, {"secret": case.late[0]})
    unused = f"; {', '.join(case.unused)} would be for it" if case.unused else ""
    return Diagnosis(Cause.NO_CREDENTIAL, {"detail": f"{unused}: {last.detail}"})


def _of_secret(secret: PullSecret) -> Diagnosis:
    facts = {"secret": secret.name, "detail": shown(secret.why)}
    if secret.state is State.MISSING and secret.elsewhere:
        elsewhere = ", ".join(secret.elsewhere)
        return Diagnosis(Cause.SECRET_ELSEWHERE, facts | {"elsewhere": elsewhere})
    return Diagnosis(_CAUSES[secret.state], facts)


_CAUSES = {
    State.MISSING: Cause.SECRET_MISSING,
    State.UNSEEN: Cause.SECRET_UNREADABLE,
    State.WRONG_TYPE: Cause.SECRET_TYPE,
    State.EMPTY: Cause.SECRET_MALFORMED,
    State.MALFORMED: Cause.SECRET_MALFORMED,
}
