"""What the kubelet's own words mean: the only witness of how things are on the node.

Source: messages of Go's net and crypto/x509, and of containerd and CRI-O, as pods show them.
"""

import re

from entrepot.kube.doctor.cause import Cause

_MEANINGS = {
    r"no space left on device|disk quota exceeded": Cause.DISK_PRESSURE,
    r"no such host|server misbehaving|name resolution|lookup \S+( on \S+)?: ": Cause.UNRESOLVED,
    r"certificate signed by unknown authority|certificate is not trusted": Cause.UNKNOWN_CA,
    r"certificate is valid for|doesn't contain any IP SANs|not valid for any names": (
        Cause.WRONG_NAME
    ),
    r"certificate has expired or is not yet valid": Cause.EXPIRED_CERTIFICATE,
    r"server gave HTTP response to HTTPS client|does not look like a TLS handshake": (
        Cause.PLAIN_HTTP
    ),
    r"connection refused|no route to host|network is unreachable": Cause.REFUSED,
    r"i/o timeout|context deadline exceeded|TLS handshake timeout": Cause.TIMED_OUT,
    r"signature validation failed|Source image rejected|image verifier .*(blocked|rejected)": (
        Cause.SIGNATURE_REFUSED
    ),
    r"pull QPS exceeded": Cause.PULLS_LIMITED,
    r"unexpected commit (digest|size)|failed size validation|digest did not match|"
    r"verification failed for digest": Cause.LAYER_CORRUPT,
    r"no match for platform|no image found in (manifest list|image index)": Cause.NO_PLATFORM,
    r"unauthorized|authorization failed|pull access denied|insufficient_scope|403 Forbidden": (
        Cause.NO_RIGHT
    ),
    r"429 Too Many Requests|toomanyrequests": Cause.TOO_MANY,
    r": not found$": Cause.TAG_MISSING,
}

PULLS = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"} | {
    "SignatureValidationFailed"
}
"""Reasons for which a container waits."""

OF_THE_NODE = {
    Cause.DISK_PRESSURE,
    Cause.UNRESOLVED,
    Cause.UNKNOWN_CA,
    Cause.WRONG_NAME,
    Cause.EXPIRED_CERTIFICATE,
    Cause.PLAIN_HTTP,
    Cause.REFUSED,
    Cause.TIMED_OUT,
    Cause.SIGNATURE_REFUSED,
    Cause.PULLS_LIMITED,
}
"""What may be otherwise there than here."""


def meaning(words: str) -> Cause | None:
    """The cause that they name, if any does."""
    for pattern, cause in _MEANINGS.items():
        if re.search(pattern, words, re.IGNORECASE):
            return cause
    return None
