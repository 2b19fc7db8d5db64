"""The guide to what a tag was and the way back, command by command."""

import re
import shlex
from pathlib import Path

import httpx
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import descriptor, dump, image, index, put_blob, put_image, put_manifest

GUIDE = Path(__file__).parents[2] / "docs" / "rollback.md"
APP = "team/app"

_blocks = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE).findall


def push_index(client: httpx.Client, tag: str, layer: bytes) -> None:
    """An image for arm64 alone."""
    made = image(layer)
    for part in (b"{}", layer):
        put_blob(client, APP, part)
    put_manifest(client, APP, descriptor(dump(made))["digest"], made)
    listed = index(made)
    listed["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm64"}
    put_manifest(client, APP, tag, listed)


def test_the_guide(desk: Desk) -> None:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        digests = [put_image(client, APP, "prod", layer) for layer in (b"a", b"b", b"a", b"c")]
        for tag in ("1.0", "1.1"):
            push_index(client, tag, tag.encode())
    second = desk.json("tag", "history", APP, "prod")[2]
    said = {}
    for line in "".join(_blocks(GUIDE.read_text("utf-8"))).splitlines():
        if line.startswith("$ "):
            words = line.removeprefix("$ entrepot ").replace("4688", str(second["number"]))
            words = words.replace("2026-11-25T14:00", second["at"])
            sure = ["--yes"] if "rollback" in words and "--yes" not in words else []
            said[words] = desk.good(*shlex.split(words), *sure)
    assert len(said) == 8
    shown = next(text for words, text in said.items() if "--at" in words)
    assert digests[1] in shown
    back = [text for words, text in said.items() if "rollback" in words]
    assert [digests[0][:19] in back[0], digests[1][:19] in back[1]] == [True, True]
    newest, second, *_ = desk.json("tag", "history", APP, "prod")
    assert (newest["new"], newest["reason"]) == (digests[1], "that was the right one")
    assert (second["new"], second["reason"]) == (digests[0], "errors at checkout")
