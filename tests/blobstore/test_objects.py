"""What only a store of objects has: multipart uploads, others in the bucket, a network between."""

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from tests.blobstore.test_contract import MIB, data, read, write
from tests.content import put_blob
from tests.replicas.link import Link
from tests.seaweed import READER, READER_SECRET, Bucket
from tests.served import serving

from entrepot.blobstore.clients import Clients
from entrepot.blobstore.multipart import MOST_PARTS, SMALLEST, Shares, part_size
from entrepot.blobstore.objects import MARK, ObjectStore
from entrepot.blobstore.signed import Signer
from entrepot.blobstore.store import StoreError, digest_of
from entrepot.db.pieces import Piece
from entrepot.oci.digest import Digest, hasher
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.ranges import Span

LARGE = 2 * SMALLEST + 12_345


@pytest.fixture
def store(bucket: Bucket) -> ObjectStore:
    store = ObjectStore(bucket.place)
    store.prepare()
    return store


@pytest.fixture
def link(bucket: Bucket) -> Iterator[Link]:
    """The network to the bucket."""
    with Link(bucket.port) as link:
        yield link


def across(bucket: Bucket, link: Link) -> ObjectStore:
    return ObjectStore(replace(bucket.place, endpoint=f"http://127.0.0.1:{link.port}"))


@pytest.mark.parametrize("coming", [None, LARGE])
def test_a_large_object_goes_in_parts(
    store: ObjectStore, bucket: Bucket, coming: int | None
) -> None:
    content, found, piece = data(LARGE), hasher("sha256"), Piece.new()
    with store.part(piece, found, coming) as part:
        buffer = bytearray(MIB)
        for start in range(0, LARGE, MIB):
            some = content[start : start + MIB]
            buffer[: len(some)] = some  # as the server does it, in one and the same memory
            part.write(memoryview(buffer)[: len(some)])
        assert len(bucket.uploads()) == 1
        assert store.size(piece) is None, "nothing is to be seen of it yet"
        part.seal()
    piece = replace(piece, size=LARGE)
    assert read(store, piece) == content
    assert digest_of(store, [piece], "sha256") == Digest("sha256", found.hexdigest())
    assert bucket.uploads() == []
    head = bucket.s3.head_object(Bucket=bucket.name, Key=f"blobs/{store.key(piece.name)}")
    assert head["ContentType"] == "application/octet-stream"
    assert head["ETag"].strip('"').endswith("-3"), "three parts, and nothing was copied"


@pytest.mark.parametrize("dropped", [True, False], ids=["dropped", "closed"])
def test_what_is_not_sealed_leaves_no_parts(
    store: ObjectStore, bucket: Bucket, *, dropped: bool
) -> None:
    with store.part(Piece.new(), None) as part:
        part.write(memoryview(bytes(LARGE)))
        assert len(bucket.uploads()) == 1
        if dropped:
            part.drop()
    assert bucket.uploads() == []
    assert bucket.keys() == [f"blobs/{MARK}"]


def test_what_a_killed_process_left_is_taken_away(store: ObjectStore, bucket: Bucket) -> None:
    left, written = Piece.new(), Piece.new()
    parts = [store.part(piece, None) for piece in (left, written)]
    for part in parts:
        part.write(memoryview(bytes(LARGE)))
    foreign = {"Bucket": bucket.name, "Key": f"elsewhere/{store.key(left.name)}"}
    bucket.s3.create_multipart_upload(**foreign)
    assert len(bucket.uploads()) == 3
    assert store.abandon(3600, lambda _: False) == 0, "young"
    assert store.abandon(-5, lambda name: name == written.name) == 1
    rest = [f"blobs/{store.key(written.name)}", foreign["Key"]]
    assert sorted(bucket.uploads()) == sorted(rest)
    parts[1].seal()
    assert store.size(written) == LARGE
    with pytest.raises(StoreError, match="writing"):
        parts[0].seal()
    for part in parts:
        part.close()


def test_others_in_the_bucket_are_left_alone(bucket: Bucket) -> None:
    whole = ObjectStore(replace(bucket.place, prefix=""))
    for key in ("ab/note.txt", f"cd/{'ab' * 16}", f"x/ab/{'ab' * 16}", f"{'ab' * 16}"):
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"not ours")
    piece = write(whole, b"ours")
    assert list(whole.objects()) == [(piece.name, 4)]


