"""`PullSecret`: a secret that a pod names, read as the kubelet reads it.

Source: kubernetes, pkg/credentialprovider: `MakeDockerKeyring`, `DockerConfigEntry.UnmarshalJSON`.
"""

import base64
import json
from binascii import Error as Base64Error
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

_KINDS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


class State(Enum):
    """What can be the matter with one."""

    GOOD = auto()
    MISSING = auto()
    UNSEEN = auto()
    """Whoever asks may not read it."""
    WRONG_TYPE = auto()
    EMPTY = auto()
    """There is no "auths" in it: the kubelet takes it, to no use."""
    MALFORMED = auto()
    """The kubelet then pulls nothing for the pod, not even what is public."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A name and a password for what matches a pattern."""

    secret: str
    """The name of the secret it is in, or of the kubelet's plugin that gave it."""
    pattern: str
    """HOST[:PORT][/PATH], where `*` stands for a part of a host's name."""
    user: str
    password: str
    by_node: bool = False
    """Whether a plugin of the kubelet gave it."""
    audience: str = ""
    """For whom the token was that the plugin got."""
    rules: tuple[str, ...] = ()
    """The trust rules of an Entrepot that say what it may."""

    @property
    def source(self) -> str:
        """Where it comes from."""
        return f"the node's {self.secret}" if self.by_node else f"secret {self.secret}"

    def __repr__(self) -> str:
        return f"Credential({self.secret!r}, {self.pattern!r}, {self.user!r})"


@dataclass(frozen=True, slots=True)
class PullSecret:
    """One, with what it opens."""

    name: str
    state: State
    credentials: tuple[Credential, ...] = ()
    why: str = ""
    elsewhere: tuple[str, ...] = ()
    """Namespaces that have one of this name, where this one is missing."""

    @classmethod
    def read(cls, name: str, document: dict[str, Any]) -> "PullSecret":
        """Read an object of the API."""
        kind = str(document.get("type"))
        if kind not in _KINDS:
            return cls(name, State.WRONG_TYPE, why=f"its type is {kind}")
        try:
            text = base64.b64decode((document.get("data") or {}).get(_KINDS[kind], ""))
            found = json.loads(text)
            entries = found.get("auths") if kind.endswith("json") else found
            if not entries:
                return cls(name, State.EMPTY, why='there is no "auths" in it')
            read = tuple(_credential(name, *item) for item in entries.items())
        except (ValueError, AttributeError, TypeError) as error:
            return cls(name, State.MALFORMED, why=_reason(error))
        return cls(name, State.GOOD, read)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return "it is no JSON"
    if isinstance(error, _EntryError):
        return str(error)
    return '"auths" must have an object for each host'


class _EntryError(ValueError):
    """Of one host."""


def _credential(secret: str, location: str, entry: dict[str, Any]) -> Credential:
    user, password = entry.get("username", ""), entry.get("password", "")
    if entry.get("auth"):
        user, password = _decoded(location, entry["auth"])
    return Credential(secret, _pattern(location), str(user), str(password))


def _decoded(location: str, auth: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(auth, validate=True).decode()
    except (Base64Error, UnicodeDecodeError):
        raise _EntryError(f'"auth" of {location} is no base64') from None
    user, colon, password = text.partition(":")
    if not colon:
        raise _EntryError(f'"auth" of {location} is not the base64 of USER:PASSWORD')
    return user, password


def _pattern(location: str) -> str:
    """Without a scheme; /v1/ and /v2/ count as nothing."""
    host, slash, path = location.removeprefix("https://").removeprefix("http://").partition("/")
    if path.startswith(("v1/", "v2/")):
        path = path[3:]
    return f"{host}{slash}{path}" if path else host
