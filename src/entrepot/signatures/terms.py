"""Terms: what a signature must show to be a signer's. Values, read from what the database keeps.

Next: `judge` holds evidence to them. What verifies is loaded where it is needed first: a server
whose projects know no signers starts without.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TypeAlias

from entrepot.db.signers import Signer


@dataclass(frozen=True, slots=True)
class Key:
    """It is made by this key."""

    pem: str

    def check(self) -> None:
        """Raise ValueError where it is no key that is taken."""
        from entrepot.signatures import public_key

        public_key.load(self.pem)

    def __str__(self) -> str:
        return "a key"


@dataclass(frozen=True, slots=True)
class Identity:
    """It is keyless, by someone whom an issuer knows."""

    issuer: str
    """The address of the OpenID Connect issuer, exactly."""
    identity: str
    """An address or a URI; `*` is any run of characters."""
    root: str
    """JSON, sigstore's trusted root: of Fulcio, of the logs, of timestamp authorities."""

    def check(self) -> None:
        """Raise ValueError where it is no root, or sigstore's library is not here."""
        from entrepot.signatures import identity

        identity.check_root(self.root)

    def __str__(self) -> str:
        return f"the identity {self.identity} of {self.issuer}"


@dataclass(frozen=True, slots=True)
class Notation:
    """It is notation's, by a certificate that an authority vouches for."""

    ca: str
    """PEM; one certificate or several."""
    subject: str
    """What the certificate's subject must have, such as CN=ci,O=Example."""

    def check(self) -> None:
        """Raise ValueError where these are no certificates, or no subject."""
        from entrepot.signatures import notation

        notation.load_authorities(self.ca)
        notation.load_subject(self.subject)

    def __str__(self) -> str:
        return f"the certificate of {self.subject}"


Terms: TypeAlias = Key | Identity | Notation

KINDS: Mapping[str, type[Terms]] = {"key": Key, "identity": Identity, "notation": Notation}


def read(kind: str, document: Mapping[str, object]) -> Terms:
    """Terms from JSON. Raises ValueError, which says what is wrong with them."""
    found = _made(kind, document)
    found.check()
    return found


def kind_of(terms: Terms) -> str:
    """What the database calls them."""
    return next(kind for kind, cls in KINDS.items() if isinstance(terms, cls))


def text(terms: Terms) -> str:
    """JSON, as the database keeps them."""
    return json.dumps(asdict(terms), sort_keys=True)


def of(signer: Signer) -> Terms:
    """A signer's terms, which were checked when they were named."""
    return _known(signer.kind, signer.terms)


@lru_cache(maxsize=1024)
def _known(kind: str, kept: str) -> Terms:
    return _made(kind, json.loads(kept))


def _made(kind: str, document: Mapping[str, object]) -> Terms:
    return KINDS[kind](**document)  # type: ignore[arg-type]
