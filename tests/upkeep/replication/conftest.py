"""Registries that copy to each other."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.content import EMPTY, descriptor, digest, dump, image, index, put_blob, put_manifest
from tests.registry import MANIFESTS
from tests.served import Served, serving
from tests.upstream.peer import docker_registry
from tests.waiting import until

from entrepot.db import jobs, place, replication_tags, replications
from entrepot.db.audit import By, Event
from entrepot.db.changes import record_access
from entrepot.db.generation import Generation
from entrepot.db.replication_tags import Item, Standing
from entrepot.db.replications import Direction, Replication

Office = Callable[..., Served]
"""Serves a registry that may copy to this machine: `office("near")`."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with ExitStack() as stack:

        def serve(name: str, **settings: Any) -> Served:
            chosen = {"outbound_allow": ("127.0.0.0/8",), "upkeep_pause": 0.2, **settings}
            return stack.enter_context(serving(tmp_path / name, "own", **chosen))

        yield serve


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[str]:
    """The URL of a docker-registry."""
    with docker_registry(tmp_path / "peer") as address:
        yield f"http://{address}"


def rule(folder: Path, name: str, url: str, pattern: str = "team/*", **more: Any) -> None:
    """Make a rule, in the database."""
    made = Replication(name, more.pop("direction", Direction.PUSH), url, pattern, **more)
    where = place.find(folder, "")
    where.prepare()
    with closing(where.connect()) as db, db.exclusive():
        replications.add(db, made)
    tell(folder)


def tell(folder: Path) -> None:
    """Have the registry see at once what was written past it."""
    with closing(place.find(folder, "").connect()) as db, db.exclusive():
        jobs.ask(db, "replication")
        record_access(db, Event("test", By("test")))
    with closing(Generation(folder)) as generation:
        generation.bump()


def compare(folder: Path, name: str) -> None:
    """Ask for a compare, and wait for it."""
    with closing(place.find(folder, "").connect()) as db:
        asked = time.time()
        with db.exclusive():
            replications.ask(db, name, asked)
        tell(folder)
        until(lambda: (found(folder, name).compared_at or 0) >= asked, lambda: found(folder, name))


def found(folder: Path, name: str) -> Replication:
    with closing(place.find(folder, "").connect()) as db:
        rule = replications.find(db, name)
        assert rule is not None
        return rule


def standing(folder: Path, name: str) -> Standing:
    with closing(place.find(folder, "").connect()) as db:
        return replication_tags.standing(db, name)


def items(folder: Path, name: str) -> list[Item]:
    with closing(place.find(folder, "").connect()) as db:
        return replication_tags.page(db, name, None, ("", ""), 1000)


def still(folder: Path, name: str) -> None:
    """Wait until all has been compared and nothing waits."""
    until(
        lambda: found(folder, name).compared_at and not standing(folder, name).waiting,
        lambda: (found(folder, name), items(folder, name)),
    )


def document(url: str, repository: str, reference: str) -> httpx.Response:
    return httpx.get(f"{url}/v2/{repository}/manifests/{reference}", headers={"accept": MANIFESTS})


def held(url: str, repository: str, tag: str) -> str | None:
    """What a tag is."""
    answer = document(url, repository, tag)
    if answer.status_code in (404, 500):  # docker-registry's, while it writes where the tag points
        return None
    assert answer.status_code == 200, answer.text
    return digest(answer.content)


def whole(url: str, repository: str, reference: str) -> set[str]:
    """Digests of all that an image consists of, each of which is there, and is what it says."""
    answer = document(url, repository, reference)
    assert answer.status_code == 200, (reference, answer.text)
    seen = {digest(answer.content)}
    parts = answer.json()
    for child in parts.get("manifests", ()):
        seen |= whole(url, repository, child["digest"])
    for blob in (*parts.get("layers", ()), *([parts["config"]] if "config" in parts else ())):
        content = httpx.get(f"{url}/v2/{repository}/blobs/{blob['digest']}", follow_redirects=True)
        assert digest(content.content) == blob["digest"]
        seen.add(blob["digest"])
    return seen


def referrers(url: str, repository: str, reference: str) -> list[str]:
    """What refers to a manifest, by the API or, where there is none, by the tag for that."""
    answer = httpx.get(f"{url}/v2/{repository}/referrers/{reference}")
    if answer.status_code == 404:
        answer = document(url, repository, reference.replace(":", "-"))
    return [each["digest"] for each in answer.json()["manifests"]]


def give(http: httpx.Client, repository: str, tag: str, *layers: bytes) -> str:
    """Push an image to any registry; its digest."""
    for part in (EMPTY, *layers):
        begun = http.post(f"/v2/{repository}/blobs/uploads/")
        answer = http.put(begun.headers["location"], params=_with_digest(begun, part), content=part)
        assert answer.status_code == 201, answer.text
    return put_manifest(http, repository, tag, image(*layers)).headers["docker-content-digest"]


def _with_digest(begun: httpx.Response, part: bytes) -> httpx.QueryParams:
    return httpx.URL(begun.headers["location"]).params.set("digest", digest(part))


SIGNATURE = b'{"signed": true}'


def push_index(http: httpx.Client, repository: str, tag: str, *layers: bytes) -> str:
    """An index of as many images as there are layers."""
    images = [image(layer) for layer in layers]
    for part in (EMPTY, *layers):
        put_blob(http, repository, part)
    for each in images:
        put_manifest(http, repository, digest(dump(each)), each)
    root = index(*images)
    put_manifest(http, repository, tag, root)
    return digest(dump(root))


def sign(http: httpx.Client, repository: str, reference: str, word: bytes = SIGNATURE) -> str:
    """A referrer of a manifest; its digest."""
    path = f"/v2/{repository}/manifests/{reference}"
    answer = http.get(path, headers={"accept": MANIFESTS})
    subject = descriptor(answer.content, answer.headers["content-type"])
    for part in (EMPTY, word):
        put_blob(http, repository, part)
    made = image(word, subject=subject)
    put_manifest(http, repository, digest(dump(made)), made)
    return digest(dump(made))
