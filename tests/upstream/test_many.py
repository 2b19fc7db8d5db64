"""Many images at once: what is looked at, asked for or compared for each, by counts."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from tests.cli.desk import Desk
from tests.content import EMPTY, digest, dump, image
from tests.upstream.shelf import shelf

from entrepot.oci.digest import Digest
from entrepot.upstream.bundle import NewBundle
from entrepot.upstream.entries import Entries, Entry
from entrepot.upstream.place import Blob
from entrepot.upstream.tar import NewTarFiles

BASE = Random(1).randbytes(20_000)


def counting(looks: Counter[str], name: str) -> Entry:
    """An entry that knows how often somebody looks at it."""

    class Counted(dict[str, Any]):
        def get(self, key: str, default: Any = None) -> Any:
            looks[name] += 1
            return super().get(key, default)

    notes = {"org.opencontainers.image.ref.name": name}
    return Counted(digest=digest(name.encode()), annotations=notes)


def test_an_index_looks_at_each_entry_a_few_times_however_many_there_are() -> None:
    looks: Counter[str] = Counter()
    names = [f"{number:04}" for number in range(1000)]
    entries = Entries(())
    for name in names:
        entries.put(counting(looks, name))
    for name in names:
        assert [each["digest"] for each in entries.called(name)] == [digest(name.encode())]
        assert entries.beginning(name) == [name]
    assert max(looks.values()) <= 5
    assert len(list(entries)) == len(names)


def test_an_index_lists_one_of_each_name_and_what_has_none_once() -> None:
    def entry(content: bytes, name: str = "") -> Entry:
        notes = {"org.opencontainers.image.ref.name": name} if name else {}
        return {"digest": digest(content), "annotations": notes}

    entries = Entries([entry(b"a", "one"), entry(b"b")])
    entries.put(entry(b"c", "one"))
    entries.put(entry(b"b"))
    entries.put(entry(b"c"))
    assert list(entries) == [entry(b"b"), entry(b"c", "one")]
    assert entries.beginning("o") == ["one"]


def test_a_layer_that_many_repositories_share_is_listed_with_all(tmp_path: Path) -> None:
    bundle, blob = NewBundle(tmp_path / "site.tar"), Blob(Digest.of(BASE), len(BASE))
    names = [f"team/app-{number}" for number in range(100)]
    for name in reversed(names):
        assert not bundle.leaves_out(blob, name)
    assert bundle.record.blobs[blob.digest].repositories == tuple(sorted(names))
    bundle.abandon()


def test_who_waits_for_a_registry_holds_up_nobody_who_writes_a_tar(tmp_path: Path) -> None:
    files, gate = NewTarFiles(tmp_path / "a.tar"), threading.Event()

    def slow() -> Iterator[bytes]:
        assert gate.wait(60)
        yield b"slow"

    waiting = threading.Thread(target=files.write, args=("slow", 4, slow()))
    waiting.start()
    files.write("quick", 5, iter((b"quick",)))
    assert files.size("slow") is None
    gate.set()
    waiting.join()
    assert [b"".join(files.read(name)) for name in ("slow", "quick")] == [b"slow", b"quick"]
    files.abandon()


def test_all_tags_are_copied_without_a_look_for_the_signatures_of_each(desk: Desk) -> None:
    with shelf() as (source, server), shelf() as (target, there):
        for number in range(10):
            manifest = dump(image(BASE, annotations={"n": str(number)}))
            kept = manifest, "application/vnd.oci.image.manifest.v1+json"
            source.manifests["app", str(number)] = source.manifests["app", digest(manifest)] = kept
        signed = f"{digest(manifest).replace(':', '-')}.sig"
        source.manifests["app", signed] = source.manifests["app", "0"]
        source.blobs |= {("app", digest(each)): each for each in (EMPTY, BASE)}
        desk.good("copy", f"{server.address}/app", f"{there.address}/copy", "--all-tags")
        assert sorted(tag for _, tag in target.manifests if ":" not in tag) == sorted(
            tag for _, tag in source.manifests if ":" not in tag
        )
        assert server.paths("HEAD") == []


def test_a_drill_asks_for_a_layer_once_in_a_repository(desk: Desk) -> None:
    layers = [b"of its own %d" % number for number in range(10)]
    with shelf() as (there, server):
        for number, layer in enumerate(layers):
            manifest = dump(image(BASE, layer))
            kept = manifest, "application/vnd.oci.image.manifest.v1+json"
            there.manifests["app", str(number)] = kept
        there.blobs |= {("app", digest(each)): each for each in (EMPTY, BASE, *layers)}
        images = [f"{server.address}/app:{number}" for number in range(len(layers))]
        desk.good("drill", *images, "--primary", server.address, "--now", "--jobs", "1")
        assert server.paths("HEAD").count(f"/v2/app/blobs/{digest(BASE)}") == 1
        assert server.paths().count(f"/v2/app/blobs/{digest(EMPTY)}") == 1
        for layer in layers:
            assert server.paths("HEAD").count(f"/v2/app/blobs/{digest(layer)}") == 1
