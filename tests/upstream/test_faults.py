"""Registries that break off, are busy, lie, or lead elsewhere."""

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tests.content import EMPTY, OCI_INDEX, OCI_MANIFEST, digest, dump, image
from tests.upstream.scripted import Answer, Asked, Say, Scripted, scripted

from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Repository
from entrepot.upstream.access import Credential
from entrepot.upstream.copying import Copier, plan
from entrepot.upstream.http import Http
from entrepot.upstream.opened import At, Places
from entrepot.upstream.place import Blob, BrokenError, ReferrersError, UpstreamError
from entrepot.upstream.registry import RegistryRepository

LAYER = Random(7).randbytes(3_000_000)
MANIFEST = dump(image(LAYER))
FOUND = {"content-type": OCI_MANIFEST, "docker-content-digest": digest(MANIFEST)}
LOGIN = Credential("alice", "secret-of-alice")


def good(asked: Asked) -> Say:
    path = asked.path
    if path.endswith(("/manifests/1", f"/manifests/{digest(MANIFEST)}")):
        return Say(200, MANIFEST, FOUND)
    for part in (EMPTY, LAYER):
        if path.endswith(f"/blobs/{digest(part)}"):
            start = int(asked.headers.get("range", "bytes=0-")[6:-1])
            return Say(206 if start else 200, part[start:])
    return Say(404)


@contextmanager
def registry(answer: Answer) -> Iterator[tuple[Scripted, Places]]:
    with scripted(answer) as found, closing(Places(lambda *_: LOGIN, replace=False)) as places:
        yield found, places


def copy(places: Places, address: str, folder: Path) -> None:
    source, reference = places.source(At.parse(f"{address}/team/app:1"))
    target = places.target(At.parse(f"oci:{folder}:app"))
    with closing(Copier()) as copier:
        copier.copy(plan(source, reference), source, target, "app")
    places.finish()


def layer(folder: Path) -> bytes:
    return (folder / "blobs" / digest(LAYER).replace(":", "/")).read_bytes()


def test_what_breaks_off_goes_on_where_it_was(tmp_path: Path) -> None:
    def breaks(asked: Asked) -> Say:
        say = good(asked)
        if asked.path.endswith(digest(LAYER)) and len(say.body) > 1_000_000:
            return Say(say.status, say.body, cut=900_000)
        return say

    with registry(breaks) as (found, places):
        copy(places, found.address, tmp_path)
        asked = [x.headers.get("range") for x in found.asked if x.path.endswith(digest(LAYER))]
    assert layer(tmp_path) == LAYER
    assert asked == [None, "bytes=900000-", "bytes=1800000-", "bytes=2700000-"]


def test_an_upload_that_cannot_be_ended_ends_no_copy() -> None:
    """Whoever does not mount begins one, which some registries let nobody cancel."""

    def begins(asked: Asked) -> Say:
        place = {"location": "/v2/team/app/blobs/uploads/1"}
        return Say(202, headers=place) if asked.method == "POST" else good(asked)

    with registry(begins) as (found, places):
        one, other = (places.repository(At.parse(f"{found.address}/team/{x}")) for x in ("a", "b"))
        assert not one.mount(Blob(Digest.parse(digest(LAYER)), len(LAYER)), other)


@pytest.mark.parametrize("status", [200, 201, 202, 204, 307, 404])
def test_how_registries_say_that_they_keep_something(status: int) -> None:
    def takes(asked: Asked) -> Say:
        if asked.method == "POST":
            return Say(202, headers={"location": "/v2/team/app/blobs/uploads/1"})
        return Say(status, headers={"location": "/v2/team/app"})

    with registry(takes) as (found, places):
        there = places.repository(At.parse(f"{found.address}/team/app"))
        blob, manifest = (
            Blob(Digest.parse(digest(LAYER)), len(LAYER)),
            Manifest.read(MANIFEST, OCI_MANIFEST),
        )
        if status < 300:
            there.put_blob(blob, iter([LAYER]))
            there.put_manifest(manifest, "1")
        else:
            with pytest.raises(BrokenError, match=f"lost an upload: HTTP status {status}"):
                there.put_blob(blob, iter([LAYER]))
            with pytest.raises(UpstreamError, match="did not take 1"):
                there.put_manifest(manifest, "1")


