"""`entrepot bundle`: what an earlier one has stays at home, and what is missing is told by name."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import EMPTY, dump, image, put_blob, put_manifest
from tests.upstream.test_copy import served

from entrepot.upstream.bundle_record import Record
from entrepot.upstream.folder import FolderFiles
from entrepot.upstream.place import UpstreamError
from entrepot.upstream.tar import NewTarFiles

OLD, NEW, BOTH = (Random(number).randbytes(50_000 + number) for number in range(3))
"""Layers: of the first version, of the next one, of both."""
SECOND = image(BOTH, NEW)


@pytest.fixture(scope="module")
def host(desk: Desk) -> str:
    """A registry with two versions of an image, the second also by another name."""
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair) as http:
        for name, tags in (
            ("team/app", {"1": image(BOTH, OLD), "2": SECOND}),
            ("x/y", {"2": SECOND}),
        ):
            for layer in (EMPTY, OLD, NEW, BOTH):
                put_blob(http, name, layer)
            for tag, document in tags.items():
                put_manifest(http, name, tag, document)
    return desk.url.partition("://")[2]


def test_only_what_is_new_is_carried(desk: Desk, host: str, peer: str, tmp_path: Path) -> None:
    first, second = str(tmp_path / "first.tar"), str(tmp_path / "second.tar")
    desk.good("bundle", "create", first, f"{host}/team/app:1")
    images = [f"{host}/team/app:2", f"{host}/x/y:2"]
    said = desk.good("bundle", "create", second, *images, "--since", first)
    assert f"more are in {Path(first).name} (made 2" in said.splitlines()[-1]
    assert len(NEW) < Path(second).stat().st_size < len(NEW + BOTH)
    rows = {each["image"]: each for each in desk.json("bundle", "list", second)}
    assert set(rows) == set(images)
    assert {each["left_out"] for each in rows.values()} == {len(BOTH + EMPTY)}
    assert desk.json("bundle", "verify", second) == {"images": 2, "blobs": 3, "damaged": {}}

    done = desk.run("bundle", "load", second, f"{peer}/site")
    assert done.status == 1
    assert done.error.count("is in first.tar (made 2") == 2
    assert served(peer, "site/team/app", "2").status_code == 404
    desk.good("bundle", "load", first, f"{peer}/site")
    desk.good("bundle", "load", second, f"{peer}/site")
    for name in ("team/app", "x/y"):  # into the second what the first one has is mounted
        assert served(peer, f"site/{name}", "2").content == dump(SECOND)
        for layer in SECOND["layers"]:
            assert httpx.head(f"http://{peer}/v2/site/{name}/blobs/{layer['digest']}").is_success


def test_a_list_of_contents_is_enough(desk: Desk, host: str, tmp_path: Path) -> None:
    first, third = tmp_path / "first.tar", tmp_path / "third.tar"
    desk.good("bundle", "create", str(first), f"{host}/team/app:2")
    contents = tmp_path / "first.contents"
    contents.write_text(desk.good("bundle", "list", str(first), "--contents"))
    first.unlink()
    desk.good("bundle", "create", str(third), f"{host}/team/app:2", "--since", str(contents))
    assert third.stat().st_size < len(NEW)


def test_damage_is_found(desk: Desk, host: str, tmp_path: Path) -> None:
    bundle = tmp_path / "site.tar"
    desk.good("bundle", "create", str(bundle), f"{host}/team/app:2")
    content = bytearray(bundle.read_bytes())
    content[content.index(NEW[:100]) + 5] ^= 1
    bundle.write_bytes(content)
    done = desk.run("bundle", "verify", str(bundle), "--json")
    assert (done.status, len(json.loads(done.output)["damaged"])) == (1, 1)


def test_images_come_from_standard_input(desk: Desk, host: str, tmp_path: Path) -> None:
    pod = f"kind: Pod\nspec:\n  containers:\n  - image: {host}/team/app:1\n"
    for number, text in enumerate(
        (
            pod,
            f"# these\n{host}/team/app:1\n",
            json.dumps({"containers": [{"image": f"{host}/team/app:1"}]}),
        )
    ):
        made = desk.json("bundle", "create", str(tmp_path / f"{number}.tar"), "-f", "-", stdin=text)
        assert [each["source"] for each in made] == [f"{host}/team/app:1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "is no tar"),
        (b"nonsense" * 200, "is no tar"),
        (b"{", "what it says of itself cannot be read"),
        (b'{"format": 1, "bundle": "x", "made": "y", "blobs": {"sha": {}}}', "cannot be read"),
        (b'{"format": 1, "bundle": "x", "made": "y", "blobs": []}', "cannot be read"),
        (b'{"format": 2}', "was made by a newer Entrepot"),
    ],
)
def test_what_is_no_earlier_bundle(tmp_path: Path, text: bytes, says: str) -> None:
    (tmp_path / "old").write_bytes(text)
    with pytest.raises(UpstreamError, match=says):
        Record.at(tmp_path / "old")


def test_two_images_do_not_become_one(desk: Desk, host: str, peer: str, tmp_path: Path) -> None:
    bundle = str(tmp_path / "both.tar")
    desk.good("copy", f"{host}/x/y:2", f"{peer}/x/y:2")
    desk.good("bundle", "create", bundle, f"{host}/x/y:2", f"{peer}/x/y:2")
    said = desk.bad("bundle", "load", bundle, f"{peer}/site")
    assert f"would both become {peer}/site/x/y:2: load the images of each registry" in said
    for prefix, registry in (("one", host), ("other", peer)):
        (done,) = desk.json("bundle", "load", bundle, f"{peer}/{prefix}", "--of", registry)
        assert done["source"] == f"oci-archive:{bundle}:{registry}/x/y:2"
        assert served(peer, f"{prefix}/x/y", "2").content == dump(SECOND)
    said = desk.bad("bundle", "load", bundle, f"{peer}/site", "--of", "quay.io")
    assert f"has no image of quay.io, but of {', '.join(sorted((host, peer)))}" in said


def test_what_a_killed_one_left_is_in_nobodys_way(desk: Desk, host: str, tmp_path: Path) -> None:
    """In a container each process has the same number."""
    (tmp_path / f".site.tar.{os.getpid()}").write_bytes(b"half")
    desk.good("bundle", "create", str(tmp_path / "site.tar"), f"{host}/team/app:2")
    assert (tmp_path / "site.tar").exists()


KILLED = """
import os, signal
from pathlib import Path
from entrepot.upstream.folder import FolderFiles
from entrepot.upstream.tar import NewTarFiles

