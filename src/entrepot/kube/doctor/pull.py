"""A pull done again: the manifest, the one for the platform, and whether each part is there.

Nothing large is fetched unless somebody watches: layers are asked for by HEAD.
Source: OCI Distribution Specification, "Pulling"; containerd, core/remotes/docker.
"""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from entrepot.kube.doctor import parts
from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.http import Answer, Http, StoppedError, shown
from entrepot.kube.doctor.limits import Count
from entrepot.kube.doctor.parts import Watch
from entrepot.kube.doctor.pull_secret import Credential
from entrepot.oci.image_name import Image

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
    notes: tuple[str, ...] = ()
    """What else is to know."""


def attempt(
    image: Image,
    credential: Credential | None,
    platform: str,
    context: ssl.SSLContext,
    watch: Watch | None = None,
    *,
    at: Endpoint | None = None,
) -> Try:
    """Pull as a node of this platform (os/architecture, "" where it is not known).

    Layers are read whole where `watch` wants to be told of it. `at` is a mirror, if one is.
    """
    at = at or Endpoint.of(image)
    notes: tuple[str, ...] = ()
    try:
        with Http(at, context, credential) as http:
            try:
                _pull(http, at.image(image), platform, watch)
            finally:
                notes = _notes(at, http.count)
    except StoppedError as stop:
        return Try(credential, stop.cause, stop.detail, stop.near, notes)
    return Try(credential, notes=notes)


def _notes(at: Endpoint, count: Count | None) -> tuple[str, ...]:
    return (f"{at.server} counts pulls: {count}",) if count and count.is_low else ()


def _pull(http: Http, image: Image, platform: str, watch: Watch | None) -> None:
    manifest = _manifest(http, image)
    if "manifests" in manifest:
        digest = _chosen(manifest["manifests"], platform)
        manifest = parts.manifest(http, image, digest, _ACCEPT).document or {}
        platform = ""  # the index has said it
    config = manifest.get("config") or {}
    if config.get("digest"):
        _check_platform(parts.config(http, image, config).document, platform)
    for each in manifest.get("layers", ()):
        parts.layer(http, image, each, watch)


def _manifest(http: Http, image: Image) -> dict[str, Any]:
    answer = http.ask("GET", f"{image.repository}/manifests/{image.reference}", _ACCEPT)
    if answer.status == 404:
        raise _missing(http, image, answer)
    document = answer.document
    if image.by_digest:
        parts.whole(answer, "manifest", image.reference)
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


def _check_platform(config: Any, platform: str) -> None:
    if not platform or not isinstance(config, dict) or not config.get("architecture"):
        return
    if (found := _platform(config)) != platform:
        raise StoppedError(Cause.NO_PLATFORM, shown(found))


def _platform(fields: dict[str, Any]) -> str:
    return f"{fields.get('os') or 'linux'}/{fields.get('architecture') or 'unknown'}"
