"""Diagnoses as a table: what was seen, and the cause that it means."""

import re
import string
from typing import Any

import pytest

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.diagnosis import Case, diagnose
from entrepot.kube.doctor.placement import Node
from entrepot.kube.doctor.pull import Try
from entrepot.kube.doctor.pull_secret import Credential, PullSecret, State
from entrepot.kube.doctor.said import meaning

U, W = Credential("one", "r.test", "u", "p"), Credential("two", "r.test", "w", "p")
BY_NODE = Credential("plug", "r.test", "serviceaccount", "", by_node=True, audience="aud")
OTHER = PullSecret("one", State.GOOD, (Credential("one", "o.test", "u", "p"),))
HUNG = "ImagePullBackOff"
NOBODY = Try(None, Cause.NO_CREDENTIAL, "log in first")


def case(**changes: Any) -> Case:
    known = {"namespace": "a", "pods": ("p",), "container": "c", "image": "r.test/team/app:1"}
    return Case(**{**known, "reason": HUNG, **changes})


def secret(state: State, **more: Any) -> tuple[PullSecret, ...]:
    return (PullSecret("one", state, **more),)


FULL = Node("n", "linux/amd64", full=True)

TABLE: dict[str, tuple[Case, list[Try], Cause | None, str]] = {
    "runs": (case(reason="", started=True), [], None, ""),
    "runs on a full node": (case(reason="", started=True, node=FULL), [], None, ""),
    "is about to pull": (case(reason="ContainerCreating"), [Try(U)], None, ""),
    "second credential is good": (
        case(reason=""),
        [Try(U, Cause.CREDENTIAL_REFUSED), Try(W)],
        None,
        "",
    ),
    "public, though a secret is missing": (
        case(reason="", secrets=secret(State.MISSING)),
        [Try()],
        None,
        "",
    ),
    "invalid": (case(image="r.test/App", reason="InvalidImageName"), [], Cause.INVALID_NAME, "App"),
    "never": (case(reason="ErrImageNeverPull"), [], Cause.NEVER_PULLED, "Never"),
    "no account": (case(account="x", account_missing=True), [], Cause.ACCOUNT_MISSING, "account x"),
    "no account, said by a deployment": (
        case(account="x", forbidden='serviceaccount "x" not found'),
        [],
        Cause.ACCOUNT_MISSING,
        "account x in a",
    ),
    "policy": (case(forbidden="violates PodSecurity"), [], Cause.FORBIDDEN, "violates PodSec"),
    "quota": (
        case(forbidden='pods "x" is forbidden: exceeded quota: few, requested: pods=1'),
        [],
        Cause.QUOTA_EXCEEDED,
        "the quota few of a has no room",
    ),
    "webhook": (
        case(forbidden='failed calling webhook "w.test": connection refused'),
        [],
        Cause.WEBHOOK_FAILS,
        "the webhook w.test fails",
    ),
    "thrown out, though it had started": (
        case(reason="", started=True, evicted="The node was low on resource: ephemeral-storage."),
        [],
        Cause.DISK_PRESSURE,
        "low on resource: ephemeral-storage",
    ),
    "all nodes are full": (
        case(
            reason="",
            node=Node("n, m", full=True),
            unscheduled="2 node(s) had untolerated taint(s)",
        ),
        [Try()],
        Cause.DISK_PRESSURE,
        "node n, m has no room on its disk: 2 node",
    ),
    "no node": (
        case(reason="", unscheduled="0/1 nodes are available: 1 Insufficient cpu."),
        [Try()],
        Cause.NO_NODE,
        "Insufficient cpu",
    ),
    "no node, and no tag": (
        case(reason="", unscheduled="0/1 nodes are available: 1 Insufficient cpu."),
        [Try(None, Cause.TAG_MISSING)],
        Cause.TAG_MISSING,
        "",
    ),
    "disk": (case(reason="", node=FULL), [Try()], Cause.DISK_PRESSURE, "node n "),
    "disk is full, but it is the password": (
        case(node=FULL),
        [Try(U, Cause.CREDENTIAL_REFUSED)],
        Cause.CREDENTIAL_REFUSED,
        "",
    ),
    "no room, said by the kubelet": (
        case(said="write: no space left on device"),
        [Try()],
        Cause.DISK_PRESSURE,
        "",
    ),
    "node knows no CA": (
        case(said="x509: certificate signed by unknown authority"),
        [Try()],
        Cause.UNKNOWN_CA,
        "from the node",
    ),
    "node tells of the CA of the host that it asked after a 404": (
        case(said="x509: certificate signed by unknown authority"),
        [Try(U, Cause.TAG_MISSING)],
        Cause.TAG_MISSING,
        "no tag 1",
    ),
    "neither here nor there": (
        case(said="dial tcp: i/o timeout"),
        [Try(None, Cause.REFUSED)],
        Cause.TIMED_OUT,
        "from the node",
    ),
    "only from here": (
        case(reason=""),
        [Try(None, Cause.UNRESOLVED)],
        Cause.UNRESOLVED,
        "r.test does not resolve from here",
    ),
    "out of reach from here, denied there": (
        case(said="pull access denied", secrets=secret(State.MISSING)),
        [Try(None, Cause.TIMED_OUT)],
        Cause.SECRET_MISSING,
        "no secret one in a",
    ),
    "not signed as its project demands": (
        case(said="403 Forbidden"),
        [Try(U, Cause.UNSIGNED, "it has no good signature of ci")],
        Cause.UNSIGNED,
        "no good signature of ci",
    ),
    "out of reach from here, no right there": (
        case(said="insufficient_scope: authorization failed"),
        [Try(U, Cause.UNKNOWN_CA)],
        Cause.NO_RIGHT,
        "u of secret one",
    ),
    "out of reach from here, not found there": (
        case(said="r.test/team/app:1: not found"),
        [Try(U, Cause.UNKNOWN_CA)],
        Cause.TAG_MISSING,
        "no tag 1",
    ),
    "out of reach from here, a digest is not found there": (
        case(
            image=f"r.test/team/app:1@sha256:{'a' * 64}",
            said=f"r.test/team/app@sha256:{'a' * 64}: not found",
        ),
        [Try(U, Cause.UNKNOWN_CA)],
        Cause.DIGEST_MISSING,
        "no manifest sha256:aaa",
    ),
    "all is well from here": (case(said="odd"), [Try()], Cause.UNKNOWN, "says: odd"),
    "corrupt, said by the kubelet": (
        case(said="failed commit on ref: unexpected commit digest sha256:1, expected sha256:2"),
        [Try()],
        Cause.LAYER_CORRUPT,
        "expected sha256:2",
    ),
    "unsigned": (
        case(reason="SignatureValidationFailed", said="Source image rejected: no signature"),
        [Try()],
        Cause.SIGNATURE_REFUSED,
        "from the node: Source image rejected",
    ),
    "the kubelet's own limit": (
        case(said="pull QPS exceeded", node=Node("n", limits="registryPullQPS 5")),
        [Try()],
        Cause.PULLS_LIMITED,
        "at this moment: registryPullQPS 5",
    ),
    "the plugin gets nothing": (
        case(account="x"),
        [Try(BY_NODE, Cause.PROVIDER_REFUSED, "no rule here says whom it means"), NOBODY],
        Cause.PROVIDER_REFUSED,
        "the node's plug gets no password for x of a: no rule here",
    ),
    "the kubelet may not ask": (
        case(node=Node("n")),
        [Try(BY_NODE, Cause.AUDIENCE_FORBIDDEN), NOBODY],
        Cause.AUDIENCE_FORBIDDEN,
        "the kubelet of n may not ask tokens for aud, which its plug wants",
    ),
    "the plugin cannot be tried": (
        case(),
        [Try(BY_NODE, Cause.PROVIDER_UNSEEN, "forbidden"), NOBODY],
        Cause.PROVIDER_UNSEEN,
        "cannot be tried: forbidden",
    ),
    "the account has no right": (
        case(account="x"),
        [Try(BY_NODE, Cause.NO_RIGHT, "denied")],
        Cause.ACCOUNT_FORBIDDEN,
        "x of a may not pull team/app",
    ),
    "the secret is wrong, and the plugin gets nothing": (
        case(),
        [Try(U, Cause.CREDENTIAL_REFUSED), Try(BY_NODE, Cause.PROVIDER_REFUSED)],
        Cause.CREDENTIAL_REFUSED,
        "u of secret one",
    ),
    "blocked on the node": (
        case(),
        [Try(None, Cause.BLOCKED, "registries.conf blocks r.test")],
        Cause.BLOCKED,
        "nothing from r.test: registries.conf blocks",
    ),
    "no secret": (case(), [NOBODY], Cause.NO_CREDENTIAL, "log in first"),
    "no secret, but its account has one by now": (
        case(unused=("s", "t"), late=("t",)),
        [NOBODY],
        Cause.POD_OLDER,
        "default names secret t for it by now, but the pod is older",
    ),
    "no secret, but one is there": (case(unused=("s",)), [NOBODY], Cause.NO_CREDENTIAL, "s would"),
    "missing": (case(secrets=secret(State.MISSING)), [NOBODY], Cause.SECRET_MISSING, "one"),
    "elsewhere": (
        case(secrets=secret(State.MISSING, elsewhere=("b",))),
        [NOBODY],
        Cause.SECRET_ELSEWHERE,
        "not in a but in b",
    ),
    "type": (
        case(secrets=secret(State.WRONG_TYPE, why="its type is Opaque")),
        [NOBODY],
        Cause.SECRET_TYPE,
        "its type is Opaque",
    ),
    "empty": (case(secrets=secret(State.EMPTY)), [NOBODY], Cause.SECRET_MALFORMED, "one"),
    "malformed, though public": (
        case(secrets=secret(State.MALFORMED, why="no JSON")),
        [Try()],
        Cause.SECRET_MALFORMED,
        "no JSON",
    ),
    "unseen": (case(secrets=secret(State.UNSEEN)), [NOBODY], Cause.SECRET_UNREADABLE, "may not"),
    "other host": (case(secrets=(OTHER,)), [NOBODY], Cause.SECRET_OTHER_HOST, "one is for o.test"),
    "expired": (
        case(),
        [Try(U, Cause.CREDENTIAL_EXPIRED, "it has expired")],
        Cause.CREDENTIAL_EXPIRED,
        "u in secret one has expired",
    ),
    "refused, both": (
        case(),
        [Try(U, Cause.CREDENTIAL_REFUSED, "wrong"), Try(W, Cause.CREDENTIAL_REFUSED)],
        Cause.CREDENTIAL_REFUSED,
        "take u of secret one (2 were tried: u of one, w of two)",
    ),
    "one is refused, one has no right": (
        case(),
        [Try(U, Cause.CREDENTIAL_REFUSED), Try(W, Cause.NO_RIGHT, "no")],
        Cause.NO_RIGHT,
        "w of secret two",
    ),
    "one is refused, one finds no tag": (
        case(),
        [Try(U, Cause.CREDENTIAL_REFUSED), Try(W, Cause.TAG_MISSING, near=("1.0", "1.1"))],
        Cause.TAG_MISSING,
        "no tag 1; there is 1.0, 1.1",
    ),
    "platform": (
        case(node=Node("n", "linux/arm64")),
        [Try(U, Cause.NO_PLATFORM, "linux/amd64")],
        Cause.NO_PLATFORM,
        "not for linux/arm64 but for linux/amd64",
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_cause(name: str) -> None:
    seen, tries, cause, words = TABLE[name]
    found = diagnose(seen, tries)
    assert (found and found.cause) is cause
    if found is not None:
        assert words in found.wrong
        assert not re.search(r"\{[a-z]+\}", found.wrong)


@pytest.mark.parametrize("cause", Cause)
def test_words_name_what_is_known(cause: Cause) -> None:
    known = (
        "image namespace account pod node platform host server repository reference secret refuses "
        "look detail seen near user among elsewhere source provider audience can"
    )
    told = set(known.split())
    for words in (cause.wrong, cause.mend):
        assert {name for _, name, _, _ in string.Formatter().parse(words) if name} <= told
    assert cause.whose


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("dial tcp: lookup r.test on 10.0.0.1:53: no such host", Cause.UNRESOLVED),
        ("dial tcp: lookup r.test: Temporary failure in name resolution", Cause.UNRESOLVED),
        (
            "dial tcp: lookup r.test on 127.0.0.1:53: read udp: connection refused",
            Cause.UNRESOLVED,
        ),
        ("dial tcp 10.0.0.1:443: connect: connection refused", Cause.REFUSED),
        ("dial tcp 10.0.0.1:443: i/o timeout", Cause.TIMED_OUT),
        ("x509: certificate signed by unknown authority", Cause.UNKNOWN_CA),
        ("x509: certificate is valid for a.test, not r.test", Cause.WRONG_NAME),
        ("x509: certificate has expired or is not yet valid", Cause.EXPIRED_CERTIFICATE),
        ("http: server gave HTTP response to HTTPS client", Cause.PLAIN_HTTP),
        ("tls: first record does not look like a TLS handshake", Cause.PLAIN_HTTP),
        ("net/http: TLS handshake timeout", Cause.TIMED_OUT),
        ("no match for platform in manifest: not found", Cause.NO_PLATFORM),
        ("unexpected status code: 429 Too Many Requests", Cause.TOO_MANY),
        ("failed to resolve reference r.test/app:1: r.test/app:1: not found", Cause.TAG_MISSING),
        ("unexpected commit digest sha256:1, expected sha256:2", Cause.LAYER_CORRUPT),
        ("pull QPS exceeded", Cause.PULLS_LIMITED),
        ("Source image rejected: A signature was required", Cause.SIGNATURE_REFUSED),
        ("something else", None),
    ],
)
def test_what_the_kubelet_means(words: str, cause: Cause | None) -> None:
    assert meaning(words) is cause


def test_the_rules_that_mean_an_account_can_be_asked() -> None:
    by = Credential("plug", "r.test", "serviceaccount", "", by_node=True, rules=("a", "b"))
    found = diagnose(case(account="x"), [Try(by, Cause.NO_RIGHT)])
    assert found is not None
    assert found.mend == (
        "entrepot kube connect --allow 'a/x=reader:team/app'"
        "; entrepot can workload:a pull team/app; entrepot can workload:b pull team/app"
    )