def half():
    yield b"half"
    os.kill(os.getpid(), signal.SIGKILL)

{made}.write("blobs/sha256/x", 100, half())
"""


def write_tar(folder: Path) -> None:
    NewTarFiles(folder / "site.tar").abandon()


def write_folder(folder: Path) -> None:
    FolderFiles(folder).write("blobs/sha256/y", 1, iter((b"y",)))


@pytest.mark.parametrize(
    ("made", "again"),
    [("NewTarFiles(Path('site.tar'))", write_tar), ("FolderFiles(Path('.'))", write_folder)],
    ids=["tar", "folder"],
)
def test_what_a_killed_one_left_goes(
    made: str, again: Callable[[Path], None], tmp_path: Path
) -> None:
    code = [sys.executable, "-c", KILLED.format(made=made)]
    assert subprocess.run(code, check=False, cwd=tmp_path).returncode == -signal.SIGKILL
    (left,) = (each for each in tmp_path.rglob(".*") if each.is_file())
    again(tmp_path)
    assert left.exists(), "it may be somebody's on a machine whose locks nobody sees"
    os.utime(left, (1e9, 1e9))
    again(tmp_path)
    assert not left.exists()


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    writing = NewTarFiles(tmp_path / "site.tar")
    (made,) = tmp_path.iterdir()
    os.utime(made, (1e9, 1e9))
    others = [tmp_path / name for name in (".site.tar.swp", ".site.tar.0123456", ".b.01234567")]
    for each in others:
        each.touch()
        os.utime(each, (1e9, 1e9))
    NewTarFiles(tmp_path / "site.tar").abandon()
    assert all(each.exists() for each in (made, *others))
    writing.end()
    assert (tmp_path / "site.tar").exists()
