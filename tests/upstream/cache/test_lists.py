"""Tags and referrers as upstream has them; what is kept, where it does not say."""

import time

import pytest
from tests.content import OCI_MANIFEST, descriptor, digest, dump, image
from tests.upstream.cache.conftest import HOST, Caching
from tests.upstream.cache.shop import MANIFEST, SMALL, opened
from tests.upstream.cache.test_fetching import APP, blob, manifest
from tests.upstream.scripted import Say

TAGS = f"/v2/{APP}/tags/list"
SIGNATURE = image(SMALL, subject=descriptor(MANIFEST, OCI_MANIFEST), artifactType="test/signature")


def test_all_tags_in_pages(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.tags |= dict.fromkeys(("a", "b", "c"), MANIFEST)
        client = caching(server.address, tag_seconds=3600).client
        assert client.get(TAGS).json() == {"name": APP, "tags": ["1", "a", "b", "c"]}
        page = client.get(TAGS, params={"n": 2})
        assert page.json()["tags"] == ["1", "a"]
        assert client.get(page.links["next"]["url"]).json()["tags"] == ["b", "c"]
        mirror = client.get("/v2/team/app/tags/list", params={"ns": HOST})
        assert mirror.headers["oci-namespace"] == HOST
        assert len(server.asked) == 1
        assert client.get("/v2/_catalog").json()["repositories"] == []


def test_tags_that_are_kept_where_upstream_fails(caching: Caching) -> None:
    with opened() as (shop, server):
        client = caching(server.address, tag_seconds=0.1).client
        manifest(client)
        shop.tags["2"] = MANIFEST
        assert client.get(TAGS).json()["tags"] == ["1", "2"]
        shop.says = Say(503)
        time.sleep(0.2)
        found = client.get(TAGS)
        assert found.json()["tags"] == ["1"]
        assert "only tags that are kept" in found.headers["warning"]


@pytest.mark.parametrize(
    ("says", "status", "code"),
    [(500, 503, "UNAVAILABLE"), (429, 429, "TOOMANYREQUESTS"), (404, 404, "NAME_UNKNOWN")],
)
def test_where_nothing_is_kept_a_failure_is_told(
    says: int, status: int, code: str, caching: Caching
) -> None:
    """Else whoever looks for new versions takes it that there are none any more."""
    with opened() as (shop, server):
        shop.says = Say(says)
        found = caching(server.address).client.get(TAGS)
        assert found.status_code == status
        assert found.json()["errors"][0]["code"] == code


def test_what_refers_to_an_image_in_pages(caching: Caching) -> None:
    with opened() as (shop, server):
        notes = [image(b"%d" % n, subject=descriptor(MANIFEST, OCI_MANIFEST)) for n in range(3)]
        shop.referrers, shop.page = [dump(each) for each in notes], 1
        shop.manifests += [dump(each) for each in notes]
        client = caching(server.address, tag_seconds=3600).client
        found = client.get(f"/v2/{APP}/referrers/{digest(MANIFEST)}").json()["manifests"]
        assert {each["digest"] for each in found} == {digest(dump(each)) for each in notes}


@pytest.mark.parametrize("count", [150, 1003])
def test_however_much_refers_to_an_image_it_comes_or_is_told(count: int, caching: Caching) -> None:
    with opened() as (shop, server):
        subject = descriptor(MANIFEST, OCI_MANIFEST)
        notes = [dump(image(b"%d" % number, subject=subject)) for number in range(count)]
        shop.referrers, shop.manifests = notes, [MANIFEST, *notes]
        client = caching(server.address, tag_seconds=3600).client
        for _ in range(2):
            found = client.get(f"/v2/{APP}/referrers/{digest(MANIFEST)}", timeout=100)
            assert len(found.json()["manifests"]) == min(count, 1000)
            told = f'299 - "only the first 1000 of {count} at {server.address}"'
            assert found.headers.get("warning") == (told if count > 1000 else None)


def test_a_404_that_is_no_registrys_does_not_end_a_list(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.referrers, shop.has_api = [dump(SIGNATURE)], False
        shop.manifests.append(dump(SIGNATURE))
        client = caching(server.address, tag_seconds=3600).client
        shop.says = Say(404, b"<html>")
        found = client.get(f"/v2/{APP}/referrers/{digest(MANIFEST)}")
        assert "only what is kept" in found.headers["warning"]
        shop.says = None
        found = client.get(f"/v2/{APP}/referrers/{digest(MANIFEST)}")
        assert [each["digest"] for each in found.json()["manifests"]] == [digest(dump(SIGNATURE))]


def test_signatures_come_too(caching: Caching) -> None:
    with opened() as (shop, server):
        shop.referrers = [dump(SIGNATURE)]
        shop.manifests.append(dump(SIGNATURE))
        client = caching(server.address, tag_seconds=3600).client
        for _ in range(2):
            found = client.get(f"/v2/{APP}/referrers/{digest(MANIFEST)}").json()["manifests"]
            assert [each["digest"] for each in found] == [digest(dump(SIGNATURE))]
        assert len(server.asked) == 2
        assert manifest(client, digest(dump(SIGNATURE))).content == dump(SIGNATURE)
        assert blob(client, SMALL).content == SMALL
        shop.says = Say(503)
        other = client.get(f"/v2/{APP}/referrers/{digest(SMALL)}")
        assert other.json()["manifests"] == []
        assert "only what is kept" in other.headers["warning"]
