"""The judge: whether a piece of evidence is a signer's signature of this very digest. Pure.

What it finds depends on nothing but its arguments, so it is kept: nothing is verified twice. What
ends with a certificate says until when it is good. Sources: cosign's "Signature Spec".
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from entrepot.signatures import payload, public_key
from entrepot.signatures.evidence import Evidence, EvidenceError, Simple, Unreadable
from entrepot.signatures.terms import Key, Terms

_KEPT = 2048
"""Verdicts kept in a process."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out."""

    why: str = ""
    """Why it is not good; empty where it is."""
    until: float = math.inf
    """Seconds since 1970; from then on it is not good any more."""


@lru_cache(maxsize=_KEPT)
def judge(terms: Terms, evidence: Evidence, digest: str) -> Verdict:
    """Whether the evidence shows a signature of the digest, by whom the terms mean."""
    try:
        return Verdict(until=_until(terms, evidence, digest))
    except EvidenceError as error:
        return Verdict(str(error))


def _until(terms: Terms, evidence: Evidence, digest: str) -> float:
    match terms, evidence:
        case _, Unreadable():
            raise EvidenceError(evidence.why)
        case Key(), Simple():
            payload.check_simple(evidence.payload, digest)
            signature = public_key.decoded(evidence.signature, "the signature")
            public_key.check(public_key.load(terms.pem), signature, evidence.payload)
            return math.inf
        case _:
            raise EvidenceError(f"{terms} makes no such signatures")
