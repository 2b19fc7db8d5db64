"""What belongs to a manifest at a registry that has no list of referrers: it goes by its name.

Source: OCI Distribution Specification, "Referrers Tag Schema"; the tags of cosign.
"""

from collections.abc import Collection
from typing import Any

from entrepot.oci.digest import Digest

_COSIGN = (".att", ".sbom", ".sig")
_LONGEST_TAG = 128


def attached(digest: Digest) -> list[str]:
    """What cosign calls that which belongs to a manifest, in the order of bytes."""
    names = [f"{digest.algorithm}-{digest.hex}{end}" for end in _COSIGN]
    return [name for name in names if len(name) <= _LONGEST_TAG]


def stand_in(digest: Digest) -> str:
    """The tag that lists what refers to a digest, where there is no API for that."""
    return f"{digest.algorithm}-{digest.hex[:64]}"


def referring(page: Any, types: Collection[str]) -> list[Digest]:
    """What a list names of some types, or of which it does not say of what type; all for none.

    Raises OCIError, KeyError, TypeError, AttributeError.
    """
    return [
        Digest.parse(each["digest"])
        for each in page["manifests"] or ()
        if not types or each.get("artifactType", "") in {*types, ""}
    ]
