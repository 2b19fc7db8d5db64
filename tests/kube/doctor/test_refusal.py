"""Words of the API server for pods that it does not make, and what they mean."""

import pytest

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.refusal import meaning

HEAD = 'pods "web-1" is forbidden: '

TABLE = {
    f'{HEAD}error looking up service account a/x: serviceaccount "x" not found': (
        Cause.ACCOUNT_MISSING,
        "x",
        "",
    ),
    f'{HEAD}violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false': (
        Cause.FORBIDDEN,
        "PodSecurity",
        "kubectl get namespace a --show-labels",
    ),
    f"{HEAD}ValidatingAdmissionPolicy 'ours' with binding 'all' denied request: not from there": (
        Cause.FORBIDDEN,
        "ours",
        "kubectl get validatingadmissionpolicy ours -o yaml",
    ),
    'admission webhook "validate.kyverno.svc-fail" denied the request: unsigned': (
        Cause.FORBIDDEN,
        "validate.kyverno.svc-fail",
        "validatingwebhookconfigurations",
    ),
    'Internal error occurred: failed calling webhook "w.test": failed to call webhook: Post "h"': (
        Cause.WEBHOOK_FAILS,
        "w.test",
        "",
    ),
    f"{HEAD}exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1": (
        Cause.QUOTA_EXCEEDED,
        "few",
        "",
    ),
    f"{HEAD}failed quota: few: must specify limits.cpu for: c": (
        Cause.FORBIDDEN,
        "few",
        "kubectl -n a describe resourcequota few",
    ),
}


@pytest.mark.parametrize("words", TABLE)
def test_what_they_mean(words: str) -> None:
    cause, name, look = TABLE[words]
    found, facts = meaning(words, "a")
    assert (found, facts["refuses"]) == (cause, name)
    assert look in facts["look"]


def test_others_are_quoted_alone() -> None:
    words = f"{HEAD}image policy webhook backend denied one or more images: no"
    assert meaning(words, "a") == (Cause.FORBIDDEN, {})
