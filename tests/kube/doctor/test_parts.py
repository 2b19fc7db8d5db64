"""Parts of images at a registry that is not sound: missing, cut, or with other content."""

import ssl
from collections.abc import Mapping

import pytest
from tests.auth.oidc.elsewhere import Says, elsewhere
from tests.content import OCI_MANIFEST, digest, dump, image

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.pull import Try, attempt
from entrepot.oci.image_name import Image

CONFIG = b'{"architecture": "amd64", "os": "linux"}'
LAYER = b"sound"
MANIFEST = dump(image(LAYER, config=CONFIG))
BLOB, OTHER = f"/v2/app/blobs/{digest(LAYER)}", digest(b"soond")
SOUND: Mapping[str, Says] = {
    "/v2/app/manifests/1": Says(MANIFEST, headers={"content-type": OCI_MANIFEST}),
    f"/v2/app/manifests/{digest(MANIFEST)}": Says(MANIFEST),
    f"/v2/app/blobs/{digest(CONFIG)}": Says(CONFIG),
    BLOB: Says(LAYER),
}


def pulled(says: Mapping[str, Says], *, read: bool, reference: str = ":1") -> tuple[Try, list[int]]:
    """How a pull ends, and how many bytes were read of a layer, as it went."""
    seen: list[int] = []

    def watch(_digest: str, count: int, _size: int) -> None:
        seen.append(count)

    with elsewhere(tls=False) as party:
        party.says |= says
        where = Image.parse(f"127.0.0.1:{party.port}/app{reference}")
        trusted = ssl.create_default_context()
        return attempt(where, None, "linux/amd64", trusted, watch if read else None), seen


@pytest.mark.parametrize("read", [True, False])
def test_a_sound_image(read: bool) -> None:
    assert pulled(SOUND, read=read) == (Try(), [len(LAYER)] if read else [])


@pytest.mark.parametrize(
    ("says", "cause", "detail"),
    [
        (Says(b"soond"), Cause.LAYER_CORRUPT, f"blob {digest(LAYER)} is {OTHER}"),
        (Says(b"sou"), Cause.LAYER_CORRUPT, "has 3 bytes, and not 5"),
        (Says(b"sound and more"), Cause.LAYER_CORRUPT, "has more than 5 bytes"),
        (
            Says(b"sou", headers={"content-length": "5", "connection": "close"}),
            Cause.LAYER_CORRUPT,
            "breaks off after 3 of 5 bytes",
        ),
        (Says(status=404), Cause.LAYER_MISSING, f"blob {digest(LAYER)}"),
        (Says(status=410), Cause.REGISTRY_FAILS, "HTTP status 410 for blob"),
        (Says(status=500), Cause.REGISTRY_FAILS, "HTTP status 500"),
    ],
)
def test_a_layer_that_is_read(says: Says, cause: Cause, detail: str) -> None:
    found, _ = pulled({**SOUND, BLOB: says}, read=True)
    assert found.cause is cause
    assert detail in found.detail


def test_without_reading_only_the_length_is_seen() -> None:
    found, _ = pulled({**SOUND, BLOB: Says(b"soond")}, read=False)
    assert found.cause is None
    found, _ = pulled({**SOUND, BLOB: Says(b"sou")}, read=False)
    assert (found.cause, found.detail) == (
        Cause.LAYER_CORRUPT,
        f"blob {digest(LAYER)} has 3 bytes, and not 5",
    )


def test_manifest_and_config_are_compared_always() -> None:
    pinned = f"@{digest(MANIFEST)}"
    bad = {**SOUND, f"/v2/app/manifests/{digest(MANIFEST)}": Says(MANIFEST + b" ")}
    found, _ = pulled(bad, read=False, reference=pinned)
    assert found.cause is Cause.LAYER_CORRUPT
    assert f"manifest {digest(MANIFEST)} is sha256:" in found.detail
    bad = {**SOUND, f"/v2/app/blobs/{digest(CONFIG)}": Says(CONFIG + b" ")}
    found, _ = pulled(bad, read=False)
    assert found.cause is Cause.LAYER_CORRUPT


def test_pulls_that_are_nearly_used_up_are_noted() -> None:
    counts = {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "3;w=21600"}
    found, _ = pulled({**SOUND, "/v2/app/manifests/1": Says(MANIFEST, headers=counts)}, read=False)
    assert found.cause is None
    assert "3 of 100 pulls in 6 h are left" in found.notes[0]


def test_a_quota_is_told_from_a_right() -> None:
    full = Says(b'{"errors": [{"code": "DENIED", "message": "quota exceeded"}]}', status=403)
    found, _ = pulled({**SOUND, "/v2/app/manifests/1": full}, read=False)
    assert (found.cause, found.detail) == (Cause.OVER_QUOTA, "quota exceeded")
