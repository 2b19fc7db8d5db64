"""Watching the cluster, by kopf: each change that may matter is a hint to look again.

What counts is what is there when the controller looks, never what an event said: so one that was
missed, while the API server was away or its history was cut short, does no harm.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import kopf

from entrepot.kube.controller.access import GROUP, PLURAL, VERSION

Hint = Callable[[str], None]
"""Called with the kind of what changed."""

_ALWAYS = ((GROUP, VERSION, PLURAL), ("", "v1", "namespaces"), ("", "v1", "serviceaccounts"))
_TEMPLATES = (
    ("apps", "v1", "deployments"),
    ("apps", "v1", "statefulsets"),
    ("apps", "v1", "daemonsets"),
    ("batch", "v1", "cronjobs"),
)

_IDENTITY: Any = "entrepot-controller"
"""For peers, which it has none; else kopf asks for the user's name, and in a pod there is none."""


async def watch(hint: Hint, stop: asyncio.Event, *, templates: bool) -> None:
    """Watch until told to stop."""
    await kopf.operator(
        registry=_handlers(hint, templates=templates),
        settings=_settings(),
        clusterwide=True,
        standalone=True,
        identity=_IDENTITY,
        stop_flag=stop,
    )


def _handlers(hint: Hint, *, templates: bool) -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()

    said: dict[tuple[str, str], object] = {}

    async def seen(body: kopf.Body, resource: kopf.Resource, type: str | None, **_: Any) -> None:  # noqa: A002 - kopf's name
        key, now = (resource.plural, body["metadata"]["uid"]), _gist(body)
        if type == "DELETED":
            said.pop(key, None)
        elif said.get(key) == now:
            return  # only how it fares has changed
        else:
            said[key] = now
        hint(resource.plural)

    for group, version, plural in (*_ALWAYS, *(_TEMPLATES if templates else ())):
        kopf.on.event(group, version, plural, registry=registry)(seen)
    kopf.on.login(registry=registry)(_login)
    return registry


def _gist(body: kopf.Body) -> object:
    """What of an object may matter here."""
    metadata = body["metadata"]
    generation = metadata.get("generation") or metadata["resourceVersion"]
    labels, annotations = metadata.get("labels"), metadata.get("annotations")
    return generation, metadata.get("deletionTimestamp"), repr(labels), repr(annotations)


def _login(**given: Any) -> kopf.ConnectionInfo | None:
    found = kopf.login_with_service_account(**given)
    if found is None:
        return kopf.login_with_kubeconfig(**given)
    host, port = (os.environ[f"KUBERNETES_SERVICE_{part}"] for part in ("HOST", "PORT"))
    host = f"[{host}]" if ":" in host else host
    return replace(found, server=f"https://{host}:{port}")  # without a word to the cluster's DNS


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # the kinds are known, and listing them is a right less
    settings.networking.error_backoffs = _Patience()
    settings.watching.server_timeout = 300
    return settings


class _Patience:
    """Seconds to wait between tries of an API server that is away, which never end."""

    def __iter__(self) -> Iterator[float]:
        yield from (0.2, 1.0)
        while True:
            yield 3.0
