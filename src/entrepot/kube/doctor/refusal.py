"""Why the API server makes no pod, by its own words: a policy, a quota, a webhook, an account.

Source: kubernetes, messages of admission plugins, as events FailedCreate and conditions show them.
"""

import re

from entrepot.kube.doctor.cause import Cause

_POLICY = "; it is: kubectl get validatingadmissionpolicy {name} -o yaml"
_WEBHOOK = (
    "; it is one of: kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations"
)
_LEVEL = "; its level is a label: kubectl get namespace {{namespace}} --show-labels"
_QUOTA = "; it is: kubectl -n {{namespace}} describe resourcequota {name}"

_MEANINGS = {
    r"serviceaccount \"(?P<name>[^\"]*)\" not found": (Cause.ACCOUNT_MISSING, ""),
    r"failed calling webhook \"(?P<name>[^\"]*)\"": (Cause.WEBHOOK_FAILS, ""),
    r"exceeded quota: (?P<name>[^, ]+)": (Cause.QUOTA_EXCEEDED, ""),
    r"failed quota: (?P<name>[^:, ]+)": (Cause.FORBIDDEN, _QUOTA),
    r"ValidatingAdmissionPolicy '(?P<name>[^']*)'": (Cause.FORBIDDEN, _POLICY),
    r"admission webhook \"(?P<name>[^\"]*)\" denied": (Cause.FORBIDDEN, _WEBHOOK),
    r"violates (?P<name>PodSecurity)": (Cause.FORBIDDEN, _LEVEL),
}


def meaning(words: str, namespace: str) -> tuple[Cause, dict[str, str]]:
    """The cause that they name, with the name of what refuses, and where to look at it."""
    for pattern, (cause, where) in _MEANINGS.items():
        if found := re.search(pattern, words):
            name = found["name"]
            look = where.format(name=name).replace("{namespace}", namespace)
            return cause, {"refuses": name, "look": look}
    return Cause.FORBIDDEN, {}
