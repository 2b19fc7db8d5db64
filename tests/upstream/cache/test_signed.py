"""A project that demands signatures, and stands for another registry: it asks there for them."""

import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.admin import office
from tests.content import EMPTY, OCI_MANIFEST, descriptor, digest, dump, image, index
from tests.registry import MANIFESTS, StartRegistry
from tests.served import Served
from tests.signatures.signed import (
    COSIGN_ARTIFACT,
    curve,
    payload,
    pem,
    signature,
    signing,
    simple,
    tag_of,
)
from tests.signatures.test_cosign_made import MADE
from tests.signatures.test_judge import jws, of
from tests.upstream.cache.conftest import Caching, stand_for
from tests.upstream.cache.shop import Shop, opened
from tests.upstream.cache.test_fetching import APP, manifest
from tests.upstream.cache.test_processes import ALLOW
from tests.upstream.cache.test_stale import TROUBLES, rows
from tests.upstream.scripted import Say, Scripted
from tests.waiting import until
from tests.warm import entrepot

from entrepot.db import engine, signers
from entrepot.db.signers import Demand, Signer
from entrepot.oci.digest import Digest
from entrepot.signatures.evidence import JOSE
from entrepot.signatures.found import NOTATION
from entrepot.upstream.referring import stand_in

IMAGE = MADE["image"]["manifest"].encode()
DIGEST = digest(IMAGE)
KEY = json.dumps({"pem": MADE["key"]})
OWN = curve()


def demand(folder: Path, terms: str = KEY, kind: str = "key") -> None:
    """Have all of hub be signed by one signer."""
    with closing(engine.connect(folder)) as db, db.exclusive():
        signers.put(db, Signer("hub", "ci", "hub/*", kind, terms), "test")
        signers.demand(db, Demand("hub", "hub/*", ("ci",)), "test")


def stock(shop: Shop) -> None:
    """Give it the image, and nothing that signs it."""
    shop.tags, shop.manifests = {"1": IMAGE}, [IMAGE]
    shop.blobs = [each.encode() for each in MADE["image"]["blobs"]]


def signed(shop: Shop, how: str = "tag") -> None:
    """Sign it as cosign did."""
    made = MADE[how]
    content = made["manifest"].encode()
    shop.blobs += [each.encode() for each in made["blobs"]]
    if made["tag"]:
        shop.tags[made["tag"]] = content
        shop.manifests.append(content)
    else:
        shop.referrers.append(content)
        shop.manifests.append(content)


def referring(shop: Shop, subject: str, kind: str, layer: str, content: bytes) -> None:
    """Attach a document, as notation does it."""
    shop.blobs += [content, EMPTY]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [descriptor(content, layer)],
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
    }
    shop.referrers.append(dump(document))
    shop.manifests.append(dump(document))


def serve(caching: Caching, server: Scripted, **more: object) -> Served:
    served = caching(server.address, **more)
    demand(served.folder)
    return served


@pytest.mark.parametrize("has_api", [True, False], ids=["api", "fallback"])
@pytest.mark.parametrize("how", ["tag", "referrer", "bundle"])
def test_what_is_signed_upstream_is_admitted_at_first(
    how: str, has_api: bool, caching: Caching
) -> None:
    with opened() as (shop, server):
        shop.has_api = has_api
        stock(shop)
        signed(shop, how)
        client = serve(caching, server).client
        for reference in ("1", DIGEST, "1"):
            found = manifest(client, reference)
            assert (found.status_code, found.content) == (200, IMAGE)
        asked = Counter(server.paths())
        assert set(asked.values()) == {1}
        before = len(server.asked)
        assert manifest(client, "1").content == IMAGE
        assert len(server.asked) == before


