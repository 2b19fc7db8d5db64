"""A pull done again: the manifest, the one for the platform, and whether each part is there.

Nothing large is fetched: layers are asked for by HEAD.
Source: OCI Distribution Specification, "Pulling"; containerd, core/remotes/docker.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.http import Answer, Http, StoppedError, shown
from entrepot.kube.doctor.image import Image
from entrepot.kube.doctor.pull_secret import Credential

_ACCEPT = ", ".join(
    [
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    ]
)


@dataclass(frozen=True, slots=True)
class Try:
    """One pull with one credential or none, and how it ended."""

    credential: Credential | None = None
    cause: Cause | None = None
    """None where all went well."""
    detail: str = ""
    near: tuple[str, ...] = ()
    """Names that are there, and are like what is not."""


def attempt(
    image: Image, credential: Credential | None, platform: str, context: ssl.SSLContext
) -> Try:
    """Pull as a node of this platform (os/architecture, "" where it is not known)."""
    try:
        with Http(image.server, context, credential) as http:
            _pull(http, image, platform)
    except StoppedError as stop:
        return Try(credential, stop.cause, stop.detail, stop.near)
    return Try(credential)


def _pull(http: Http, image: Image, platform: str) -> None:
    manifest = _manifest(http, image)
    if "manifests" in manifest:
        digest = _chosen(manifest["manifests"], platform)
        manifest = _part(http, image, f"manifests/{digest}", digest).document or {}
        _parts(http, image, manifest.get("layers", ()))
        return
    config = manifest.get("config") or {}
    if config.get("digest"):
        _check_platform(http, image, str(config["digest"]), platform)
    _parts(http, image, manifest.get("layers", ()))


def _manifest(http: Http, image: Image) -> dict[str, Any]:
    answer = http.ask("GET", f"{image.repository}/manifests/{image.reference}", _ACCEPT)
    if answer.status == 404:
        raise _missing(http, image, answer)
    document = answer.document
    if answer.status != 200 or not isinstance(document, dict):
        raise StoppedError(Cause.REGISTRY_FAILS, answer.words)
    return document


def _missing(http: Http, image: Image, answer: Answer) -> StoppedError:
    tags = _listed(http, f"{image.repository}/tags/list", "tags")
    if answer.code == "NAME_UNKNOWN" or tags is None:
        names = _listed(http, "_catalog?n=1000", "repositories") or []
        return StoppedError(Cause.REPOSITORY_MISSING, near=_near(image.repository, names))
    if image.by_digest:
        return StoppedError(Cause.DIGEST_MISSING, near=tuple(map(shown, tags[:3])))
    near = _near(image.reference, tags) or tuple(map(shown, tags[:3]))
    return StoppedError(Cause.TAG_MISSING, near=near)


def _listed(http: Http, path: str, field: str) -> list[str] | None:
    """Names, as far as one may see them; None where what they are of is not there."""
    try:
        answer = http.ask("GET", path)
    except StoppedError:
        return []
    if answer.status == 404:
        return None
    document = answer.document
    found = document.get(field) if isinstance(document, dict) else None
    return [str(each) for each in found or ()]


def _near(name: str, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(shown, get_close_matches(name, list(names), n=3, cutoff=0.5)))


def _chosen(entries: list[dict[str, Any]], platform: str) -> str:
    """The digest of the manifest for a platform; of the first where none is known."""
    there = {_platform(each.get("platform") or {}): str(each["digest"]) for each in entries}
    there.pop("unknown/unknown", None)  # attestations
    if not platform and there:
        return next(iter(there.values()))
    if platform not in there:
        raise StoppedError(Cause.NO_PLATFORM, shown(", ".join(sorted(there)) or "none"))
    return there[platform]


def _check_platform(http: Http, image: Image, digest: str, platform: str) -> None:
    config = http.follow(_part(http, image, f"blobs/{digest}", digest)).document
    if not platform or not isinstance(config, dict) or not config.get("architecture"):
        return
    if (found := _platform(config)) != platform:
        raise StoppedError(Cause.NO_PLATFORM, shown(found))


def _platform(fields: dict[str, Any]) -> str:
    return f"{fields.get('os') or 'linux'}/{fields.get('architecture') or 'unknown'}"


def _parts(http: Http, image: Image, layers: Iterable[dict[str, Any]]) -> None:
    for each in layers:
        if not each.get("urls"):
            _part(http, image, f"blobs/{each['digest']}", str(each["digest"]), "HEAD")


def _part(http: Http, image: Image, path: str, digest: str, method: str = "GET") -> Answer:
    answer = http.ask(method, f"{image.repository}/{path}", _ACCEPT if "man" in path[:3] else "*/*")
    if answer.status == 404:
        raise StoppedError(Cause.LAYER_MISSING, shown(f"{path.partition('/')[0][:-1]} {digest}"))
    return answer
