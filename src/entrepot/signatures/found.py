"""Where the signatures of an image lie: under cosign's tag for its digest, and as its referrers.

What is read is bounded: whoever may push could push without end. A signature lies in the database,
as every small blob does; one that was too large for that is told as unreadable.
Sources: cosign's "Signature Spec", the OCI Distribution Specification's "Listing Referrers".
Next: `judge`.
"""

import json
from collections.abc import Iterator
from typing import Any

from entrepot.db import blobs, manifests, referrers, tags
from entrepot.db.connection import Connection
from entrepot.db.pieces import SMALL
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag
from entrepot.signatures.evidence import (
    COSE,
    JOSE,
    LARGEST,
    Bundle,
    Envelope,
    Evidence,
    EvidenceError,
    Format,
    Signature,
    Simple,
    Unreadable,
)

MOST = 100
"""Signatures of one image that are looked at, the oldest first."""

_KEPT, _FEW = 512, 2
"""Manifests whose evidence a process keeps, and how many signatures these have at most: so that
nobody fills its memory. What cannot be read is not kept, for it may be healed.
"""

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOTATION = "application/vnd.cncf.notary.signature"

ARTIFACTS = {
    "application/vnd.dev.cosign.artifact.sig.v1+json": Format.COSIGN,
    BUNDLE: Format.BUNDLE,
    NOTATION: Format.NOTATION,
}
_LAYERS = {
    Format.COSIGN: (SIMPLE,),
    Format.BUNDLE: (BUNDLE,),
    Format.NOTATION: (JOSE, COSE),
}


def signatures(db: Connection, place: tuple[int, Repository], digest: str) -> list[Signature]:
    """What claims to sign a digest, of a repository given by its row and name; at most `MOST`."""
    found: list[Signature] = []
    for manifest, form in _manifests(db, place, digest):
        for evidence in _read(db, place[1], manifest, form):
            found.append(Signature(manifest, form, evidence))
            if len(found) == MOST:
                return found
    return found


def cosign_tag(digest: Digest) -> Tag | None:
    """The tag under which cosign puts an image's signatures; a longer digest has none."""
    return None if digest.algorithm != "sha256" else Tag(f"sha256-{digest.hex}.sig")


def _manifests(
    db: Connection, place: tuple[int, Repository], digest: str
) -> list[tuple[str, Format]]:
    listed = referrers.of_types(db, place[0], digest, tuple(ARTIFACTS), MOST)
    found = [(manifest, ARTIFACTS[kind]) for manifest, kind in listed]
    tag = cosign_tag(Digest.parse(digest))
    tagged = tag and tags.digest_of(db, place[1], tag)
    if tagged and (tagged, Format.COSIGN) not in found:
        found.insert(0, (tagged, Format.COSIGN))
    return found


_known: dict[tuple[str, Format], list[Evidence]] = {}
"""What manifests carry, by digest: which says what it is, so this is never out of date."""


def _read(db: Connection, repository: Repository, manifest: str, form: Format) -> list[Evidence]:
    known = _known.get((manifest, form))
    if known is not None:
        return known
    try:
        found = list(_layers(db, repository, manifest, form))
    except (EvidenceError, OCIError) as error:
        return [Unreadable(str(error))]
    except (ValueError, TypeError, AttributeError):  # annotations, say, that are no text
        return [Unreadable("its manifest is not that of a signature")]
    if len(found) <= _FEW and not any(isinstance(each, Unreadable) for each in found):
        if len(_known) >= _KEPT:
            _known.clear()
        _known[manifest, form] = found
    return found


def _layers(
    db: Connection, repository: Repository, manifest: str, form: Format
) -> Iterator[Evidence]:
    stored = manifests.find(db, repository, Digest.parse(manifest))
    if stored is None or not stored.content:
        raise EvidenceError("its manifest is lost here: push it again")
    for layer in json.loads(stored.content).get("layers", ())[:MOST]:
        if layer["mediaType"] in _LAYERS[form]:
            try:
                yield _evidence(
                    form, layer, _content(db, repository, Digest.parse(layer["digest"]))
                )
            except EvidenceError as error:
                yield Unreadable(str(error))


def _content(db: Connection, repository: Repository, digest: Digest) -> bytes:
    blob = blobs.find(db, repository, digest)
    if blob is None:
        raise EvidenceError(f"{digest} is not in the repository")
    if blob.content is None:
        raise EvidenceError(f"{blob.size} bytes are too many: a signature has {SMALL} at most")
    return blob.content


def _evidence(form: Format, layer: dict[str, Any], content: bytes) -> Evidence:
    if form is Format.BUNDLE:
        return Bundle(content)
    if form is Format.NOTATION:
        return Envelope(layer["mediaType"], content)
    said = layer.get("annotations") or {}
    if sum(map(len, said.values())) > LARGEST:
        raise EvidenceError(f"its annotations have more than {LARGEST} characters")
    return Simple(
        content,
        said.get("dev.cosignproject.cosign/signature", ""),
        said.get("dev.sigstore.cosign/certificate", ""),
        said.get("dev.sigstore.cosign/chain", ""),
        said.get("dev.sigstore.cosign/bundle", ""),
    )
