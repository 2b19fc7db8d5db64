"""What goes along with images and is no image: signatures and the like, which need no signature.

Else none could be verified where they are demanded. But whoever may push could call anything a
signature; so what is let through is what nothing can run, whatever it is called: its layers are
signatures by their types and JSON by their bytes, or it refers to a subject and has the empty
configuration of artifacts. And it is so only by its digest or under a tag of cosign's own: by any
other tag it has to be signed itself.
"""

import json
from itertools import islice
from typing import Any

from entrepot.db import blobs, manifests
from entrepot.db.connection import Connection
from entrepot.db.pieces import SMALL
from entrepot.oci.descriptor import Descriptor
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Reference, Repository, Tag, attached_to
from entrepot.signatures.evidence import JOSE
from entrepot.signatures.found import BUNDLE, MOST, SIMPLE

_TYPES = {SIMPLE, BUNDLE, JOSE, "application/vnd.dsse.envelope.v1+json"}

_EMPTY = str(Digest.of(b"{}"))
"""Source: OCI Image Specification, "Guidance for an empty descriptor"."""


def is_attached(db: Connection, repository: Repository, reference: Reference, digest: str) -> bool:
    """Whether what is asked for by a reference, and has this digest, is no image."""
    if not (isinstance(reference, Digest) or attached_to(reference.name)):
        return False
    document = _document(db, repository, Digest.parse(digest))
    layers = document.get("layers") or []
    if not layers:
        return False
    if document["config"]["digest"] == _EMPTY and document.get("subject"):
        return True
    return len(layers) <= MOST and all(_is_signature(db, repository, each) for each in layers)


def evidence(manifest: Manifest) -> list[Descriptor]:
    """What of a manifest may be a signature, by its type and size; at most `MOST`."""
    found = (x for x in manifest.blobs if x.media_type in _TYPES and x.size <= SMALL)
    return list(islice(found, MOST))


def adds(db: Connection, repository: Repository, tag: Tag, manifest: Manifest) -> bool:
    """Whether a manifest has all that lies under a tag of cosign's by now, and so only adds to it:
    then it takes no right to move tags.
    """
    if not attached_to(tag.name):
        return False
    kept = _layers(_document(db, repository, tag))
    return kept <= _layers(json.loads(manifest.content))


def _layers(document: dict[str, Any]) -> set[str]:
    """Each with its annotations, which carry the signature."""
    return {json.dumps(each, sort_keys=True) for each in document.get("layers") or ()}


def _document(db: Connection, repository: Repository, reference: Reference) -> dict[str, Any]:
    stored = manifests.find(db, repository, reference)
    found: dict[str, Any] = json.loads(stored.content) if stored and stored.content else {}
    return found


def _is_signature(db: Connection, repository: Repository, layer: dict[str, Any]) -> bool:
    """Whether a layer is a small document, and so no archive."""
    if layer["mediaType"] not in _TYPES:
        return False
    blob = blobs.find(db, repository, Digest.parse(layer["digest"]))
    try:
        return bool(blob and blob.content and json.loads(blob.content.decode()) is not None)
    except (ValueError, RecursionError):
        return False