def test_notations_signature_is_found_too(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        referring(shop, DIGEST, NOTATION, JOSE, jws(DIGEST))
        referring(shop, DIGEST, "text/sbom", "text/plain", b"what it is made of")
        served, known = caching(server.address), of()
        demand(served.folder, json.dumps({"ca": known.ca, "subject": known.subject}), "notation")
        assert manifest(served.client).content == IMAGE
        fetched = rows(served, "select count(*) from manifest where artifact_type = 'text/sbom'")
        assert fetched == [(0,)], "what signs nothing was fetched"


def test_it_is_found_on_a_later_page(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        for number in range(5):
            referring(shop, DIGEST, "text/sbom", "text/plain", b"%d" % number)
        signed(shop, "bundle")
        shop.page = 2
        assert manifest(serve(caching, server).client).content == IMAGE


def test_what_nobody_signed_is_refused_with_words(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        client = serve(caching, server).client
        for _ in range(3):
            found = manifest(client)
            assert found.status_code == 403
        error = found.json()["errors"][0]
        assert error["code"] == "DENIED"
        assert (
            "has no good signature of ci, which project hub demands for pulls, and the registry "
            "that it stands for has none either: have it signed, or see what it has by "
            f"`entrepot verify {APP}@{DIGEST}`" in error["message"]
        )
        assert set(Counter(server.paths()).values()) == {1}, "it was looked for again at once"


def test_another_ones_signature_opens_nothing(caching: Caching) -> None:
    """Nor does one of another image, under this one's tag."""
    with opened() as (shop, server):
        stock(shop)
        signed(shop)
        served = caching(server.address)
        demand(served.folder, json.dumps({"pem": pem(OWN)}))
        assert manifest(served.client).status_code == 403
        other = dump(image(config=EMPTY))
        shop.tags |= {"2": other, tag_of(digest(other)): MADE["tag"]["manifest"].encode()}
        assert manifest(served.client, "2").status_code == 403


@pytest.mark.parametrize("how", ["tag", "referrer", "bundle"])
def test_a_signature_that_comes_later_is_found(how: str, caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        client = serve(caching, server, tag_seconds=0.5).client
        assert manifest(client).status_code == 403
        signed(shop, how)
        deadline = time.monotonic() + 60
        while manifest(client).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_it_is_found_though_a_clock_was_wrong_when_it_was_looked_for(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        served = serve(caching, server, tag_seconds=0.5)
        assert manifest(served.client).status_code == 403
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            db.execute("update upstream_check set checked_at = checked_at + 1e8")
        signed(shop, "referrer")
        until(lambda: manifest(served.client).status_code == 200)


def test_one_is_added_to_those_under_the_tag(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        signed(shop)
        served = caching(server.address, tag_seconds=0.5)
        demand(served.folder, json.dumps({"pem": pem(OWN)}))
        assert manifest(served.client).status_code == 403
        there, own = json.loads(MADE["tag"]["manifest"]), payload(DIGEST)
        more = signature(*there["layers"], simple(own, signing(OWN)))
        shop.tags[tag_of(DIGEST)] = dump(more)
        shop.manifests.append(dump(more))
        shop.blobs += [own, EMPTY]
        deadline = time.monotonic() + 60
        while manifest(served.client).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_an_indexs_signature_covers_its_platforms(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        above = index(json.loads(IMAGE))
        above["manifests"] = [descriptor(IMAGE, OCI_MANIFEST)]
        top, own = dump(above), payload(digest(dump(above)))
        shop.tags["multi"] = top
        shop.manifests.append(top)
        served = caching(server.address, tag_seconds=3600)
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            signers.put(db, Signer("hub", "ci", "hub/*", "key", _terms()), "test")
        assert manifest(served.client, "multi").content == top  # before it is demanded
        shop.tags[tag_of(digest(top))] = dump(signature(simple(own, signing(OWN))))
        shop.blobs += [own, EMPTY]
        with closing(engine.connect(served.folder)) as db, db.exclusive():
            signers.demand(db, Demand("hub", "hub/*", ("ci",)), "test")
        other = caching(server.address, tag_seconds=3600)
        assert manifest(other.client, DIGEST).content == IMAGE
        assert manifest(other.client, "multi").content == top


def _terms() -> str:
    return json.dumps({"pem": pem(OWN)})


@pytest.mark.parametrize("reference", ["tag", "digest"])
def test_whoever_verifies_gets_the_signature_itself(reference: str, caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        signed(shop)
        client = serve(caching, server).client
        content = MADE["tag"]["manifest"].encode()
        asked = MADE["tag"]["tag"] if reference == "tag" else digest(content)
        assert manifest(client, asked).content == content
        assert len(server.paths()) == 2, "it was looked for what signs a signature"
        assert manifest(client, digest(IMAGE)).content == IMAGE


def test_an_image_under_cosigns_tag_is_no_signature(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        shop.tags[tag_of(f"sha256:{'a' * 64}")] = IMAGE
        client = serve(caching, server).client
        assert manifest(client, tag_of(f"sha256:{'a' * 64}")).status_code == 403


SIGNATURES = (tag_of(DIGEST), f"referrers/{DIGEST}")
"""How paths end by which it is asked for what signs the image."""


def test_a_drill_fetches_nothing(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        client = serve(caching, server).client
        assert manifest(client).status_code == 403
        signed(shop)
        before = len(server.asked)
        drill = {"accept": MANIFESTS, "cache-control": "only-if-cached"}
        assert client.get(f"/v2/{APP}/manifests/1", headers=drill).status_code == 403
        assert len(server.asked) == before


@pytest.mark.parametrize("says", TROUBLES.values(), ids=TROUBLES)
def test_what_may_be_signed_is_not_called_unsigned(says: Say, caching: Caching) -> None:
    """Nor is it served."""
    with opened() as (shop, server):
        stock(shop)
        signed(shop, "bundle")
        shop.says, shop.ends = says, SIGNATURES
        client = serve(caching, server).client
        for _ in range(3):
            found = manifest(client)
            assert found.status_code == 503
        assert "does not say whether there is one: " in found.text
        assert found.headers["retry-after"] == "10"
        assert len(server.asked) < 8, "it was asked again before its time"


@pytest.mark.parametrize("what", ["its tag", "what refers to it", "what it signs"])
def test_whoever_stands_before_a_registry_does_not_say_that_there_are_none(
    what: str, caching: Caching
) -> None:
    with opened() as (shop, server):
        stock(shop)
        own = payload(DIGEST)
        shop.tags[tag_of(DIGEST)] = dump(signature(simple(own, signing(OWN))))
        shop.blobs.append(own)
        shop.has_api = False
        served = caching(server.address, tag_seconds=0.5)
        key = pem(curve() if what == "what refers to it" else OWN)
        demand(served.folder, json.dumps({"pem": key}))
        lies = [tag_of(DIGEST), stand_in(Digest.parse(DIGEST)), digest(own)]
        at = ["its tag", "what refers to it", "what it signs"].index(what)
        shop.says, shop.ends = Say(404, b"<html>"), (lies[at],)
        found = manifest(served.client)
        assert found.status_code == 503
        assert "does not say whether there is one: " in found.text


def test_what_is_known_is_enough_where_upstream_is_dead(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        signed(shop)
        assert manifest(serve(caching, server, tag_seconds=0.1).client).content == IMAGE
    time.sleep(0.2)
    found = manifest(caching(server.address, tag_seconds=0.1).client)
    assert found.content == IMAGE
    assert "may be old" in found.headers["warning"]


def test_a_hanging_upstream_is_waited_for_no_longer_than_that(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        signed(shop)
        shop.hangs, shop.ends = threading.Event(), SIGNATURES
        client = serve(caching, server).client
        began = time.monotonic()
        found = manifest(client)
        assert found.status_code == 503
        assert "takes longer than 10 s" in found.text
        assert 9 < time.monotonic() - began < 60
        began = time.monotonic()
        assert manifest(client).status_code == 503
        assert time.monotonic() - began < 9, "it was waited for once more"
        shop.hangs.set()
        deadline = time.monotonic() + 60
        while manifest(client).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize("what", ["the signature", "what it signs"])
def test_a_lying_upstream_signs_nothing(what: str, caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        own = payload(DIGEST)
        content = dump(signature(simple(own, signing(OWN))))
        shop.tags[tag_of(DIGEST)] = content
        shop.blobs.append(own)
        lie = content if what == "the signature" else own
        shop.lies[digest(lie)] = lie + b" "
        served = caching(server.address)
        demand(served.folder, json.dumps({"pem": pem(OWN)}))
        found = manifest(served.client)
        assert found.status_code == 503
        assert "does not say whether there is one" in found.text
        kept = rows(served, "select digest from manifest order by id")
        assert (digest(content),) not in kept or lie is own
        assert rows(served, "select count(*) from repository_blob") == [(0,)]


def test_one_lie_hides_no_true_signature(caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        signed(shop)
        signed(shop, "bundle")
        content = MADE["tag"]["blobs"][1].encode()
        shop.lies[digest(content)] = content[:-1] + b" "
        assert manifest(serve(caching, server).client).content == IMAGE


def test_more_signatures_than_anybody_looks_at(
    caching: Caching, caplog: pytest.LogCaptureFixture
) -> None:
    with opened() as (shop, server):
        stock(shop)
        for number in range(120):
            referring(shop, DIGEST, COSIGN_ARTIFACT, "text/plain", b"%d" % number)
        client, deadline = serve(caching, server).client, time.monotonic() + 60
        while manifest(client).status_code == 503:  # a slow machine takes longer than one waits
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert manifest(client).status_code == 403
        assert len(server.paths()) < 110
        told = f"hub/team/app@{DIGEST}: {server.address} lists 120 signatures"
        assert any(each.startswith(told) for each in caplog.messages)


def crowd(url: str, nodes: int) -> Counter[int]:
    """How a first pull ended for each of many."""

    def one(_: int) -> int:
        with httpx.Client(base_url=url, timeout=60) as client:
            return manifest(client).status_code

    with ThreadPoolExecutor(nodes) as threads:
        return Counter(threads.map(one, range(nodes)))


@pytest.mark.parametrize("how", ["tag", "bundle", None])
def test_however_many_pull_at_first_each_is_fetched_once(how: str | None, caching: Caching) -> None:
    with opened() as (shop, server):
        stock(shop)
        if how:
            signed(shop, how)
        served = serve(caching, server)
        assert crowd(served.url, 50) == {200 if how else 403: 50}
        assert set(Counter(server.paths()).values()) == {1}


@pytest.mark.parametrize("how", ["bundle", None])
def test_several_workers_fetch_each_once(
    how: str | None, start_registry: StartRegistry, tmp_path: Path
) -> None:
    with opened() as (shop, server):
        stock(shop)
        if how:
            signed(shop, how)
        folder = tmp_path / "registry-1" / "data"
        stand_for(folder, server.address)
        demand(folder)
        registry = start_registry(workers=2, **ALLOW)
        assert crowd(registry.url, 30) == {200 if how else 403: 30}
        assert set(Counter(server.paths()).values()) == {1}


def test_who_is_refused_and_what_verify_says(tmp_path: Path) -> None:
    """With accounts; by the command, too."""
    allow = {"outbound_allow": ("127.0.0.0/8",)}
    with opened() as (shop, server), office.opened(tmp_path / "data", **allow) as desk:
        stock(shop)
        stand_for(desk.served.folder, server.address, tag_seconds=0.5)
        demand(desk.served.folder)
        reader, url = desk.person("reader:hub/*"), f"{desk.served.url}/v2/{APP}/manifests/1"
        pulled = partial(httpx.get, url, auth=("x", reader.token), headers={"accept": MANIFESTS})
        assert pulled().status_code == 403
        asked = {"repository": APP, "digest": "1"}
        said = reader.at.get("/signatures", **asked).json()
        assert (said["signers"], said["pullable"], said["trouble"]) == ([], False, "")
        shop.says, shop.ends = Say(503), SIGNATURES
        time.sleep(0.6)
        assert "HTTP status 503" in reader.at.get("/signatures", **asked).json()["trouble"]
        done = entrepot(
            "verify", f"{APP}:1", ENTREPOT_URL=desk.served.url, ENTREPOT_TOKEN=reader.token
        )
        assert (done.status, "no good signature" in done.output) == (1, True), done
        assert "there may be more signatures: " in done.error
        denials = partial(desk.admin.at.get, "/audit", repository=APP, result="denied")
        deadline = time.monotonic() + 60
        while not (items := denials().json()["items"]):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert "has none either" in str(items[0])