def test_more_objects_than_a_page(store: ObjectStore) -> None:
    wanted = sorted(write(store, b"x").name for _ in range(30))
    assert [name for name, _ in store.objects()] == wanted


NO_PLACES = {
    "no bucket": ({"bucket": "not-there"}, "there is no s3://not-there/blobs"),
    "nobody there": ({"endpoint": "http://127.0.0.1:1"}, "writing to .* failed"),
}


@pytest.mark.parametrize(("changed", "said"), NO_PLACES.values(), ids=NO_PLACES)
async def test_a_place_that_is_none(
    bucket: Bucket, changed: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ObjectStore(replace(bucket.place, **changed))  # type: ignore[arg-type]
    assert await store.trouble()
    if "endpoint" not in changed:  # that one is tried for a minute
        with pytest.raises(StoreError, match=said):
            store.prepare()


def test_who_may_only_read(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", READER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", READER_SECRET)
    with pytest.raises(StoreError, match=r"writing to s3://.* is not allowed") as error:
        ObjectStore(bucket.place).prepare()
    assert READER_SECRET not in str(error.value)


def test_without_credentials(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(StoreError, match=r"no credentials for s3://.*AWS_ACCESS_KEY_ID"):
        ObjectStore(bucket.place)


def test_credentials_from_a_profile(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    lines = [f"{name.lower()} = {value}" for name, value in keys.items()]
    (tmp_path / "credentials").write_text("\n".join(["[registry]", *lines]))
    for name in keys:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_PROFILE", "registry")
    ObjectStore(bucket.place).prepare()
    assert bucket.keys() == [f"blobs/{MARK}"]


def test_keys_in_the_environment(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """They need no boto3, which takes long to load, unless they end some time."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    ObjectStore(bucket.place).prepare()
    assert bucket.keys() == [f"blobs/{MARK}"]
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of a role")
    assert "of a role" in Clients.open(bucket.place).reading.config.values()
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2100-01-01T00:00:00Z")
    with pytest.raises(ImportError, match="boto3"):
        Clients.open(bucket.place)


async def test_its_mark_is_missed(store: ObjectStore, bucket: Bucket) -> None:
    assert await store.trouble() is None
    store._probed_at += 3600  # on a machine that stands still a moment is over at once
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"blobs/{MARK}")
    assert await store.trouble() is None, "for a moment what was found is believed"
    assert "has lost its object" in str(await ObjectStore(bucket.place).trouble())


async def test_a_store_that_is_lost_is_not_taken_for_lost_objects(
    store: ObjectStore, bucket: Bucket
) -> None:
    """Else clients would be told that blobs are unknown, and the garbage that it is gone."""
    piece = await asyncio.to_thread(write, store, b"x")
    assert store.size(Piece.new()) is None
    for key in [*bucket.keys()]:
        bucket.s3.delete_object(Bucket=bucket.name, Key=key)
    later = ObjectStore(bucket.place)
    for ask in (later.open([piece], Span(0, 1)), later.holds([piece])):
        with pytest.raises(StoreError, match="is not there, or has lost its object 'entrepot'"):
            await ask
    elsewhere = ObjectStore(replace(bucket.place, bucket="not-there"))
    with pytest.raises(StoreError, match="is not there"):
        elsewhere.delete([piece.name])


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "cut"])
async def test_trouble_is_told_in_time(bucket: Bucket, link: Link, *, silent: bool) -> None:
    store = across(bucket, link)
    await asyncio.to_thread(store.prepare)
    if silent:
        link.silence()
    else:
        link.cut()
    async with asyncio.timeout(60):
        found = await asyncio.gather(*(store.trouble() for _ in range(50)))
    assert found[0]
    assert len(set(found)) == 1
    link.mend()


def test_a_silent_store_is_told_before_anything_is_written(bucket: Bucket, link: Link) -> None:
    """A limit on a question: how long bytes may take is left to the link."""
    store = across(bucket, link)
    store.prepare()
    link.silence()
    began = time.monotonic()
    with pytest.raises(StoreError, match="looking into s3"):
        store.part(Piece.new(), None)
    assert time.monotonic() - began < 30
    link.mend()


def test_who_writes_asks_a_store_that_answers_once_in_a_while(store: ObjectStore) -> None:
    """Not for each object: what was heard a moment ago is believed."""
    write(store, b"x")
    store._heard_at = seen = time.monotonic() + 3600
    write(store, b"y")
    assert store._heard_at == seen


def test_a_push_to_a_silent_store_is_refused_in_seconds(
    tmp_path: Path, bucket: Bucket, link: Link
) -> None:
    settings = {**bucket.settings, "storage_endpoint": f"http://127.0.0.1:{link.port}"}
    with serving(tmp_path / "data", "own", **settings) as served:
        content = data(200_000)
        begun = served.client.post("/v2/team/app/blobs/uploads/").headers["location"]
        link.silence()
        began = time.monotonic()
        answer = served.client.put(
            begun, params={"digest": str(Digest.of(content))}, content=content, timeout=60
        )
        assert answer.status_code == 503, answer.text
        assert answer.json()["errors"][0]["code"] == "UNAVAILABLE"
        assert answer.headers["retry-after"]
        assert time.monotonic() - began < 30
        link.mend()
        put_blob(served.client, "team/app", content)


async def test_a_stream_outlives_a_short_cut(bucket: Bucket, link: Link) -> None:
    store = across(bucket, link)
    content = data(32 * MIB)
    piece = await asyncio.to_thread(write, store, content)
    source = await store.open([piece], Span(0, len(content)))
    assert source.stream is not None
    found = b""
    async for some in source.stream:
        if not found:
            link.cut()
            asyncio.get_running_loop().call_later(0.3, link.mend)
        found += some
    assert found == content


async def test_a_signed_url_is_for_one_object_and_a_while(store: ObjectStore) -> None:
    piece, other = [await asyncio.to_thread(write, store, text) for text in (b"one", b"other")]
    signed = await store.url([piece])
    assert signed is not None
    assert await store.url([piece]) == signed, "it is made once"
    assert await store.url([piece, other]) is None
    async with httpx.AsyncClient() as client:
        assert (await client.get(signed.url)).content == b"one"
        forged = signed.url.replace(store.key(piece.name), store.key(other.name))
        assert (await client.get(forged)).status_code == 403
        assert (await client.put(signed.url, content=b"mine")).status_code == 403
        assert (await client.delete(signed.url)).status_code == 403


async def test_a_url_is_handed_out_for_a_third_of_its_life(store: ObjectStore) -> None:
    signer = Signer(store._clients.reading, 1)
    first = await signer.sign("key")
    await asyncio.sleep(0.4)
    assert (await signer.sign("key")).until > first.until


@pytest.mark.parametrize(
    ("coming", "wanted"),
    [
        (None, 8 * MIB),
        (0, 8 * MIB),
        (79_992 * MIB, 8 * MIB),
        (79_992 * MIB + 1, 9 * MIB),
        (5 * 1024 * 1024 * MIB, 525 * MIB),
    ],
)
def test_parts_are_large_enough(coming: int | None, wanted: int) -> None:
    assert part_size(coming) == wanted
    assert -(-(coming or 0) // wanted) <= MOST_PARTS


def test_many_writers_share_what_is_on_its_way() -> None:
    shares = Shares(0)
    found = [shares.enter() for _ in range(20)]
    assert found[0] == 4
    assert found[-1] == 1
    for _ in found:
        shares.leave()
    assert shares.enter() == 4


def test_no_more_are_let_in_than_there_is_memory_for(bucket: Bucket) -> None:
    store = ObjectStore(replace(bucket.place, memory=3 * MIB))
    with store.part(Piece.new(), None) as stalled:
        stalled.write(memoryview(bytes(2 * MIB)))
        with store.part(Piece.new(), None) as other:
            other.write(memoryview(bytes(2 * MIB)))
            with pytest.raises(OCIError) as refused:
                store.part(Piece.new(), None)
            assert refused.value.code is Code.TOOMANYREQUESTS
            other.write(memoryview(bytes(SMALLEST - 2 * MIB)))  # they are on their way now
            with store.part(Piece.new(), None):
                pass
