"""Terms: what a signature must show to be a signer's. Values, read from what the database keeps.

Next: `judge` holds evidence to them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TypeAlias

from entrepot.db.signers import Signer
from entrepot.signatures import public_key


@dataclass(frozen=True, slots=True)
class Key:
    """It is made by this key."""

    pem: str

    def __post_init__(self) -> None:
        public_key.load(self.pem)

    def __str__(self) -> str:
        return "the key"


Terms: TypeAlias = Key

KINDS: Mapping[str, type[Terms]] = {"key": Key}


def read(kind: str, document: Mapping[str, object]) -> Terms:
    """Terms from JSON. Raises ValueError, which says what is wrong with them."""
    try:
        return KINDS[kind](**document)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"these are no terms of the kind {kind}") from None


def kind_of(terms: Terms) -> str:
    """What the database calls them."""
    return next(kind for kind, cls in KINDS.items() if isinstance(terms, cls))


def text(terms: Terms) -> str:
    """JSON, as the database keeps them."""
    return json.dumps(asdict(terms), sort_keys=True)


@lru_cache(maxsize=1024)
def _known(kind: str, kept: str) -> Terms:
    return read(kind, json.loads(kept))


def of(signer: Signer) -> Terms:
    """A signer's terms."""
    return _known(signer.kind, signer.terms)
