"""`entrepot upstream`, as an admin at a desk types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.desk import Desk, furnished
from tests.content import digest, dump, image, index
from tests.registry import free_port
from tests.upstream.cache.shop import INDEX, MANIFEST, SMALL, Shop, opened
from tests.upstream.clouds.google_cloud import EMAIL, Google, private_key
from tests.upstream.scripted import Asked, Say, scripted


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    allow = ("127.0.0.0/8",)
    with furnished(tmp_path_factory.mktemp("desk"), outbound_allow=allow) as desk:
        desk.login()
        yield desk


def test_the_life_of_an_upstream(desk: Desk) -> None:
    words = ("hub", "https://registry-1.docker.io", "--for", "docker.io", "--user", "team")
    said = desk.good("upstream", "add", *words, "--password-stdin", stdin="pass word\n")
    assert said.startswith("project hub stands for https://registry-1.docker.io (docker.io)\n")
    assert "docker.io" in desk.good("upstream", "list")
    more = ("--tags-after", "1h", "--allow", "library/*", "--deny", "library/x", "--largest", "5GB")
    desk.good("upstream", "set", "hub", *more, "--all-platforms")
    shown = desk.json("upstream", "show", "hub")
    assert shown["tag_seconds"] == 3600
    assert (shown["allow"], shown["deny"]) == (["library/*"], ["library/x"])
    assert (shown["largest"], shown["everything"], shown["has_password"]) == (5 * 10**9, True, True)
    assert "4.7 GiB" in desk.good("upstream", "show", "hub")
    desk.good("upstream", "set", "hub", "--allow", "", "--largest", "0", "--user", "", "--ca", "")
    (shown,) = desk.json("upstream", "list")
    assert (shown["allow"], shown["largest"], shown["has_password"]) == ([], None, False)
    assert desk.good("upstream", "remove", "hub", "--yes").startswith("hub stands for no other")
    assert "stands for no other registry" in desk.bad("upstream", "show", "hub")
    desk.good("upstream", "add", "hub", "https://registry-1.docker.io", "--adopt")
    desk.good("upstream", "remove", "hub", "--yes")


def test_one_that_may_not_be_asked_is_told_at_once(desk: Desk) -> None:
    said = desk.good("upstream", "add", "near", "https://192.168.7.7")
    assert "but nothing can be had of it: 192.168.7.7 has an address that is not global" in said
    assert "ENTREPOT_OUTBOUND_ALLOW" in desk.json("upstream", "show", "near")["trouble"]
    with opened() as (_, server):
        said = desk.good("upstream", "set", "near", "--url", f"http://{server.address}")
        assert said == "upstream near is changed\n"
    desk.good("upstream", "remove", "near", "--yes")


def test_check(desk: Desk) -> None:
    with opened() as (_, server):
        url = f"http://{server.address}"
        assert desk.good("upstream", "add", "asked", url).count("\n") == 1
        assert desk.good("upstream", "check", "asked") == f"{url} answers\n"
        assert desk.json("upstream", "check", "asked")["trouble"] == ""
    url = f"http://127.0.0.1:{free_port()}"
    said = desk.good("upstream", "set", "asked", "--url", url)
    assert said.startswith("upstream asked is changed\nbut nothing can be had of it: 127.0.0.1:")
    assert desk.bad("upstream", "check", "asked").startswith("nothing can be had of asked: 127.")
    done = desk.run("upstream", "check", "asked", "--json")
    assert (done.status, json.loads(done.output)["url"]) == (1, url)
    with scripted(lambda _: Say(200, b"<html>", {"content-type": "text/html"})) as server:
        said = desk.good("upstream", "set", "asked", "--url", f"http://{server.address}")
        assert said.endswith(f": {server.address} answers, but not as a registry does\n")
        desk.good("upstream", "set", "asked", "--tags-after", "1h")
        assert len(server.asked) == 1, "it was asked for what it does not change"
    desk.good("upstream", "remove", "asked", "--yes")


def test_docker_hub_needs_no_name(desk: Desk) -> None:
    """Nodes ask for docker.io, and would be answered 404 for what is called otherwise."""
    desk.good("upstream", "add", "hub", "https://registry-1.docker.io", "--adopt")
    assert desk.json("upstream", "show", "hub")["hosts"] == ["docker.io"]
    desk.good("upstream", "remove", "hub", "--yes")


def test_clouds(desk: Desk) -> None:
    key = dump(Google(private_key()).service_key()).decode()
    gar = ("gar", "https://europe-docker.pkg.dev", "--google")
    desk.good("upstream", "add", *gar, "--password-stdin", stdin=key)
    assert EMAIL in desk.good("upstream", "list")
    own = ("ecr", "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com", "--ecr")
    desk.good("upstream", "add", *own)
    assert "ecr" in desk.good("upstream", "show", "ecr")
    desk.good("replication", "add", *gar, "team/*", "--password-stdin", stdin=key)
    shown = desk.json("replication", "show", "gar")
    assert (shown["kind"], shown["login"], shown["has_password"]) == ("google", EMAIL, True)
    desk.good("replication", "remove", "gar", "--yes")
    for name in ("gar", "ecr"):
        desk.good("upstream", "remove", name, "--yes")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "bad", "https://quay.io", "--google"), "none of Google's"),
        (("add", "bad", "https://quay.io", "--ecr"), "none of Amazon's"),
        (("add", "bad", "https://gcr.io", "--google", "--ecr"), "one cloud's"),
        (("add", "bad", "https://gcr.io", "--google", "--user", "bot"), "leave --user out"),
        (("add", "bad", "http://up.test"), "without TLS only this machine itself"),
        (("add", "bad", "https://hub.docker.com"), "is https://registry-1.docker.io"),
        (("check", "not-there"), "stands for no other registry"),
        (("add", "bad", "https://up.test", "--password-stdin"), "whose password"),
        (("add", "bad", "https://up.test", "--tags-after", "soon"), "write 30s"),
        (("set", "bad"), "say what to change"),
        (("remove", "not-there", "--yes"), "stands for no other registry"),
    ],
)
def test_what_is_refused(desk: Desk, words: tuple[str, ...], says: str) -> None:
    assert says in desk.bad("upstream", *words)


def test_a_value_that_is_wrong_is_named_as_people_know_it(desk: Desk) -> None:
    said = desk.bad("upstream", "add", "bad", "http://up.test")
    assert said.startswith("url: write https://HOST")


def test_warm(desk: Desk, tmp_path: Path) -> None:
    with opened() as (shop, server):
        shop.tags["multi"] = dump(INDEX)
        desk.good("upstream", "add", "up", f"http://{server.address}", "--for", "up.test")
        (tmp_path / "pod.yaml").write_text(
            "spec: {containers: [{image: 'up.test/team/app:multi'}]}"
        )
        words = ("warm", "up.test/team/app:1", "-f", str(tmp_path / "pod.yaml"))
        one, multi = desk.json("upstream", *words)
        assert (one["digest"], one["manifests"], one["blobs"]) == (digest(MANIFEST), 1, 3)
        assert (multi["image"], multi["manifests"]) == ("up.test/team/app:multi", 3)
        fetched = len(server.paths())
        said = desk.good("upstream", "warm", f"{desk.url[7:]}/up/team/app:1")
        assert "are kept" in said
        assert len(server.paths()) == fetched
        done = desk.run("upstream", "warm", "up.test/team/app:3", "quay.io/team/app:1")
        assert done.status == 1
        assert done.error.count("is not kept") == 2
        assert "no project here stands for 'quay.io'" in done.error
        assert f"there is no {server.address}/team/app:3" in done.error
        shop.tags["sparse"] = dump(index(image(b"gone"), image(SMALL)))
        done = desk.run("upstream", "warm", "up.test/team/app:sparse")
        assert f"{server.address}/team/app@{digest(dump(image(b'gone')))}" in done.error


@pytest.mark.parametrize("scheme", ["Bearer", "Basic"])
def test_a_login_that_is_refused_is_told(desk: Desk, scheme: str) -> None:
    shop, knows = Shop(), False

    def answer(asked: Asked) -> Say:
        realm = f"http://{asked.headers['host']}/token"
        if asked.path.startswith("/token"):
            return Say(200, b'{"token": "t"}') if knows else Say(401)
        if knows and "authorization" in asked.headers:
            return shop.answer(asked)
        return Say(401, headers={"www-authenticate": f'{scheme} realm="{realm}"'})

    with scripted(answer) as server:
        name = f"sour-{scheme.lower()}"
        words = (name, f"http://{server.address}", "--user", "team", "--password-stdin")
        assert "refuses" in desk.good("upstream", "add", *words, stdin="wrong\n")
        image = f"{desk.url[7:]}/{name}/team/app"
        assert "its login may end" in desk.bad("upstream", "warm", f"{image}:1")
        assert "refuses" in desk.json("upstream", "show", name)["trouble"]
        assert "refuses" in desk.bad("upstream", "check", name)
        knows = True
        assert desk.good("upstream", "check", name).endswith(" answers\n")
        desk.good("upstream", "warm", f"{image}@{digest(MANIFEST)}")
        assert desk.json("upstream", "show", name)["trouble"] == ""
