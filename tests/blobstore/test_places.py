"""Where stores of objects are: URLs, TLS, the host or the path, and clouds that are not S3."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.blobstore.test_contract import read, write
from tests.registry import free_port
from tests.seaweed import CREDENTIALS, serving

from entrepot.auth.ca_folder import Folder
from entrepot.blobstore.objects import ObjectStore
from entrepot.blobstore.place import Place
from entrepot.blobstore.store import StoreError
from entrepot.db.pieces import Piece

PLACES = {
    "s3://bucket": Place("s3", "bucket"),
    "s3://bucket/": Place("s3", "bucket"),
    "gs://my-bucket/a/b/": Place("gs", "my-bucket", "a/b"),
    "az://container/registry": Place("az", "container", "registry"),
}


@pytest.mark.parametrize(("url", "place"), PLACES.items(), ids=PLACES)
def test_a_place_is_read(url: str, place: Place) -> None:
    assert Place.parse(url) == place
    assert Place.parse(str(place)) == place


NO_URLS = ["", "bucket", "s3:bucket", "s3://", "s3:///x", "file:///x", "https://s3.test/bucket"]
NO_URLS += ["s3://key:secret@bucket", "s3://bucket:80", "s3://bucket/x?y=z", "s3://bucket/x#y"]
NO_URLS += ["s3://bucket/../x", "s3://bucket/a//b", "s3://bucket/."]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_is_no_place(url: str) -> None:
    with pytest.raises(ValueError, match=r"write s3://|a prefix has names"):
        Place.parse(url)


EU = Place("s3", "images", "a/b", region="eu-central-1")
OWN = replace(EU, endpoint="https://s3.test:9000")
HOSTS = {
    "AWS": (EU, "https://images.s3.eu-central-1.amazonaws.com/a/b/"),
    "AWS, a name with dots": (
        replace(EU, bucket="im.ages"),
        "https://s3.eu-central-1.amazonaws.com/im.ages/a/b/",
    ),
    "AWS, by path": (
        replace(EU, addressing="path"),
        "https://s3.eu-central-1.amazonaws.com/images/a/b/",
    ),
    "one's own": (OWN, "https://s3.test:9000/images/a/b/"),
    "one's own, by host": (
        replace(OWN, addressing="virtual"),
        "https://images.s3.test:9000/a/b/",
    ),
    "no prefix": (replace(OWN, prefix=""), "https://s3.test:9000/images/"),
    "Azure": (Place("az", "images", "a/b"), "https://account.blob.core.windows.net/images/a/b/"),
    "Google": (Place("gs", "images", "a/b"), "https://storage.googleapis.com/images/a/b/"),
}


@pytest.mark.parametrize(("place", "url"), HOSTS.values(), ids=HOSTS)
def test_where_clients_are_sent(
    place: Place, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Signed offline, by the credentials that each provider's own tools take."""
    account = tmp_path / "account.json"
    account.write_text(json.dumps(google_account()))
    known = {
        **CREDENTIALS,
        "AZURE_STORAGE_ACCOUNT_NAME": "account",
        "AZURE_STORAGE_ACCOUNT_KEY": "c2VjcmV0",
        "GOOGLE_SERVICE_ACCOUNT": str(account),
    }
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    piece = Piece.new()
    signed = asyncio.run(ObjectStore(place).url([piece]))
    assert signed is not None
    address, _, query = signed.url.partition("?")
    assert address == f"{url}{piece.name[:2]}/{piece.name}"
    assert "ignature=" in query or "sig=" in query


def google_account() -> dict[str, str]:
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "client_email": "registry@project.iam.test",
        "private_key_id": "1",
        "private_key": key.decode(),
    }


def test_a_private_ca(
    certificates: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    port = free_port()
    with serving(tmp_path / "weed", port, certificates.server) as server, server.bucket() as bucket:
        place = replace(bucket.place, endpoint=f"https://localhost:{port}")
        with pytest.raises(StoreError):
            asyncio.run(_look(ObjectStore(place)))
        store = ObjectStore(replace(place, ca=certificates.ca.cert))
        store.prepare()
        piece = write(store, b"over TLS")
        assert read(store, piece) == b"over TLS"
        assert asyncio.run(store.trouble()) is None
        with store.part(Piece.new(), None) as part:
            part.write(memoryview(bytes(20 * 1024 * 1024)))
            assert store.abandon(-5, lambda _: False) == 1


async def _look(store: ObjectStore) -> None:
    if trouble := await store.trouble():
        raise StoreError(trouble)


def test_a_ca_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    for ca in ("ca.crt", "missing.crt"):
        with pytest.raises((StoreError, FileNotFoundError)):
            ObjectStore(replace(EU, ca=tmp_path / ca))
