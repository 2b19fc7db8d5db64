"""Connecting a cluster: what has to be so, here and there; compared, and then made so.

At the registry the issuer of the cluster is trusted with its keys, and a rule for each kind of
service account says what it pulls. In the cluster a role lets kubelets ask tokens for the registry.
Whatever is made bears a mark, and nothing without it is ever changed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import groupby
from typing import Any, Protocol

from entrepot.kube.kubectl import Kubectl
from entrepot.kube.permission import Permission

_LABEL = "app.kubernetes.io/managed-by"
_OURS = "entrepot"
_RBAC = "rbac.authorization.k8s.io"


class ConnectError(Exception):
    """Why it cannot be connected; in words for whoever tries."""


class Api(Protocol):
    """The client of the admin API, as far as it is needed here."""

    def put(self, path: str, document: Any = None) -> Any:
        """Set something."""

    def delete(self, path: str) -> None:
        """Remove something."""

    def every(self, path: str, **parameters: Any) -> Iterator[Any]:
        """All entries of a list."""

    def call(self, method: str, path: str, **given: Any) -> Any:
        """One request."""


class Sign(StrEnum):
    """What a step does to what there is."""

    NEW = "+"
    CHANGED = "~"
    GONE = "-"
    SAME = "="


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the plan."""

    sign: Sign
    where: str
    """registry or cluster."""
    what: str
    do: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, and what is to be allowed to it."""

    name: str
    """Its rules are called after it."""
    issuer: str
    keys: dict[str, Any]
    """JWKS by which its tokens are verified."""
    audience: str
    allowed: tuple[Permission, ...] = ()

    @classmethod
    def found(
        cls, kubectl: Kubectl, name: str, audience: str, allowed: Iterable[Permission] = ()
    ) -> "Cluster":
        """Ask the cluster what its issuer is, and which keys it has."""
        issuer = str(kubectl.raw("/.well-known/openid-configuration")["issuer"])
        if not issuer.startswith("https://"):
            raise ConnectError(
                f"the issuer of the cluster is {issuer!r}: start its API server with an https:// "
                "URL of its own as --service-account-issuer"
            )
        return cls(name, issuer, kubectl.raw("/openid/v1/jwks"), audience, tuple(allowed))

    def rules(self) -> dict[str, dict[str, Any]]:
        """Trust rules by name: one for each kind of service account."""
        every = sorted(self.allowed, key=lambda each: each.subject)
        return {
            self._rule(subject): {
                "issuer": self.issuer,
                "audience": self.audience,
                "claims": {"sub": subject},
                "grants": [{"role": each.role, "pattern": each.pattern} for each in found],
            }
            for subject, found in groupby(every, key=lambda each: each.subject)
        }

    def owns(self, rule: str) -> bool:
        """Whether a rule was made for this cluster by its connection."""
        return rule.startswith(f"kube.{self.name}.")

    def _rule(self, subject: str) -> str:
        return f"kube.{self.name}.{sha256(subject.encode()).hexdigest()[:12]}"


def audience_roles(audience: str) -> list[dict[str, Any]]:
    """What lets the kubelets of a cluster ask tokens of service accounts for an audience."""
    name = f"entrepot-pull:{audience}"
    rule = {
        "apiGroups": [""],
        "resources": [audience],
        "verbs": ["request-serviceaccounts-token-audience"],
    }
    nodes = {"apiGroup": _RBAC, "kind": "Group", "name": "system:nodes"}
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": name}
    metadata = {"name": name, "labels": {_LABEL: _OURS}}
    head = {"apiVersion": f"{_RBAC}/v1", "metadata": metadata}
    return [
        {**head, "kind": "ClusterRole", "rules": [rule]},
        {**head, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [nodes]},
    ]


def connect(cluster: Cluster, api: Api, kubectl: Kubectl) -> list[Step]:
    """The steps to a connection; most are `SAME` where there is one."""
    rules = {each["name"]: each for each in api.every("/trusts")}
    steps = [_issuer(cluster, api), *_rules(cluster, api, rules)]
    steps += [_forget_rule(api, name) for name in rules if _is_stale(cluster, name)]
    return steps + [_role(kubectl, each) for each in audience_roles(cluster.audience)]


def disconnect(cluster: Cluster, api: Api, kubectl: Kubectl) -> list[Step]:
    """The steps to none: every trace goes, but an issuer that other rules need."""
    rules = list(api.every("/trusts"))
    ours = [each["name"] for each in rules if cluster.owns(each["name"])]
    others = [each for each in rules if each["name"] not in ours]
    steps = [_forget_rule(api, name) for name in ours]
    known = any(each["url"] == cluster.issuer for each in api.every("/issuers"))
    if known and all(each["issuer"] != cluster.issuer for each in others):
        forget = {"url": cluster.issuer}
        steps.append(
            Step(
                Sign.GONE,
                "registry",
                f"issuer {cluster.issuer}",
                lambda: api.call("DELETE", "/issuers", params=forget),
            )
        )
    return steps + [
        step for each in audience_roles(cluster.audience) for step in _forget_role(kubectl, each)
    ]


def _issuer(cluster: Cluster, api: Api) -> Step:
    found = [each for each in api.every("/issuers") if each["url"] == cluster.issuer]
    keys = len(cluster.keys["keys"])
    what = f"issuer {cluster.issuer} with {keys} key{'' if keys == 1 else 's'}"
    wanted = {"url": cluster.issuer, "jwks": cluster.keys}
    sign = _sign(found[0]["jwks"] if found else None, cluster.keys)
    return Step(sign, "registry", what, lambda: api.put("/issuers", wanted))


def _rules(cluster: Cluster, api: Api, found: dict[str, Any]) -> list[Step]:
    steps = []
    for name, wanted in cluster.rules().items():
        stands = found.get(name)
        shown = {key: stands[key] for key in wanted} if stands else None
        sign = _sign(_sorted(shown), _sorted(wanted))
        grants = ", ".join(f"{each['role']} on {each['pattern']}" for each in wanted["grants"])
        what = f"{wanted['claims']['sub']}: {grants}"
        steps.append(Step(sign, "registry", what, _put_rule(api, name, wanted, stands)))
    return steps


def _sorted(rule: dict[str, Any] | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    grants = sorted((each["role"], each["pattern"]) for each in rule["grants"])
    return {**rule, "grants": grants}


def _put_rule(
    api: Api, name: str, wanted: dict[str, Any], stands: dict[str, Any] | None
) -> Callable[[], object]:
    def put() -> None:
        api.put(f"/trusts/{name}", wanted)
        for each in api.every("/grants", subject=f"workload:{name}") if stands else ():
            if {"role": each["role"], "pattern": each["pattern"]} not in wanted["grants"]:
                api.delete(f"/grants/{each['id']}")

    return put


def _is_stale(cluster: Cluster, name: str) -> bool:
    return cluster.owns(name) and name not in cluster.rules()


def _forget_rule(api: Api, name: str) -> Step:
    what = f"trust rule {name} with its grants"
    return Step(Sign.GONE, "registry", what, lambda: api.delete(f"/trusts/{name}"))


def _role(kubectl: Kubectl, wanted: dict[str, Any]) -> Step:
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    found = kubectl.get(kind, name)
    if found is not None:
        _check_ours(kind, name, found)
    parts = [key for key in ("rules", "roleRef", "subjects") if key in wanted]
    sign = _sign(found and {key: found.get(key) for key in parts}, {k: wanted[k] for k in parts})
    return Step(sign, "cluster", f"{kind} {name}", lambda: kubectl.apply(wanted))


def _forget_role(kubectl: Kubectl, wanted: dict[str, Any]) -> Sequence[Step]:
    kind, name = wanted["kind"], wanted["metadata"]["name"]
    found = kubectl.get(kind, name)
    if found is None:
        return ()
    _check_ours(kind, name, found)
    return (Step(Sign.GONE, "cluster", f"{kind} {name}", lambda: kubectl.delete(kind, name)),)


def _check_ours(kind: str, name: str, found: dict[str, Any]) -> None:
    if found["metadata"].get("labels", {}).get(_LABEL) != _OURS:
        raise ConnectError(
            f"{kind} {name} of the cluster was made by somebody else, and is left alone: rename or "
            f"remove it, or label it {_LABEL}={_OURS}"
        )


def _sign(found: object, wanted: object) -> Sign:
    if found is None:
        return Sign.NEW
    return Sign.SAME if found == wanted else Sign.CHANGED
