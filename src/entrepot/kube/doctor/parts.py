"""The parts of an image: whether each is there, is as long as the manifest says, and, where it is
read, has the content that its digest means.

Source: OCI Image Specification, "Descriptors".
"""

from collections.abc import Callable
from typing import Any

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.http import Answer, Http, StoppedError, shown
from entrepot.oci.digest import Digest, hasher
from entrepot.oci.errors import OCIError
from entrepot.oci.image_name import Image

Watch = Callable[[str, int, int], None]
"""Is told of what is read: its digest, how many bytes have come, and how many will."""


def manifest(http: Http, image: Image, digest: str, accept: str) -> Answer:
    """One that another names, with the content that it has to have."""
    answer = http.ask("GET", f"{image.repository}/manifests/{digest}", accept)
    _there(answer, "manifest", digest)
    whole(answer, "manifest", digest)
    return answer


def config(http: Http, image: Image, descriptor: dict[str, Any]) -> Answer:
    """It, from wherever it lies, with the content that it has to have."""
    digest = str(descriptor["digest"])
    answer = http.ask("GET", f"{image.repository}/blobs/{digest}")
    _there(answer, "blob", digest)
    answer = http.follow(answer)
    if answer.status == 200:
        whole(answer, "blob", digest)
    return answer


def layer(http: Http, image: Image, descriptor: dict[str, Any], watch: Watch | None) -> None:
    """Ask for it; read it whole where somebody watches."""
    if descriptor.get("urls"):
        return
    if watch is not None:
        _read(http, image, descriptor, watch)
        return
    digest, size = str(descriptor["digest"]), descriptor.get("size")
    answer = http.ask("HEAD", f"{image.repository}/blobs/{digest}")
    _there(answer, "blob", digest)
    length = answer.headers.get("content-length", "")
    if answer.status == 200 and length.isdigit() and isinstance(size, int) and int(length) != size:
        raise _corrupt("blob", digest, f"has {length} bytes, and not {size}")


def whole(answer: Answer, kind: str, digest: str) -> None:
    """Compare what came with its digest."""
    expected = _parsed(kind, digest)
    found = Digest.of(answer.body, expected.algorithm)
    if answer.status == 200 and not answer.cut and found != expected:
        raise _corrupt(kind, digest, f"is {found}")


def _read(http: Http, image: Image, descriptor: dict[str, Any], watch: Watch) -> None:
    digest, size = str(descriptor["digest"]), int(descriptor.get("size") or 0)
    count, expected = 0, _parsed("blob", digest)
    hashed = hasher(expected.algorithm)

    def take(part: bytes) -> None:
        nonlocal count
        count += len(part)
        if size and count > size:
            raise _corrupt("blob", digest, f"has more than {size} bytes")
        hashed.update(part)
        watch(digest, count, size)

    try:
        answer = http.ask("GET", f"{image.repository}/blobs/{digest}", sink=take)
        _there(answer, "blob", digest)
        answer = http.follow(answer, take)
    except StoppedError as stop:
        if stop.cause is not Cause.REGISTRY_FAILS or not count:
            raise
        raise _corrupt("blob", digest, f"breaks off after {count} of {size} bytes") from None
    if answer.status != 200:
        raise StoppedError(Cause.REGISTRY_FAILS, f"{answer.words} for blob {shown(digest)}")
    if size and count != size:
        raise _corrupt("blob", digest, f"has {count} bytes, and not {size}")
    if hashed.hexdigest() != expected.hex:
        raise _corrupt("blob", digest, f"is {expected.algorithm}:{hashed.hexdigest()}")


def _there(answer: Answer, kind: str, digest: str) -> None:
    if answer.status == 404:
        raise StoppedError(Cause.LAYER_MISSING, shown(f"{kind} {digest}"))


def _parsed(kind: str, digest: str) -> Digest:
    try:
        return Digest.parse(digest)
    except OCIError as error:
        raise _corrupt(kind, digest, error.message) from None


def _corrupt(kind: str, digest: str, why: str) -> StoppedError:
    return StoppedError(Cause.LAYER_CORRUPT, shown(f"{kind} {digest} {why}"))
