"""The judge: whether a piece of evidence is a signer's signature of this very digest. Pure.

What it finds depends on nothing but its arguments, so it is kept: nothing is verified twice. What
is good for the life of a certificate says from when and until when. Source: cosign's "Signature
Spec"; the modules of the single formats have the others.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

from entrepot.signatures import dsse, identity, notation, payload, public_key
from entrepot.signatures.evidence import (
    JOSE,
    Bundle,
    Envelope,
    Evidence,
    EvidenceError,
    Simple,
    Unreadable,
)
from entrepot.signatures.terms import Identity, Key, Notation, Terms

_KEPT = 1024
"""Verdicts kept in a process."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out; times are seconds since 1970."""

    why: str = ""
    """Why it is not good; empty where it is."""
    since: float = 0
    until: float = math.inf
    """From then on it is not good any more."""


@lru_cache(maxsize=_KEPT)
def judge(terms: Terms, evidence: Evidence, digest: str) -> Verdict:
    """Whether the evidence shows a signature of the digest, by whom the terms mean."""
    try:
        return _judge(terms, evidence, digest)
    except EvidenceError as error:
        return Verdict(str(error))
    except Exception as error:  # noqa: BLE001 - whatever somebody pushes must trip nobody's pull
        return Verdict(f"it cannot be read: {type(error).__name__}")


def _judge(terms: Terms, evidence: Evidence, digest: str) -> Verdict:
    match terms, evidence:
        case _, Unreadable():
            raise EvidenceError(evidence.why)
        case Key(), Simple():
            payload.check_simple(evidence.payload, digest)
            signature = public_key.decoded(evidence.signature, "the signature")
            public_key.check(public_key.load(terms.pem), signature, evidence.payload)
            return Verdict()
        case Key(), Bundle():
            statement = dsse.check(public_key.load(terms.pem), evidence.content)
            payload.check_statement(statement, digest)
            return Verdict()
        case Identity(), Bundle():
            found = identity.check(terms.issuer, terms.identity, terms.root, evidence.content)
            payload.check_statement(found, digest)
            return Verdict()
        case Identity(), Simple(certificate=str(certificate)) if certificate:
            raise EvidenceError(_PROMISED)
        case Notation(), Envelope(media_type=media_type) if media_type == JOSE:
            signed = notation.check(terms.ca, terms.subject, evidence.content)
            payload.check_descriptor(signed.payload, digest)
            return Verdict(since=signed.since, until=signed.until)
        case Notation(), Envelope():
            raise EvidenceError("COSE is not read here: sign with --signature-format jws")
        case _:
            raise EvidenceError(f"{terms} makes no such signatures")


_PROMISED = (
    "the log promises its entry, and proves it not: sign with cosign 3, or with --new-bundle-format"
)
