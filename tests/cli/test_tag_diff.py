"""`entrepot tag diff`, as one reads it."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import fresh
from tests.cli.desk import Desk
from tests.content import EMPTY, descriptor, dump, image, put_blob, put_image, put_manifest

SPDX = "application/spdx+json"


class Pushed:
    """Two images, `1` and `2`."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.app = f"{fresh('differ')}/app"
        history = [{"created_by": "ADD base"}, {"created_by": "RUN make \x1b[31mred"}]
        first = {"config": {"User": "root", "Env": ["A=1", "B=2"]}}
        second = {"config": {"User": "app", "Env": ["B=3", "C=4"]}, "history": history}
        self.one = put_image(client, self.app, "1", b"base", b"old", config=dump(first))
        self.two = put_image(client, self.app, "2", b"base", b"x" * 4096, config=dump(second))

    def attach(self, digest: str, packages: Any) -> None:
        content = dump({"spdxVersion": "SPDX-2.3", "packages": packages})
        put_blob(self.client, self.app, content)
        put_blob(self.client, self.app, EMPTY)
        found = self.client.get(f"/v2/{self.app}/manifests/{digest}")
        artifact = {
            **image(),
            "artifactType": SPDX,
            "layers": [descriptor(content, SPDX)],
            "subject": descriptor(found.content, found.headers["content-type"]),
        }
        put_manifest(self.client, self.app, descriptor(dump(artifact))["digest"], artifact)


@pytest.fixture
def pushed(desk: Desk) -> Iterator[Pushed]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        yield Pushed(client)


def test_what_differs(desk: Desk, pushed: Pushed) -> None:
    said = desk.good("tag", "diff", pushed.app, "1", "2").splitlines()
    old, new = (descriptor(each)["digest"][:19] for each in (b"old", b"x" * 4096))
    size = said.pop(2)
    assert size.startswith("size: ")
    assert size.endswith("KiB (+4.1 KiB)"), size
    assert said == [
        f"{pushed.app}: from 1 to 2",
        f"digest: {pushed.one[:19]} -> {pushed.two[:19]}",
        "layers: 1 shared (4 B)",
        f"  - {old}  3 B",
        f"  + {new}  4.0 KiB  RUN make \\x1b[31mred",
        "configuration:",
        "  ~ User: root -> app",
        "environment:",
        "  - A: 1",
        "  ~ B: 2 -> 3",
        "  + C: 4",
        "packages: not known, since no SBOM is attached to either",
    ]
    found = desk.json("tag", "diff", pushed.app, "1", "2")
    assert (found["old"]["digest"], found["new"]["digest"]) == (pushed.one, pushed.two)
    same = desk.good("tag", "diff", pushed.app, "1", pushed.one).splitlines()
    assert same[1:] == [f"digest: {pushed.one[:19]}, both"]
    told = desk.bad("tag", "diff", pushed.app, "1", "1~3")
    assert told == f"{pushed.app}:1~3: it did not move so often"


def test_packages(desk: Desk, pushed: Pushed) -> None:
    def last() -> list[str]:
        said = desk.good("tag", "diff", pushed.app, "1", "2").splitlines()
        return said[next(i for i, line in enumerate(said) if line.startswith("packages")) :]

    pushed.attach(pushed.one, [{"name": "curl", "versionInfo": "8.1"}])
    assert last() == ["packages: not known, since no SBOM is attached to the second"]
    pushed.attach(pushed.two, [{"name": "curl", "versionInfo": "8.1"}])
    assert last() == ["packages: the same"]
    pushed.attach(pushed.two, [{"name": "curl", "versionInfo": "8.2"}])
    assert last() == ["packages:", "  ~ curl: 8.1 -> 8.2"]
