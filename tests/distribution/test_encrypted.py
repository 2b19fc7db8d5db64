"""A registry with a key: clients see no difference, and whoever reads its folder sees nothing."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.content import begin, descriptor, digest, image, put_blob, put_image, put_manifest
from tests.files import contents
from tests.served import CLASSES, Served, codes, serving

from entrepot.blobstore.disk import DiskStore, folder_of
from entrepot.blobstore.encrypted import EncryptedStore
from entrepot.db import engine
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.encryption.segments import CONTENT
from entrepot.upkeep.check import findings

OLD, NEW = MasterKey.new(), MasterKey.new()
PLANTED = b"Planted-and-not-to-be-found"
LAYER = PLANTED + random.Random(4).randbytes(3 * CONTENT) + PLANTED * 1000
SMALL = b"small: " + PLANTED
NOTE = {"note": PLANTED.decode()}


@pytest.fixture(scope="module", params=CLASSES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("encrypted") / "data"
    with serving(folder, request.param, encryption_key=OLD.line) as served:
        yield served
        assert damage(folder, OLD) == []


def damage(folder: Path, *keys: MasterKey) -> list[str]:
    """What `entrepot check` finds."""
    ring = Keyring(keys)
    store = EncryptedStore(DiskStore(folder_of(folder)), ring)
    with closing(engine.connect_to_read(folder, ring)) as db:
        return [found.what for found in findings(db, store, read=True)]


def shows(folder: Path) -> list[Path]:
    """Files that have something of what was planted."""
    files = dict(contents(folder))
    assert any(path.suffix == ".sqlite" for path in files)
    return [path for path, content in files.items() if PLANTED[:16] in content]


def test_nothing_shows(served: Served) -> None:
    client = served.client
    pushed = put_image(client, "team/app", "1", SMALL, LAYER, config=SMALL, annotations=NOTE)
    subject = descriptor(b"", "application/vnd.oci.image.manifest.v1+json") | {"digest": pushed}
    signed = image(LAYER, config=SMALL, subject=subject, annotations=NOTE)
    put_manifest(client, "team/app", "2", signed)
    under_way = begin(client, "team/app")
    assert client.patch(under_way, content=SMALL).status_code == 202
    larger = begin(client, "team/app")
    assert client.patch(larger, content=LAYER).status_code == 202
    assert shows(served.folder) == []
    assert client.get("/v2/team/app/manifests/1").json()["annotations"] == NOTE
    referrers = client.get(f"/v2/team/app/referrers/{pushed}").json()
    assert referrers["manifests"][0]["annotations"] == NOTE
    for content in (SMALL, LAYER):
        assert client.get(f"/v2/team/app/blobs/{digest(content)}").content == content
    whole = client.put(under_way, content=LAYER, params={"digest": digest(SMALL + LAYER)})
    assert whole.status_code == 201
    assert client.get(f"/v2/team/app/blobs/{digest(SMALL + LAYER)}").content == SMALL + LAYER
    assert shows(served.folder) == []


RANGES = {
    "the first byte": (0, 0),
    "the first segment": (0, CONTENT - 1),
    "over an edge": (CONTENT - 1, CONTENT),
    "in the middle": (CONTENT + 5, 2 * CONTENT + 5),
    "the last byte": (len(LAYER) - 1, len(LAYER) - 1),
    "all": (0, len(LAYER) - 1),
}


@pytest.mark.parametrize(("first", "last"), RANGES.values(), ids=RANGES)
def test_ranges(served: Served, first: int, last: int) -> None:
    path = f"/v2/team/ranges/blobs/{put_blob(served.client, 'team/ranges', LAYER)}"
    answer = served.client.get(path, headers={"range": f"bytes={first}-{last}"})
    assert answer.status_code == 206
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(LAYER)}"
    assert answer.content == LAYER[first : last + 1]


def test_what_a_client_sees_of_it_is_as_ever(served: Served, tmp_path: Path) -> None:
    put_blob(served.client, "team/app", LAYER)
    path = f"/v2/team/app/blobs/{digest(LAYER)}"
    with serving(tmp_path, "own") as plain:
        put_blob(plain.client, "team/app", LAYER)
        for method in ("HEAD", "GET"):
            one, two = (each.client.request(method, path) for each in (served, plain))
            assert seen(one) == seen(two)
        same = {"if-none-match": f'"{digest(LAYER)}"'}
        assert served.client.get(path, headers=same).status_code == 304


def seen(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    headers = dict(answer.headers)
    for name in ("date", "x-request-id", "server"):
        headers.pop(name, None)
    return answer.status_code, headers, answer.content


@pytest.mark.parametrize(
    "sizes", [(1, 20_000), (70_000, 1), (100_000, 200_000, 5), (65_520, 65_520)]
)
def test_several_requests(served: Served, sizes: tuple[int, ...]) -> None:
    """Each piece has a key of its own; together they are the blob."""
    client, content = served.client, random.Random(str(sizes)).randbytes(sum(sizes))
    location, place = begin(client, "team/pieces"), 0
    for size in sizes:
        answer = client.patch(location, content=content[place : place + size])
        assert answer.status_code == 202
        place += size
    found = digest(content)
    assert client.put(location, params={"digest": found}).status_code == 201
    path = f"/v2/team/pieces/blobs/{found}"
    assert client.get(path).content == content
    span = {"range": f"bytes={sizes[0] - 1}-{sizes[0] + 10}"}
    assert client.get(path, headers=span).content == content[sizes[0] - 1 : sizes[0] + 11]
    db = sqlite3.connect(served.folder / engine.FILE)
    owner = db.execute("select object from blob where digest = ?", (found,)).fetchone()[0]
    keys = db.execute("select key, data_key from piece where object = ?", (owner,)).fetchall()
    db.close()
    assert {key for key, _ in keys} == {OLD.id}
    assert len({wrapped for _, wrapped in keys}) == len(keys)


def test_another_algorithm_reads_the_pieces_again(served: Served) -> None:
    client = served.client
    location = begin(client, "team/sha512")
    assert client.patch(location, content=LAYER[:100_000]).status_code == 202
    found = digest(LAYER, "sha512")
    answer = client.put(location, params={"digest": found}, content=LAYER[100_000:])
    assert answer.status_code == 201
    assert client.get(f"/v2/team/sha512/blobs/{found}").content == LAYER


def test_many_at_once(served: Served) -> None:
    path = f"/v2/team/many/blobs/{put_blob(served.client, 'team/many', LAYER)}"
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: httpx.get(served.url + path).content, range(64)))
    assert found == [LAYER] * 64


def test_a_client_that_goes_away_leaves_the_others_alone(served: Served) -> None:
    path = f"/v2/team/gone/blobs/{put_blob(served.client, 'team/gone', LAYER * 20)}"
    for _ in range(10):
        with served.client.stream("GET", path) as answer:
            next(answer.iter_raw(1000))
    assert served.client.get(path).content == LAYER * 20


@dataclass
class Kept:
    """A folder with an image, which was pushed under the key OLD."""

    folder: Path

    @property
    def file(self) -> Path:
        """The one object."""
        (found,) = (path for path in (self.folder / "blobs").rglob("*") if path.is_file())
        return found

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.folder / engine.FILE)) as db:
            db.execute(statement)
            db.commit()


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    with serving(tmp_path / "data", "own", encryption_key=OLD.line) as served:
        put_image(served.client, "team/app", "1", LAYER, config=SMALL)
    return Kept(tmp_path / "data")


PATHS = {
    "manifest": "manifests/1",
    "small blob": f"blobs/{digest(SMALL)}",
    "large blob": f"blobs/{digest(LAYER)}",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
@pytest.mark.parametrize("key", [None, NEW.line], ids=["no key", "another"])
def test_without_its_key(
    kept: Kept, path: str, key: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """An error that says so, and never bytes."""
    with serving(kept.folder, "own", encryption_key=key) as served:
        answer = served.client.get(f"/v2/team/app/{path}")
    assert (answer.status_code, codes(answer.content)) == (500, ["UNKNOWN"])
    assert "cannot be decrypted" in answer.text
    assert f"the encryption key {OLD.id} is not among those" in caplog.text


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_another_key_of_that_id(kept: Kept, path: str, caplog: pytest.LogCaptureFixture) -> None:
    wrong = MasterKey(OLD.id, NEW.secret)
    with serving(kept.folder, "own", encryption_key=wrong.line) as served:
        answer = served.client.get(f"/v2/team/app/{path}")
    assert (answer.status_code, codes(answer.content)) == (500, ["UNKNOWN"])
    assert f"does not open with the encryption key {OLD.id}" in caplog.text


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_its_key_beside_a_newer_one(kept: Kept, path: str) -> None:
    with serving(kept.folder, "own", encryption_key=f"{NEW.line},{OLD.line}") as served:
        assert served.client.get(f"/v2/team/app/{path}").status_code == 200
        put_blob(served.client, "team/app", LAYER + b"more")
    assert damage(kept.folder, NEW, OLD) == []
    assert shows(kept.folder) == []


def flip(kept: Kept) -> None:
    content = bytearray(kept.file.read_bytes())
    content[-1] ^= 1
    kept.file.write_bytes(content)


def cut(kept: Kept) -> None:
    content = kept.file.read_bytes()
    kept.file.write_bytes(content[: -len(content) // 2])


def lie(kept: Kept) -> None:
    """The database says that it is shorter: then a segment is the last that was none."""
    kept.change(f"update piece set size = {CONTENT}")
    kept.change(f"update blob set size = {CONTENT} where object is not null")


@pytest.mark.parametrize("change", [flip, cut, lie])
def test_what_was_changed_does_not_come_out(
    kept: Kept, change: Callable[[Kept], None], caplog: pytest.LogCaptureFixture
) -> None:
    change(kept)
    with serving(kept.folder, "own", encryption_key=OLD.line) as served:
        assert served.client.get(f"/v2/team/app/blobs/{digest(LAYER)}").status_code == 500
        assert served.client.get("/v2/team/app/manifests/1").status_code == 200
    assert f"object {kept.file.name} is" in caplog.text


def test_what_was_changed_breaks_off(tmp_path: Path) -> None:
    """In the middle of an answer it never looks like the end."""
    content = random.Random(5).randbytes(50 * 1024 * 1024)
    with serving(tmp_path, "own", encryption_key=OLD.line) as served:
        path = f"/v2/team/app/blobs/{put_blob(served.client, 'team/app', content)}"
        flip(Kept(tmp_path))
        received = bytearray()
        with served.client.stream("GET", path) as answer:
            assert answer.status_code == 200
            with pytest.raises(httpx.HTTPError):
                receive(answer, received)
        assert 0 < len(received) < len(content)
        assert content.startswith(received)


def receive(answer: httpx.Response, into: bytearray) -> None:
    for part in answer.iter_raw():
        into += part


@pytest.mark.parametrize("change", [flip, cut])
def test_check_finds_what_was_changed(kept: Kept, change: Callable[[Kept], None]) -> None:
    change(kept)
    (found,) = damage(kept.folder, OLD)
    assert kept.file.name in found


def test_pushing_again_heals_what_no_key_opens(kept: Kept) -> None:
    kept.change("update piece set key = 'lost'")
    with serving(kept.folder, "own", encryption_key=OLD.line, upkeep_pause=0.05) as served:
        path = f"/v2/team/app/blobs/{digest(LAYER)}"
        assert served.client.get(path).status_code == 500
        put_blob(served.client, "team/app", LAYER)
        assert served.client.get(path).content == LAYER
        while len([file for file in (kept.folder / "blobs").rglob("*") if file.is_file()]) > 1:
            time.sleep(0.01)
    assert damage(kept.folder, OLD) == []


def test_a_plain_registry_that_gets_a_key(tmp_path: Path) -> None:
    """What was there is served as before, what is new is encrypted."""
    with serving(tmp_path, "own") as served:
        put_image(served.client, "team/app", "1", LAYER, config=SMALL)
    with serving(tmp_path, "own", encryption_key=NEW.line) as served:
        for path in PATHS.values():
            assert served.client.get(f"/v2/team/app/{path}").status_code == 200
        other = LAYER + b"other"
        location = begin(served.client, "team/app")
        assert served.client.patch(location, content=other).status_code == 202
        put = served.client.put(location, params={"digest": digest(other)})
        assert put.status_code == 201
        assert served.client.get(f"/v2/team/app/blobs/{digest(other)}").content == other
    with closing(sqlite3.connect(tmp_path / engine.FILE)) as db:
        assert set(db.execute("select key from piece")) == {(None,), (NEW.id,)}
    assert damage(tmp_path, NEW) == []
