"""`NodeProvider`: a kubelet's plugin for passwords, as a node's files configure it; and its trade.

Ours is run here with a token of the pod's service account; others are only named.
Source: kubelet.config.k8s.io/v1, CredentialProviderConfig; KEP-4412.
"""

import base64
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot.kube import credential_provider
from entrepot.kube.doctor import reach
from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.containerd_hosts import ConfigError
from entrepot.kube.doctor.etc import Etc
from entrepot.kube.doctor.http import StoppedError, shown
from entrepot.kube.doctor.matching import matches
from entrepot.kube.doctor.pull_secret import Credential
from entrepot.kube.provider_config import NAME
from entrepot.oci.image_name import Image

_KIND = "CredentialProviderConfig"
_API = "credentialprovider.kubelet.k8s.io/v1"
_SUFFIXES = {".yaml", ".yml", ".json", ".conf"}
_MOST = 256 * 1024


@dataclass(frozen=True, slots=True)
class NodeProvider:
    """One plugin."""

    name: str
    images: tuple[str, ...]
    """Patterns of what it is asked for."""
    audience: str = ""
    """For whom the tokens are that it gets; "" where it gets none."""
    args: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it can be run here."""
        return self.name == NAME and bool(self.audience)

    def means(self, image: Image) -> bool:
        """Whether the kubelet asks it for an image."""
        return any(matches(pattern, image.name) for pattern in self.images)

    def trade(self, image: Image, token: str, etc: Etc) -> Credential:
        """What it gives for a service account's token. Raises `StoppedError`."""
        options = dict(zip(self.args[::2], self.args[1::2], strict=False))
        server, named = options.get("--server") or image.host, options.get("--ca")
        ca = str(etc.path(named)) if named else None
        if trouble := reach.trouble(server, _context(ca)):
            raise StoppedError(trouble)
        request = {
            "apiVersion": _API,
            "kind": "CredentialProviderRequest",
            "image": image.name,
            "serviceAccountToken": token,
        }
        try:
            answer: Any = credential_provider.provide(request, ca, options.get("--server"))
        except credential_provider.ProviderError as error:
            raise StoppedError(Cause.PROVIDER_REFUSED, shown(str(error))) from None
        [(host, pair)] = answer["auth"].items()
        user, password = pair["username"], pair["password"]
        return Credential(self.name, host, user, password, by_node=True, rules=_rules(password))


def providers(etc: Etc) -> list[NodeProvider]:
    """All that the files of a node configure. Raises `ConfigError`."""
    return [each for path in _configs(etc.folder) for each in _read(path, etc)]


def _configs(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        try:
            small = path.is_file() and path.stat().st_size < _MOST
            if path.suffix in _SUFFIXES and small and _KIND in path.read_text():
                yield path
        except (OSError, UnicodeDecodeError):
            continue


def _read(path: Path, etc: Etc) -> list[NodeProvider]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text())
        found = document["providers"] if document["kind"] == _KIND else []
        return [_provider(each) for each in found]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{etc.name(path)} is no {_KIND}: {error}") from None


def _provider(written: dict[str, Any]) -> NodeProvider:
    return NodeProvider(
        name=str(written["name"]),
        images=tuple(map(str, written.get("matchImages") or ())),
        audience=str((written.get("tokenAttributes") or {}).get("serviceAccountTokenAudience", "")),
        args=tuple(map(str, written.get("args") or ())),
    )


def _context(ca: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise StoppedError(Cause.PROVIDER_REFUSED, f"cannot read its CA {ca}: {error}") from None


def _rules(token: str) -> tuple[str, ...]:
    """The trust rules that a pull token came by; none where it is somebody else's."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return tuple(map(str, claims["rules"]))
    except (ValueError, LookupError, TypeError):
        return ()