@pytest.mark.parametrize("twin", [False, True])
def test_what_a_registry_does_for_nobody_is_told(twin: bool) -> None:
    """As one that is read-only, or where deletion is turned off; some delete whole images alone."""

    def reads(asked: Asked) -> Say:
        if asked.method in ("POST", "DELETE"):
            return Say(405, b'{"errors": [{"message": "The operation is unsupported."}]}')
        if asked.path.startswith("/v2/team/app/tags/list"):
            return Say(200, dump({"name": "team/app", "tags": ["1", "2"] if twin else ["1"]}))
        return good(replace(asked, path=asked.path.replace("/manifests/2", "/manifests/1")))

    with registry(reads) as (found, places):
        there = places.repository(At.parse(f"{found.address}/team/app"))
        why = r" \(127.0.0.1:[0-9]+: The operation is unsupported.\)$"
        with pytest.raises(UpstreamError, match=f"takes no pushes: it is read-only, or .*{why}"):
            there.put_blob(Blob(Digest.parse(digest(LAYER)), len(LAYER)), iter([LAYER]))
        says = "1 alone, and another tag is the same image" if twin else "delete 1 there by hand"
        with pytest.raises(UpstreamError, match=says + why):
            there.delete_tag("1")


def test_a_list_that_lies_elsewhere_goes_on_there() -> None:
    """As those of registry.k8s.io, which leads to others and forgets what was asked for."""

    def there(asked: Asked) -> Say:
        if asked.path == "/v2/deeper/team/app/tags/list":
            more = {"link": '</v2/deeper/team/app/tags/list?last=1>; rel="next"'}
            return Say(200, dump({"tags": ["1"]}), more)
        return Say(200, dump({"tags": ["2"]}))

    with registry(there) as (other, _):

        def leads(asked: Asked) -> Say:
            where = f"http://{other.address}/v2/deeper/team/app/tags/list"
            return Say(307, headers={"location": where})

        with registry(leads) as (found, places):
            assert places.repository(At.parse(f"{found.address}/team/app")).tags(3) == ["1", "2"]
        assert [each.headers.get("authorization") for each in other.asked] == [None, None]


def silent_of_signatures(asked: Asked) -> Say:
    """As a cache whose upstream is down, which has the image and knows of no signatures."""
    later = Say(503, headers={"retry-after": "600"})
    return later if "/sha256-" in asked.path or "/referrers/" in asked.path else good(asked)


def test_who_does_not_say_what_refers_to_an_image(tmp_path: Path) -> None:
    with registry(silent_of_signatures) as (found, places):
        said = r"signatures .* cannot be looked for: .*503"
        with pytest.raises(ReferrersError, match=said) as why:
            copy(places, found.address, tmp_path)
        assert (why.value.status, why.value.wait) == (503, 600)


WITHOUT_RANGES: dict[str, Say] = {
    "all": Say(200, LAYER),
    "refused": Say(416),
    "unknown": Say(501),
    "all as a part": Say(206, LAYER, {"content-range": f"bytes 0-2999999/{len(LAYER)}"}),
    "another part": Say(206, LAYER[2_500_000:], {"content-range": "bytes 2500000-2999999/3000000"}),
}


@pytest.mark.parametrize("says", WITHOUT_RANGES.values(), ids=WITHOUT_RANGES)
def test_who_has_no_ranges_is_read_again(says: Say, tmp_path: Path) -> None:
    cut = iter([1_000_000, 2_000_000])

    def breaks(asked: Asked) -> Say:
        if asked.path.endswith(digest(LAYER)):
            if "range" in asked.headers and says.body != LAYER:
                return says
            return replace(says if "range" in asked.headers else Say(200, LAYER), cut=next(cut, 0))
        return good(asked)

    with registry(breaks) as (found, places):
        copy(places, found.address, tmp_path)
    assert layer(tmp_path) == LAYER


@pytest.mark.parametrize("status", [429, 503])
def test_who_is_busy_is_asked_again(status: int, tmp_path: Path) -> None:
    busy = iter([True, True])

    def answer(asked: Asked) -> Say:
        return Say(status) if next(busy, False) else good(asked)

    with registry(answer) as (found, places):
        copy(places, found.address, tmp_path)
    assert layer(tmp_path) == LAYER


def test_who_says_much_later_is_not_waited_for(tmp_path: Path) -> None:
    def answer(_: Asked) -> Say:
        return Say(429, b'{"errors": [{"message": "pull rate limit"}]}', {"retry-after": "3600"})

    with registry(answer) as (found, places):
        with pytest.raises(BrokenError, match="pull rate limit"):
            copy(places, found.address, tmp_path)
        assert len(found.asked) == 1


