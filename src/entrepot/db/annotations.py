"""Annotations of manifests that have a subject, as JSON: they are kept apart, so that a list of
referrers opens no whole manifests.
"""

import json

from entrepot.db import sealed
from entrepot.db.connection import Connection
from entrepot.db.sealed import Sealed
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import EncryptionError
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.manifest import Manifest


def keep(db: Connection, manifest: Manifest) -> str | None:
    """What the manifest's row says, sealed by the key that seals its content."""
    if manifest.subject is None:
        return None
    context = (Sealed.ANNOTATIONS, str(manifest.digest))
    return sealed.seal_text(db, context, json.dumps(manifest.annotations))[0]


def opened(db: Connection, digest: str, kept: str, key: str | None) -> str:
    """What was kept; where the disk has made something else of it, what the manifest says itself.

    Raises `EncryptionError` where that does not open either.
    """
    try:
        return sealed.unseal_text(db, (Sealed.ANNOTATIONS, digest), kept, key)
    except BrokenSealError:
        said = _said(db, digest)
        if said is None:
            raise
        return said


def _said(db: Connection, digest: str) -> str | None:
    """By the manifest, in a repository where it is whole."""
    rows = db.execute("select content, key, media_type from manifest where digest = ?", (digest,))
    for content, key, media_type in rows.fetchall():
        try:
            whole = sealed.unseal(db, (Sealed.MANIFEST, digest), content, key)
            found = Manifest.read(whole, media_type, Digest.parse(digest).algorithm)
        except (EncryptionError, OCIError):
            continue
        if str(found.digest) == digest:
            return json.dumps(found.annotations)
    return None
