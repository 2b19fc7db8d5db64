"""Packages from bills of materials, as syft, trivy and BuildKit write them."""

from typing import Any

import pytest

from entrepot.versions.diff.document import UnreadableError
from entrepot.versions.diff.packages import is_sbom, read

SPDX = {
    "spdxVersion": "SPDX-2.3",
    "SPDXID": "SPDXRef-DOCUMENT",
    "packages": [
        {"SPDXID": "SPDXRef-Package-openssl", "name": "openssl", "versionInfo": "3.0.11"},
        {"SPDXID": "SPDXRef-Package-zlib", "name": "zlib", "versionInfo": "1.3"},
        {"SPDXID": "SPDXRef-Package-zlib-2", "name": "zlib", "versionInfo": "1.2"},
        {"SPDXID": "SPDXRef-Package-bare", "name": "bare"},
        {"SPDXID": "SPDXRef-DocumentRoot-Image", "name": "app", "versionInfo": "sha256:1"},
    ],
    "relationships": [
        {
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relatedSpdxElement": "SPDXRef-DocumentRoot-Image",
            "relationshipType": "DESCRIBES",
        }
    ],
}
CYCLONEDX = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "metadata": {"component": {"type": "container", "name": "app"}},
    "components": [
        {"type": "library", "name": "openssl", "version": "3.0.11"},
        {
            "type": "application",
            "group": "@angular",
            "name": "core",
            "version": "17.0.0",
            "components": [{"type": "library", "name": "zlib", "version": "1.3"}],
        },
        {"type": "file", "name": "/etc/passwd"},
    ],
}
TELLS = {"openssl": "3.0.11", "zlib": "1.2, 1.3", "bare": ""}


@pytest.mark.parametrize(
    ("document", "wanted"),
    {
        "SPDX": (SPDX, TELLS),
        "SPDX, what it describes in a list": (
            {**SPDX, "relationships": [], "documentDescribes": ["SPDXRef-DocumentRoot-Image"]},
            TELLS,
        ),
        "SPDX in a statement": (
            {"predicateType": "https://spdx.dev/Document", "predicate": SPDX},
            TELLS,
        ),
        "CycloneDX": (
            CYCLONEDX,
            {"openssl": "3.0.11", "@angular/core": "17.0.0", "zlib": "1.3"},
        ),
        "nothing in it": ({"bomFormat": "CycloneDX"}, {}),
        "nonsense in it": (
            {"spdxVersion": "SPDX-2.2", "packages": [1, {"name": 2}], "documentDescribes": [{}]},
            {},
        ),
    }.values(),
)
def test_packages(document: Any, wanted: dict[str, str]) -> None:
    assert read(document) == wanted


@pytest.mark.parametrize(
    "document", [{}, {"spdxVersion": "SPDX-3.0"}, {"predicate": SPDX}, {"bomFormat": 1}], ids=str
)
def test_of_a_kind_that_nobody_knows(document: Any) -> None:
    with pytest.raises(UnreadableError, match="neither SPDX 2 nor CycloneDX"):
        read(document)


@pytest.mark.parametrize(
    ("media_type", "predicate", "wanted"),
    [
        ("application/spdx+json", "", True),
        ("text/spdx+json", "", True),
        ("application/vnd.cyclonedx+json", "", True),
        ("application/vnd.cyclonedx+xml", "", False),
        ("application/vnd.in-toto+json", "https://spdx.dev/Document", True),
        ("application/vnd.in-toto+json", "https://slsa.dev/provenance/v1", False),
        ("application/vnd.oci.image.layer.v1.tar+gzip", "", False),
    ],
)
def test_what_says_that_it_is_one(media_type: str, predicate: str, wanted: bool) -> None:
    annotations = {"in-toto.io/predicate-type": predicate} if predicate else None
    assert is_sbom({"mediaType": media_type, "annotations": annotations}) == wanted
