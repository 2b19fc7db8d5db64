"""Whose good signatures an image has, by what lies beside it in its repository.

A signature is good for the digest that it signs, where its signer signs for the repository. It is
looked at anew each time: one that was deleted, or whose signer was removed, counts no more.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from entrepot.auth import pattern
from entrepot.db import signers as rows
from entrepot.db.connection import Connection
from entrepot.db.signers import Signer
from entrepot.oci.names import Repository
from entrepot.signatures import found, terms
from entrepot.signatures.evidence import Signature

if TYPE_CHECKING:  # it takes all that verifies, see `terms`
    from entrepot.signatures.judge import Verdict

Place = tuple[int, Repository]
"""A repository's row and name."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a signature is, as seen for one signer."""

    signature: Signature
    signer: str
    verdict: "Verdict"

    def why(self) -> str:
        """Why it does not count now; empty where it does."""
        now, found = time.time(), self.verdict
        if found.why or found.since <= now < found.until:
            return found.why
        return "its certificate has expired" if now >= found.until else "it is not valid yet"


def signers(db: Connection, place: Place, digest: str) -> frozenset[str]:
    """The names of the project's signers whose good signature binds this very digest."""
    return frozenset(each.signer for each in judged(db, place, digest) if not each.why())


def judged(db: Connection, place: Place, digest: str) -> list[Judged]:
    """Each signature of a digest, as seen for each signer of the repository."""
    known = [(each.name, terms.of(each)) for each in signing_for(db, place[1])]
    if not known:
        return []
    from entrepot.signatures.judge import judge

    return [
        Judged(signature, name, judge(meant, signature.evidence, digest))
        for signature in found.signatures(db, place, digest)
        for name, meant in known
    ]


def signing_for(db: Connection, repository: Repository) -> list[Signer]:
    """The signers of a repository, by name."""
    known = rows.of(db, repository.project)
    return [each for each in known if pattern.covers(each.pattern, repository.name)]
