"""`entrepot check`: each kind of damage is found and named, and nothing else is."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.command import Done
from tests.crash.ledger import Ledger
from tests.crash.pusher import Pusher
from tests.crash.test_sigkill import damage
from tests.registry import StartRegistry
from tests.upkeep.conftest import Folder, keep
from tests.warm import entrepot

from entrepot.db import engine, pieces
from entrepot.db.pieces import Piece


def flip(folder: Folder) -> None:
    """One bit in the middle of an object."""
    content = bytearray(folder.file.read_bytes())
    content[50_000] ^= 1
    folder.file.write_bytes(content)


def truncate(folder: Folder) -> None:
    folder.file.write_bytes(folder.file.read_bytes()[:-1])


def grow(folder: Folder) -> None:
    folder.file.write_bytes(folder.file.read_bytes() + b"x")


def replace_by_folder(folder: Folder) -> None:
    folder.file.unlink()
    folder.file.mkdir()


def run(*statements: str) -> Callable[[Folder], None]:
    def spoil(folder: Folder) -> None:
        folder.db.execute("pragma foreign_keys = off")
        for statement in statements:
            folder.db.execute(statement)

    return spoil


def spoil_header(folder: Folder) -> None:
    folder.db.close()
    file = folder.data / engine.FILE
    file.write_bytes(b"nonsense" * 1000)


def spoil_pages(folder: Folder) -> None:
    """Zeros over every page but the first."""
    folder.db.close()
    file = folder.data / engine.FILE
    content = file.read_bytes()
    file.write_bytes(content[:4096] + bytes(len(content) - 4096))


DAMAGE: dict[str, tuple[Callable[[Folder], None], str, str]] = {
    "object missing": (lambda folder: folder.file.unlink(), "{layer}", "its object {object} is"),
    "object truncated": (truncate, "{layer}", "{object} has 99999 bytes, not 100000"),
    "object grown": (grow, "{layer}", "{object} has 100001 bytes, not 100000"),
    "object changed": (flip, "{layer}", "the bytes in {object} do not match the digest"),
    "object unreadable": (
        replace_by_folder,
        "{layer}",
        "{object} has 4096 bytes, not 100000",
    ),
    "tag dangling": (
        run("update tag set digest = 'sha256:' || hex(zeroblob(32))"),
        "team/app:1",
        "the tag points to sha256:0000",
    ),
    "blob missing": (
        run("delete from repository_blob", "delete from blob where content is not null"),
        "team/app@{image}",
        "of this manifest is missing",
    ),
    "link missing": (
        run("delete from repository_blob"),
        "team/app@{image}",
        "{layer} of this manifest is missing",
    ),
    "manifest changed": (
        run("update manifest set content = x'7b7d'"),
        "{image}",
        "its bytes in the manifest table do not match the digest",
    ),
    "small blob changed": (
        run("update blob set content = x'7b7e' where content is not null"),
        "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
        "its bytes in the blob table do not match the digest",
    ),
    "row without its repository": (
        run("delete from repository"),
        "database",
        "refers to a missing repository",
    ),
    "manifest digest malformed": (
        run("update manifest set digest = 'md5:x'"),
        "md5:x",
        "its row in the manifest table is malformed",
    ),
    "blob digest malformed": (
        run("update blob set digest = 'nonsense' where object is not null"),
        "nonsense",
        "its row in the blob table is malformed",
    ),
    "object name malformed": (
        run("update piece set name = '../x'"),
        "{layer}",
        "its row in the blob table is malformed",
    ),
    "piece forgotten": (run("delete from piece"), "{layer}", "its pieces have 0 bytes, not 100000"),
    "no database": (spoil_header, "database", "file is not a database"),
    "pages lost": (spoil_pages, "database", "the database is damaged: "),
}


@pytest.mark.parametrize(("spoil", "subject", "what"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found(
    folder: Folder, spoil: Callable[[Folder], None], subject: str, what: str
) -> None:
    assert check(folder.data).status == 0
    spoil(folder)
    done = check(folder.data, "--json")
    assert done.status == 1
    assert "Traceback" not in done.error
    names = {"layer": folder.layer, "object": folder.object, "image": folder.image}
    found = [json.loads(line) for line in done.output.splitlines()]
    assert all(finding["advice"] for finding in found)
    matching = [
        finding
        for finding in found
        if finding["kind"] == "damage"
        and finding["subject"] == subject.format(**names)
        and what.format(**names) in finding["what"]
    ]
    assert matching, done.output


def test_a_healthy_folder_has_nothing(folder: Folder) -> None:
    assert check(folder.data, "--json") == Done(0, "", "")
    assert check(folder.data) == Done(0, "0 damaged, 0 leftovers\n", "")


def test_without_reading_only_sizes_are_compared(folder: Folder) -> None:
    flip(folder)
    assert check(folder.data, "--no-read").status == 0
    truncate(folder)
    assert check(folder.data, "--no-read").status == 1


def test_an_orphan_is_a_leftover_and_no_damage(folder: Folder) -> None:
    name, _ = keep(folder.store, b"nobody's")
    done = check(folder.data)
    assert done.status == 0
    assert done.output.splitlines() == [
        f"leftover {name}: 8 bytes that no row names; it may be deleted",
        "0 damaged, 1 leftovers, --repair mends what can be mended",
    ]


def test_what_an_upload_or_the_garbage_names_is_no_orphan(folder: Folder) -> None:
    (first, _), (second, _) = keep(folder.store, b"one"), keep(folder.store, b"two")
    pieces.begin(folder.db, "f" * 32, Piece(first))
    pieces.drop(folder.db, second, "test")
    assert check(folder.data).output == "0 damaged, 0 leftovers\n"


def test_it_changes_nothing(folder: Folder) -> None:
    """Not even where what it looks at is damaged, and beside a log that was not emptied."""
    folder.file.unlink()
    for entry in folder.store.folder.iterdir():
        if not any(entry.iterdir()):
            entry.rmdir()
    before = contents(folder.data)
    assert check(folder.data).status == 1
    assert contents(folder.data) == before


def test_what_was_pushed_before_a_crash_is_seen_without_a_restart(
    start_registry: StartRegistry,
) -> None:
    registry = start_registry()
    pusher = Pusher(registry.address, Ledger("load/app"), 1)
    pusher.start()
    assert pusher.acknowledged.wait(60)
    registry.kill()
    pusher.join()
    assert check(registry.data).status == 0
    assert damage(registry.data, read=True) == []


def test_nothing_is_found_while_others_push_and_delete(start_registry: StartRegistry) -> None:
    registry = start_registry(upkeep_pause="0.02", access_log=False)
    pushers = [Pusher(registry.address, Ledger(f"load/{n}"), n) for n in range(3)]
    for pusher in pushers:
        pusher.start()
    found: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            found.extend(damage(registry.data, read=True))

    looking = threading.Thread(target=look)
    looking.start()
    assert not over.wait(4)
    over.set()
    looking.join(60)
    for pusher in pushers:
        pusher.stop()
        pusher.join(60)
        assert pusher.error is None
    assert found == []


def check(data: Path, *options: str) -> Done:
    return entrepot("check", "--data", str(data), *options)


def contents(data: Path) -> dict[str, bytes | None]:
    """All files and folders but the shared memory that every reader of the database makes."""
    return {
        str(path.relative_to(data)): path.read_bytes() if path.is_file() else None
        for path in data.rglob("*")
        if not path.name.endswith("-shm")
    }
