"""Keyless signatures: whether an identity signed, whom a certificate authority (Fulcio) knew for a
moment; a log (Rekor) says when that was. Verified by sigstore's own library, without a network.

The roots are given by whoever names the signer, and no others are ever asked. What counts is the
time of the log's entry: so a certificate of ten minutes is good for as long as the root is trusted.
"""

import tempfile
from functools import lru_cache
from typing import TYPE_CHECKING

from entrepot.auth.oidc.trust import is_like
from entrepot.signatures.dsse import IN_TOTO
from entrepot.signatures.evidence import EvidenceError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from sigstore.verify import Verifier
    from sigstore.verify.policy import VerificationPolicy

MISSING = "keyless signatures take sigstore's library: pip install 'entrepot[sigstore]'"


def check_root(root: str) -> None:
    """Raise ValueError where this is no trusted root, or nothing here can verify by one."""
    _verifier(root)


def check(issuer: str, identity: str, root: str, bundle: bytes) -> bytes:
    """What an identity signed in a bundle: an in-toto statement. Raises EvidenceError."""
    try:
        verifier = _verifier(root)
    except ValueError as error:
        raise EvidenceError(str(error)) from None
    from sigstore.errors import Error
    from sigstore.models import Bundle

    try:
        kind, payload = verifier.verify_dsse(Bundle.from_json(bundle), _policy(issuer, identity))
    except Error as error:
        raise EvidenceError(_first_line(error)) from None
    if kind != IN_TOTO:
        raise EvidenceError(f"it signs {kind[:100]!r}, which says nothing of images")
    return payload


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


@lru_cache(maxsize=32)
def _verifier(root: str) -> "Verifier":
    try:
        from sigstore.errors import Error
        from sigstore.models import TrustedRoot
        from sigstore.verify import Verifier
    except ImportError:
        raise ValueError(MISSING) from None

    try:
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:  # it reads files alone
            file.write(root)
            file.flush()
            found = TrustedRoot.from_file(file.name)
        found.get_fulcio_certs()
        return Verifier(trusted_root=found)
    except (Error, ValueError) as error:
        raise ValueError(f"this is no trusted root of sigstore: {_first_line(error)}") from None


def _policy(issuer: str, identity: str) -> "VerificationPolicy":
    from sigstore.verify.policy import AllOf

    return AllOf([_Known(issuer), _Like(identity)])


class _Known:
    """Whether it was this issuer that knew whoever signed."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def verify(self, cert: "Certificate") -> None:
        """Raise sigstore's error where it was not."""
        from sigstore.errors import VerificationError
        from sigstore.verify.policy import AnyOf, OIDCIssuer, OIDCIssuerV2

        try:
            AnyOf([OIDCIssuerV2(self._issuer), OIDCIssuer(self._issuer)]).verify(cert)
        except VerificationError:
            raise VerificationError(f"another issuer than {self._issuer} knew who signed") from None


class _Like:
    """Whether a certificate is of an identity that a pattern means."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern

    def verify(self, cert: "Certificate") -> None:
        """Raise sigstore's error where it is not."""
        from cryptography.x509 import (
            RFC822Name,
            SubjectAlternativeName,
            UniformResourceIdentifier,
        )
        from sigstore.errors import VerificationError

        names = cert.extensions.get_extension_for_class(SubjectAlternativeName).value
        found = [
            name
            for kind in (RFC822Name, UniformResourceIdentifier)
            for name in names.get_values_for_type(kind)
        ]
        if not any(is_like(name, self._pattern) for name in found):
            said = ", ".join(found)[:200] or "nobody"
            raise VerificationError(f"{said} signed it, not {self._pattern}")