@pytest.mark.parametrize("lie", [LAYER[:-1] + b"x", LAYER[:-1], LAYER + b"x"])
def test_what_is_not_its_digest_is_not_kept(lie: bytes, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        return Say(200, lie) if asked.path.endswith(digest(LAYER)) else good(asked)

    with registry(answer) as (found, places), pytest.raises(UpstreamError):
        copy(places, found.address, tmp_path)
    with pytest.raises(FileNotFoundError):
        layer(tmp_path)
    assert not (tmp_path / "index.json").exists()


@pytest.mark.parametrize("reference", ["1", digest(MANIFEST)])
def test_a_manifest_that_is_another_is_refused(reference: str, tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        return Say(200, dump(image(EMPTY)), FOUND)

    with registry(answer) as (found, places):
        source, _ = places.source(At.parse(f"{found.address}/team/app"))
        with pytest.raises(UpstreamError, match="somebody on the way, or the registry, changed it"):
            source.manifest(reference)


def test_a_login_goes_nowhere_else(tmp_path: Path) -> None:
    """A redirect is followed without it, as CVE-2026-33540 was not."""
    with scripted(good) as elsewhere:

        def answer(asked: Asked) -> Say:
            if "authorization" not in asked.headers:
                return Say(401, headers={"www-authenticate": 'Basic realm="here"'})
            if asked.path.endswith(digest(LAYER)):
                return Say(307, headers={"location": f"http://{elsewhere.address}{asked.path}"})
            return good(asked)

        with registry(answer) as (found, places):
            copy(places, found.address, tmp_path)
        assert layer(tmp_path) == LAYER
        assert [each.headers.get("authorization") for each in elsewhere.asked] == [None]


@pytest.mark.parametrize("realm", ["http://198.51.100.7/token", "ftp://token", ""])
def test_a_password_goes_to_no_token_service_without_tls(realm: str, tmp_path: Path) -> None:
    """As CVE-2020-13788 had it."""

    def answer(_: Asked) -> Say:
        return Say(401, headers={"www-authenticate": f'Bearer realm="{realm}",service="x"'})

    with (
        registry(answer) as (found, places),
        pytest.raises(UpstreamError, match="which is no https"),
    ):
        copy(places, found.address, tmp_path)


def test_a_token_is_asked_for_once_for_each_scope(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        if asked.path.startswith("/token"):
            return Say(200, b'{"token": "good"}')
        if asked.headers.get("authorization") != "Bearer good":
            realm = f"http://{asked.headers['host']}/token"
            return Say(401, headers={"www-authenticate": f'Bearer realm="{realm}",service="s"'})
        return good(asked)

    with registry(answer) as (found, places):
        copy(places, found.address, tmp_path)
        tokens = [each for each in found.asked if each.path.startswith("/token")]
    assert [each.path for each in tokens] == [
        "/token?service=s&scope=repository%3Ateam%2Fapp%3Apull"
    ]
    assert tokens[0].headers["authorization"] == LOGIN.basic


def test_an_index_whose_children_are_others_is_refused(tmp_path: Path) -> None:
    def answer(asked: Asked) -> Say:
        deeper = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [
                {"mediaType": OCI_MANIFEST, "digest": f"sha256:{n:064x}", "size": 9}
                for n in range(3)
            ],
        }
        return Say(200, dump(deeper), {"content-type": OCI_INDEX})

    with registry(answer) as (found, places), pytest.raises(UpstreamError):
        copy(places, found.address, tmp_path)


@pytest.mark.parametrize("name", ["../../outside", "sha256/../../outside"])
def test_a_layout_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    layout = tmp_path / "layout"
    (layout / "blobs").mkdir(parents=True)
    (layout / "oci-layout").write_text("{}")
    entry = {"mediaType": OCI_MANIFEST, "digest": f"sha256:{name}", "size": 6}
    (layout / "index.json").write_text(dump({"manifests": [entry]}).decode())
    with (
        closing(Places(lambda *_: None, replace=False)) as places,
        pytest.raises(UpstreamError, match="cannot be read"),
    ):
        places.source(At.parse(f"oci:{layout}"))


def test_a_link_in_a_layout_is_no_blob(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(dump(image(EMPTY)))
    layout = tmp_path / "layout"
    place = layout / "blobs" / digest(secret.read_bytes()).replace(":", "/")
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    (layout / "oci-layout").write_text("{}")
    entry = {"mediaType": OCI_MANIFEST, "digest": digest(secret.read_bytes()), "size": 6}
    (layout / "index.json").write_text(dump({"manifests": [entry]}).decode())
    with closing(Places(lambda *_: None, replace=False)) as places:
        source, _ = places.source(At.parse(f"oci:{layout}"))
        with pytest.raises(UpstreamError, match="has no blobs/"):
            source.manifest("")


def test_a_registry_that_stores_slowly_is_waited_for() -> None:
    def slow(asked: Asked) -> Say:
        if asked.method == "POST":
            return Say(202, headers={"location": "/v2/app/blobs/uploads/1"})
        if asked.method == "PUT":
            threading.Event().wait(1.5)
            return Say(201)
        return Say(404)

    with scripted(slow) as server, closing(Http(f"http://{server.address}", timeout=0.5)) as http:
        there = RegistryRepository(http, Repository("app"))
        there.put_blob(Blob(Digest.of(EMPTY), len(EMPTY)), iter((EMPTY,)))
        there.put_manifest(Manifest.read(dump(image(EMPTY)), ""), "1")
        puts = server.paths("PUT")
        assert len(puts) == 2, "what takes longer than an answer may was sent again"
