"""The pull secret of a namespace: credentials for several registries, and what is known of them.

What is known lies in an annotation beside them, so that a controller which was killed, or one
that takes over, sees how old each one is.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from entrepot.kube.controller.access import GROUP, KIND, VERSION, PullAccess, Source

MANAGED = "app.kubernetes.io/managed-by"
OURS = "entrepot-controller"
_KEY = ".dockerconfigjson"
_KNOWN = f"{GROUP}/credentials"
_HUB = "https://index.docker.io/v1/"
_NEVER = 253402300800.0
"""The year 10000, in seconds since the epoch: no date is so late."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What lets in at one registry."""

    username: str
    password: str
    wanted: str
    """A word for what it was made for; another one where something else is wanted now."""
    expires: float | None = None
    """Seconds since the epoch; None where it is somebody else's."""
    number: int | None = None
    """What the registry calls it."""


class ForeignError(Exception):
    """A secret of the name is there, and somebody else made it."""


def wanted(access: PullAccess, source: Source, copied: Mapping[str, str] | None = None) -> str:
    """A word for what a credential is to be, by which a change is seen."""
    said = [source.host, source.url, sorted(source.repositories), access.lifetime, copied]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def document(
    access: PullAccess, namespace: str, credentials: Mapping[str, Credential]
) -> dict[str, Any]:
    """The secret. Kubernetes itself removes it when the `PullAccess` goes."""
    auths = {docker_key(host): _auth(each) for host, each in credentials.items()}
    known = {
        host: {name: value for name, value in asdict(each).items() if name not in _SECRET}
        for host, each in credentials.items()
    }
    owner = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "name": access.name,
        "uid": access.uid,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": access.secret,
            "namespace": namespace,
            "labels": {MANAGED: OURS, f"{GROUP}/pull-access": _label(access.name)},
            "annotations": {_KNOWN: json.dumps(known, sort_keys=True)},
            "ownerReferences": [owner],
        },
        "type": "kubernetes.io/dockerconfigjson",
        "data": {_KEY: _encoded(json.dumps({"auths": auths}))},
    }


_SECRET = {"username", "password"}


def read(secret: Mapping[str, Any]) -> dict[str, Credential]:
    """By host, what is in a secret; nothing where somebody spoiled it. Raises `ForeignError`."""
    metadata = secret["metadata"]
    if not is_ours(secret):
        raise ForeignError(
            f"secret {metadata['name']} of namespace {metadata['namespace']} was made by somebody "
            "else, and is left alone: rename or remove it"
        )
    try:
        known = json.loads(metadata["annotations"][_KNOWN])
        auths = json.loads(base64.b64decode(secret["data"][_KEY]))["auths"]
        return {host: _credential(auths[docker_key(host)], known[host]) for host in known}
    except (KeyError, TypeError, ValueError, RecursionError):
        return {}


def is_ours(secret: Mapping[str, Any]) -> bool:
    """Whether a controller made it."""
    return (secret["metadata"].get("labels") or {}).get(MANAGED) == OURS


def handed_on(secret: Mapping[str, Any], host: str) -> dict[str, str]:
    """Name and password for a host, of a secret that is to be copied. Raises ValueError."""
    name = secret["metadata"]["name"]
    try:
        data = {key: base64.b64decode(text) for key, text in (secret.get("data") or {}).items()}
        if "username" in data and "password" in data:
            return {key: data[key].decode() for key in ("username", "password")}
        auths = json.loads(data[_KEY])["auths"]
        entry = auths.get(docker_key(host)) or auths[host]
        if "auth" in entry:
            username, password = base64.b64decode(entry["auth"]).decode().split(":", 1)
            return {"username": username, "password": password}
        return {"username": entry["username"], "password": entry["password"]}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError(
            f"secret {name} has no credentials for {host}: make it of type basic-auth or "
            "docker-registry, for that host"
        ) from None


def docker_key(host: str) -> str:
    """What a host is called in a docker config."""
    return _HUB if host == "docker.io" else host


def _credential(auth: Mapping[str, str], known: Mapping[str, Any]) -> Credential:
    """Whoever may write secrets in a namespace may have put anything there. Raises ValueError."""
    found = Credential(auth["username"], auth["password"], **known)
    number = found.number
    if _auth(found) != auth or not (number is None or type(number) is int):
        raise ValueError("it is not as it was written")
    if found.expires is not None and not 0 < found.expires < _NEVER:
        raise ValueError("there is no such time")
    return found


def _auth(credential: Credential) -> dict[str, str]:
    pair = f"{credential.username}:{credential.password}"
    return {
        "username": credential.username,
        "password": credential.password,
        "auth": _encoded(pair),
    }


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _label(name: str) -> str:
    """A label's value has 63 characters at most."""
    return name if len(name) <= 63 else hashlib.sha256(name.encode()).hexdigest()[:32]
