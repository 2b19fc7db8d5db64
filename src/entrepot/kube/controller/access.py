"""`PullAccess`: which pods may pull what from which registries, as the resource in a cluster says.

It is of the whole cluster, so that namespaces which appear later are meant as well; and only
whoever administers the cluster writes one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import httpx2

from entrepot.kube.controller.selector import Labels, Selector

GROUP = "entrepot.dev"
VERSION = "v1alpha1"
KIND = "PullAccess"
PLURAL = "pullaccesses"

_UNITS = {"s": 1, "m": 60, "h": 3600}
_lasts = re.compile(r"(\d+)([smh])").fullmatch


@dataclass(frozen=True, slots=True)
class Source:
    """A registry, and how pods get in there."""

    host: str
    """What images begin with."""
    repositories: tuple[str, ...] = ()
    """Patterns of what may be pulled; none where the credentials are somebody else's."""
    url: str = ""
    """Where its API is."""
    login: str = ""
    """Secret by which robots are made there; without one the controller's own identity counts."""
    copied: str = ""
    """Secret whose credentials are handed on, for a registry that knows no robots of ours."""


@dataclass(frozen=True, slots=True)
class PullAccess:
    """One of them, read."""

    name: str
    uid: str
    generation: int
    namespaces: tuple[str, ...]
    selector: Selector | None
    service_accounts: tuple[str, ...]
    pod_templates: Selector | None
    lifetime: float
    """Seconds that a password is good; it is renewed when half of them are over."""
    sources: tuple[Source, ...]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "PullAccess":
        """Of the resource. Raises ValueError for what its schema could not refuse."""
        spec, metadata = document["spec"], document["metadata"]
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            generation=metadata["generation"],
            namespaces=tuple(spec.get("namespaces") or ()),
            selector=_selector(spec.get("namespaceSelector")),
            service_accounts=tuple(spec.get("serviceAccounts", ["default"])),
            pod_templates=_selector(spec.get("podTemplates")),
            lifetime=_seconds(spec.get("lifetime", "2h")),
            sources=tuple(_source(each) for each in spec["registries"]),
        )

    @property
    def secret(self) -> str:
        """What the pull secret in each namespace is called."""
        return f"entrepot-pull-{self.name}"

    def covers(self, namespace: str, labels: Labels) -> bool:
        """Whether it means a namespace, by its name or by its labels."""
        named = any(fnmatchcase(namespace, each) for each in self.namespaces)
        return named or (self.selector is not None and self.selector.matches(labels))

    def serves(self, account: str) -> bool:
        """Whether a service account of those namespaces is meant."""
        return any(fnmatchcase(account, each) for each in self.service_accounts)


def _selector(document: Mapping[str, Any] | None) -> Selector | None:
    return None if document is None else Selector.parse(document)


def _source(document: Mapping[str, Any]) -> Source:
    host = document["host"]
    return Source(
        host=host,
        repositories=tuple(document.get("repositories") or ()),
        url=_url(document.get("url") or f"https://{host}"),
        login=(document.get("login") or {}).get("secret", ""),
        copied=(document.get("copy") or {}).get("secret", ""),
    )


def _url(text: str) -> str:
    try:
        httpx2.URL(text)
    except httpx2.InvalidURL as error:
        raise ValueError(f"url {text!r} is none: {error}") from None
    return text


def _seconds(text: str) -> float:
    found = _lasts(text)
    if not found:
        raise ValueError(f"lifetime {text!r} is no time such as 30m or 2h")
    return float(int(found[1]) * _UNITS[found[2]])
