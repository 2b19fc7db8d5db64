"""Random walks through the upload protocol, each step compared with a model of a few lines."""

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    multiple,
    rule,
    run_state_machine_as_test,
)
from tests.content import digest
from tests.served import codes, name, serving

from entrepot.db.pieces import SMALL

sizes = st.sampled_from([0, 1, 5, 1000, SMALL - 1, SMALL, SMALL + 1, 70_000])
seeds = st.integers(0, 5)
algorithms = st.sampled_from(["sha256", "sha512"])
repositories = st.integers(0, 1)
methods = st.sampled_from(["GET", "PATCH", "PUT", "DELETE"])


def piece(size: int, seed: int) -> bytes:
    return bytes([seed + 65]) * size


class Uploads(RuleBasedStateMachine):
    """Two repositories; `open` has the uploads' bytes, `blobs` what each repository links."""

    client: ClassVar[httpx.Client]
    uploads = Bundle("uploads")

    def __init__(self) -> None:
        super().__init__()
        base = name("walk")
        self.names = [base, f"{base}/other"]
        self.open: dict[str, bytes] = {}
        self.blobs: list[dict[str, bytes]] = [{}, {}]
        self.seen: dict[str, bytes] = {}

    def _blob(self, where: int, found: str) -> str:
        return f"/v2/{self.names[where]}/blobs/{found}"

    def _owner(self, location: str) -> int:
        return max(
            (0, 1), key=lambda n: len(self.names[n]) * location.startswith(f"/v2/{self.names[n]}/b")
        )

    def _gone(self, location: str, method: str) -> None:
        answer = self.client.request(method, location, params={"digest": digest(b"")})
        assert (answer.status_code, codes(answer.content)) == (404, ["BLOB_UPLOAD_UNKNOWN"])

    def _link(self, where: int, found: str, content: bytes) -> None:
        self.blobs[where][found] = self.seen[found] = content

    @rule(target=uploads, where=repositories, algorithm=algorithms)
    def post(self, where: int, algorithm: str) -> str:
        address = f"/v2/{self.names[where]}/blobs/uploads/"
        answer = self.client.post(address, params={"digest-algorithm": algorithm})
        assert answer.status_code == 202
        location: str = answer.headers["location"]
        self.open[location] = b""
        return location

    @rule(where=repositories, algorithm=algorithms, size=sizes, seed=seeds, right=st.booleans())
    def post_whole(self, where: int, algorithm: str, size: int, seed: int, *, right: bool) -> None:
        content = piece(size, seed)
        found = digest(content if right else content + b"?", algorithm)
        address = f"/v2/{self.names[where]}/blobs/uploads/"
        answer = self.client.post(address, params={"digest": found}, content=content)
        assert answer.status_code == (201 if right else 400)
        if right:
            self._link(where, found, content)

    @rule(location=uploads, size=sizes, seed=seeds, chunked=st.booleans())
    def patch(self, location: str, size: int, seed: int, *, chunked: bool) -> None:
        content = piece(size, seed)
        body: bytes | Iterator[bytes] = iter([content]) if chunked else content
        assert self.client.patch(location, content=body).status_code == 202
        self.open[location] += content
        self._stands(location)

    @rule(location=uploads, size=sizes, seed=seeds, off=st.sampled_from([0, 0, 0, -1, 1, 1000]))
    def patch_chunk(self, location: str, size: int, seed: int, off: int) -> None:
        start = max(0, len(self.open[location]) + off)
        content = piece(max(1, size), seed)
        where = {"content-range": f"{start}-{start + len(content) - 1}"}
        answer = self.client.patch(location, content=content, headers=where)
        if start == len(self.open[location]):
            assert answer.status_code == 202
            self.open[location] += content
        else:
            assert (answer.status_code, codes(answer.content)) == (416, ["BLOB_UPLOAD_INVALID"])
        self._stands(location)

    def _stands(self, location: str) -> None:
        answer = self.client.get(location)
        last = max(0, len(self.open[location]) - 1)
        assert (answer.status_code, answer.headers["range"]) == (204, f"0-{last}")

    @rule(
        location=consumes(uploads),
        size=sizes,
        seed=seeds,
        algorithm=algorithms,
        right=st.sampled_from([1, 1, 1, 0]),
        after=methods,
    )
    def put(
        self, location: str, size: int, seed: int, algorithm: str, right: int, after: str
    ) -> None:
        last = piece(size, seed)
        content = self.open.pop(location) + last
        found = digest(content if right else content + b"?", algorithm)
        answer = self.client.put(location, params={"digest": found}, content=last)
        if right:
            assert answer.status_code == 201
            assert answer.headers["docker-content-digest"] == found
            self._link(self._owner(location), found, content)
        else:
            assert (answer.status_code, codes(answer.content)) == (400, ["DIGEST_INVALID"])
        self._gone(location, after)

    @rule(location=consumes(uploads), after=methods)
    def cancel(self, location: str, after: str) -> None:
        del self.open[location]
        assert self.client.delete(location).status_code == 204
        self._gone(location, after)

    @rule(target=uploads, where=repositories, data=st.data())
    def mount(self, where: int, data: st.DataObject) -> object:
        if not self.seen:
            return multiple()
        found = data.draw(st.sampled_from(sorted(self.seen)))
        wanted = {"mount": found, "from": self.names[1 - where]}
        answer = self.client.post(f"/v2/{self.names[where]}/blobs/uploads/", params=wanted)
        if found in self.blobs[1 - where]:
            assert answer.status_code == 201
            self._link(where, found, self.seen[found])
            return multiple()
        assert answer.status_code == 202
        location: str = answer.headers["location"]
        self.open[location] = b""
        return location

    @rule(where=repositories, delete=st.sampled_from([0, 0, 1]), data=st.data())
    def pull(self, where: int, delete: int, data: st.DataObject) -> None:
        if not self.seen:
            return
        found = data.draw(st.sampled_from(sorted(self.seen)))
        address, content = self._blob(where, found), self.blobs[where].get(found)
        answer, head = self.client.get(address), self.client.head(address)
        assert answer.status_code == head.status_code == (404 if content is None else 200)
        assert content is None or answer.content == content
        if delete:
            gone = self.client.delete(address)
            assert gone.status_code == (404 if content is None else 202)
            self.blobs[where].pop(found, None)
            assert self.client.get(address).status_code == 404

    def teardown(self) -> None:
        for where, linked in enumerate(self.blobs):
            for found, content in linked.items():
                assert self.client.get(self._blob(where, found)).content == content


@pytest.fixture(scope="module")
def walked() -> Iterator[None]:
    """One server for all the walks; each has repositories of its own."""
    with TemporaryDirectory() as folder, serving(Path(folder), "own", upkeep_pause=0.05) as served:
        Uploads.client = served.client
        yield


@pytest.mark.usefixtures("walked")
def test_uploads() -> None:
    run_state_machine_as_test(
        Uploads,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            derandomize="CI" in os.environ,
            suppress_health_check=list(HealthCheck),
        ),
    )
