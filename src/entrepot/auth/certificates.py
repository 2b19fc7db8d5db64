"""Whom a client certificate means: a subject or a name in it maps to an account, by rules.

The handshake has verified the certificate against the configured CA (`server`); here it is read.
Next: `db.certificates` keeps the rules.
"""

from collections.abc import Sequence
from functools import lru_cache

from entrepot.db.certificates import Rule

FIELDS = ("cn", "dns", "email", "uri", "subject")

Names = dict[str, list[str]]
"""By field, what the certificate says."""


@lru_cache(maxsize=1024)
def names(pem: str) -> Names:
    """What the certificate says of its holder."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_pem_x509_certificate(pem.encode())
    found: Names = {
        "subject": [certificate.subject.rfc4514_string()],
        "cn": [
            str(each.value)
            for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        ],
    }
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return found
    found["dns"] = others.get_values_for_type(x509.DNSName)
    found["email"] = others.get_values_for_type(x509.RFC822Name)
    found["uri"] = others.get_values_for_type(x509.UniformResourceIdentifier)
    return found


def subject(rules: Sequence[Rule], found: Names) -> tuple[str, str] | None:
    """The account that the first fitting rule names, and the rule's name."""
    for rule in rules:
        for value in found.get(rule.field, ()):
            taken = take(rule.pattern, value)
            if taken is not None:
                return rule.subject.replace("*", taken.lower()), rule.name
    return None


def take(pattern: str, value: str) -> str | None:
    """What the pattern's * takes of the value; "" where it has none, None where it does not fit."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if value == pattern else None
    if len(value) <= len(before) + len(after):
        return None
    if not value.startswith(before) or not value.endswith(after):
        return None
    return value[len(before) : len(value) - len(after)]
