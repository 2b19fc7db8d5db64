"""Floating tags follow versions as they come, move, go and come back."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from semver import Version as Semantic
from tests.content import image
from tests.db.pushed import APP, OTHER, blob, log, manifest
from tests.db.test_quotas import refused
from tests.db.test_trash import KEEP

from entrepot.db import (
    channels,
    engine,
    floating_rules,
    immutable_rules,
    manifests,
    repositories,
    tags,
    trash,
    version_notes,
)
from entrepot.db.audit import NOBODY, By
from entrepot.db.connection import Connection
from entrepot.db.floating_rules import Asked
from entrepot.db.restore import restore
from entrepot.db.stays import Candidate
from entrepot.db.version_notes import Read
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag
from entrepot.versions import bad, floating
from entrepot.versions.floating import Move

ALL = Asked(major=True, minor=True, latest=True)
PUSHER = By("user:pusher")


@pytest.fixture
def db(folder: Path) -> Iterator[Connection]:
    """SQLite: what is particular to a database is in the queries, which `each` runs on both."""
    with closing(engine.connect(folder)) as connection:
        yield connection


def ask(db: Connection, asked: Asked = ALL, where: str = "team/app") -> None:
    floating_rules.put(db, where, asked, "user:anna")


def push(db: Connection, *names: str, content: str = "", where: Repository = APP) -> Digest:
    """An image of its own for the first name, unless said otherwise."""
    config = (content or names[0]).encode()
    blob(db, config, where)
    act = partial(_put, config=config, names=names, where=where)
    return floating.keeping(db, where, act, by=PUSHER)


def _put(db: Connection, config: bytes, names: tuple[str, ...], where: Repository) -> Digest:
    return manifest(db, image(config=config), *names, repository=where)


def delete(db: Connection, tag: str) -> int:
    act = partial(tags.remove, repository=APP, tag=Tag(tag), keep=KEEP)
    item = floating.keeping(db, APP, act, by=PUSHER)
    assert item is not None
    return item


def delete_image(db: Connection, digest: Digest) -> int:
    act = partial(manifests.remove, repository=APP, digest=digest, keep=KEEP)
    item = floating.keeping(db, APP, act, by=PUSHER)
    assert item is not None
    return item


def bring_back(db: Connection, number: int) -> None:
    item = trash.find(db, number)
    assert item is not None
    act = partial(restore, item=item, move=True, sparse=False, by=PUSHER)
    floating.keeping(db, APP, act, by=PUSHER)


def stands(db: Connection, where: Repository = APP) -> dict[str, str]:
    """What each tag that floats stands for; it points to the same."""
    number = repositories.identify(db, where)
    if number is None:
        return {}
    found = floating_rules.floating(db, number)
    for tag, version in found.items():
        assert tags.digest_of(db, where, Tag(tag)) == tags.digest_of(db, where, Tag(version))
    return found


PUSHES: dict[str, tuple[Asked, list[str], dict[str, str]]] = {
    "the first": (ALL, ["1.4.2"], {"1": "1.4.2", "1.4": "1.4.2", "latest": "1.4.2"}),
    "a newer patch": (ALL, ["1.4.2", "1.4.3"], dict.fromkeys(["1", "1.4", "latest"], "1.4.3")),
    "numbers, not words": (
        ALL,
        ["1.4.9", "1.4.10"],
        dict.fromkeys(["1", "1.4", "latest"], "1.4.10"),
    ),
    "an older one": (ALL, ["1.4.3", "1.4.2"], dict.fromkeys(["1", "1.4", "latest"], "1.4.3")),
    "an older line": (
        ALL,
        ["2.0.0", "1.4.3"],
        {"2.0": "2.0.0", "2": "2.0.0", "latest": "2.0.0", "1": "1.4.3", "1.4": "1.4.3"},
    ),
    "a pre-release": (ALL, ["1.0.0", "1.1.0-rc.1"], dict.fromkeys(["1", "1.0", "latest"], "1.0.0")),
    "a pre-release alone": (ALL, ["1.1.0-rc.1"], {}),
    "a pre-release that counts": (
        Asked(latest=True, prereleases=True),
        ["1.0.0", "1.1.0-rc.1"],
        {"latest": "1.1.0-rc.1"},
    ),
    "its release": (
        Asked(latest=True, prereleases=True),
        ["1.1.0-rc.1", "1.1.0", "1.1.0-rc.2"],
        {"latest": "1.1.0"},
    ),
    "a v": (
        ALL,
        ["1.0.0", "v1.1.0"],
        {"1": "1.0.0", "1.0": "1.0.0", "v1": "v1.1.0", "v1.1": "v1.1.0", "latest": "v1.1.0"},
    ),
    "a variant": (
        ALL,
        ["1.0.0-alpine", "1.0.0", "1.0.1-alpine"],
        {
            **dict.fromkeys(["1", "1.0", "latest"], "1.0.0"),
            **dict.fromkeys(["1-alpine", "1.0-alpine", "alpine"], "1.0.1-alpine"),
        },
    ),
    "no version": (ALL, ["dev", "2026-11-26", "7"], {}),
    "only what was asked for": (Asked(minor=True), ["1.4.2"], {"1.4": "1.4.2"}),
}


@pytest.mark.parametrize(("asked", "pushed", "wanted"), PUSHES.values(), ids=PUSHES)
def test_pushes(db: Connection, asked: Asked, pushed: list[str], wanted: dict[str, str]) -> None:
    ask(db, asked)
    for tag in pushed:
        push(db, tag)
    assert stands(db) == wanted


def test_the_log_says_why(db: Connection) -> None:
    ask(db, Asked(latest=True))
    one, two = push(db, "1.0.0"), push(db, "1.0.1")
    rows = db.execute(
        "select actor, old, new, reason from change where reference = 'latest' order by id"
    ).fetchall()
    assert rows == [
        ("user:pusher", None, str(one), "floats with 1.0.0"),
        ("user:pusher", str(one), str(two), "floats with 1.0.1"),
    ]


def test_nothing_floats_where_nobody_asked(db: Connection) -> None:
    ask(db)
    push(db, "1.0.0", where=OTHER)
    assert tags.of(db, OTHER, "", 9) == ["1.0.0"]
    ask(db, where="team/*")
    push(db, "1.0.1", where=OTHER)
    assert stands(db, OTHER) == dict.fromkeys(["1", "1.0", "latest"], "1.0.1")


def test_the_longest_pattern_counts(db: Connection) -> None:
    ask(db, ALL, "team/*")
    ask(db, Asked(latest=True), "team/app")
    ask(db, ALL, "team/app*")
    push(db, "1.0.0")
    assert stands(db) == {"latest": "1.0.0"}


def test_a_tag_of_several_at_once(db: Connection) -> None:
    ask(db, Asked(latest=True))
    push(db, "1.0.0", "1.2.0", "1.1.0")
    assert stands(db) == {"latest": "1.2.0"}


def test_the_same_image_again_changes_nothing(db: Connection) -> None:
    ask(db)
    push(db, "1.0.0")
    before = log(db)
    push(db, "1.0.0")
    assert log(db) == before


def test_it_stands_for_another_version_of_the_same_image(db: Connection) -> None:
    ask(db, Asked(latest=True))
    push(db, "1.0.0")
    count = len(log(db))
    push(db, "1.0.1", content="1.0.0")
    assert len(log(db)) == count + 1, "latest has not moved"
    assert stands(db) == {"latest": "1.0.1"}


def test_it_follows_a_version_that_moves(db: Connection) -> None:
    ask(db, Asked(latest=True, minor=True))
    push(db, "1.0.0")
    push(db, "1.1.0")
    push(db, "1.1.0", content="mended")
    push(db, "1.0.0", content="mended, too")
    assert stands(db) == {"1.0": "1.0.0", "1.1": "1.1.0", "latest": "1.1.0"}


GONE: dict[str, tuple[str, dict[str, str]]] = {
    "the newest": ("1.2.0", {"latest": "1.1.1", "1": "1.1.1", "1.1": "1.1.1", "1.0": "1.0.0"}),
    "one between": ("1.1.1", {"latest": "1.2.0", "1": "1.2.0", "1.1": "1.1.0", "1.0": "1.0.0"}),
    "an older one": ("1.1.0", {"latest": "1.2.0", "1": "1.2.0", "1.1": "1.1.1", "1.0": "1.0.0"}),
    "the last of a line": ("1.0.0", {"latest": "1.2.0", "1": "1.2.0", "1.1": "1.1.1"}),
}


@pytest.mark.parametrize("how", ["tag", "image"])
@pytest.mark.parametrize(("tag", "wanted"), GONE.values(), ids=GONE)
def test_it_falls_back_when_a_version_goes(
    db: Connection, tag: str, wanted: dict[str, str], how: str
) -> None:
    ask(db)
    digests = {each: push(db, each) for each in ("1.0.0", "1.1.0", "1.1.1", "1.2.0")}
    before = stands(db)
    item = delete(db, tag) if how == "tag" else delete_image(db, digests[tag])
    newer = {} if tag == "1.2.0" else {"1.2": "1.2.0"}
    assert stands(db) == {**wanted, **newer}
    bring_back(db, item)
    assert stands(db) == before


def test_what_stands_for_nothing_stays_and_may_be_deleted(db: Connection) -> None:
    ask(db, Asked(latest=True))
    digest = push(db, "1.0.0")
    delete(db, "1.0.0")
    assert stands(db) == {}
    assert tags.digest_of(db, APP, Tag("latest")) == str(digest)
    delete(db, "latest")
    push(db, "1.0.0")
    assert stands(db) == {"latest": "1.0.0"}


def test_a_repository_that_comes_back(db: Connection) -> None:
    ask(db, Asked(latest=True))
    push(db, "1.0.0")
    item = repositories.remove(db, APP, keep=KEEP)
    assert item is not None
    ask(db, Asked(minor=True))
    bring_back(db, item)
    assert stands(db) == {"1.0": "1.0.0"}


ACTS: dict[str, Callable[[Connection], object]] = {
    "pushed": lambda db: push(db, "latest", content="another"),
    "pushed with others": lambda db: push(db, "dev", "latest"),
    "deleted": lambda db: delete(db, "latest"),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_floats_is_moved_by_nobody_else(
    db: Connection, act: Callable[[Connection], object]
) -> None:
    ask(db, Asked(latest=True))
    push(db, "1.0.0")
    error = refused(db, lambda: act(db))
    assert "team/app:latest floats: the registry itself moves it, now to 1.0.0" in error.message
    assert "as user:anna asked on 20" in error.message
    assert error.detail == {
        "tag": "latest",
        "floats_with": "1.0.0",
        "asked_by": "user:anna",
    }
    push(db, "latest", content="1.0.0")
    floating_rules.remove(db, "team/app")
    act(db)


def test_whoever_may_not_move_tags_has_them_float(db: Connection) -> None:
    ask(db, Asked(latest=True))
    push(db, "1.0.0")
    blob(db, b"new")
    number = repositories.identify(db, APP)
    assert number is not None
    digest = manifest(db, image(config=b"new"), "other")

    def writer(db: Connection) -> None:
        tags.point(db, (number, APP), Tag("1.0.1"), digest, move=False)

    floating.keeping(db, APP, writer, by=PUSHER)
    assert stands(db) == {"latest": "1.0.1"}


def test_what_is_immutable_does_not_float(db: Connection) -> None:
    ask(db)
    push(db, "1.0.0")
    rule = immutable_rules.add(db, "team/app", immutable_rules.Kind.GLOB, "1", by="user:bob")
    immutable_rules.add(db, "team/app", immutable_rules.Kind.GLOB, "2*", by="user:bob")
    push(db, "1.0.1")
    assert tags.digest_of(db, APP, Tag("1")) == tags.digest_of(db, APP, Tag("1.0.0"))
    push(db, "2.0.0")
    assert tags.digest_of(db, APP, Tag("2")) is None, "it would be stuck there"
    assert tags.digest_of(db, APP, Tag("latest")) == tags.digest_of(db, APP, Tag("2.0.0"))
    held = {move.tag: move.held for move in floating.refresh(db, APP, by=NOBODY)}
    assert held["1"] == f"it is immutable by {rule}"
    assert set(held) == {"1", "2", "2.0"}


def test_a_bad_version_is_left_behind(db: Connection) -> None:
    ask(db)
    for tag in ("1.0.0", "1.0.1", "1.1.0"):
        push(db, tag)
    before = stands(db)
    mark(db, "1.1.0")
    assert stands(db) == {"1": "1.0.1", "1.0": "1.0.1", "latest": "1.0.1"}
    mark(db, "1.0.1")
    push(db, "1.0.2", content="1.1.0")
    assert stands(db) == {"1": "1.0.0", "1.0": "1.0.0", "latest": "1.0.0"}
    for tag in ("1.0.1", "1.1.0"):
        bad.free(db, APP, tag, PUSHER, reason="")
    delete(db, "1.0.2")
    assert stands(db) == before


def mark(db: Connection, tag: str) -> None:
    number, digest = repositories.identify(db, APP), tags.digest_of(db, APP, Tag(tag))
    assert number is not None
    assert digest is not None
    bad.mark(db, (number, APP), Candidate(tag, digest), PUSHER, reason="it burns")


def test_they_are_read_as_the_repository_says(db: Connection) -> None:
    ask(db, Asked(latest=True))
    push(db, "1.0.0")
    push(db, "1.1.0-fat")
    assert stands(db) == {"latest": "1.0.0"}, "a pre-release"
    number = repositories.identify(db, APP)
    assert number is not None

    def set_reading(db: Connection, wanted: Read) -> None:
        version_notes.set_reading(db, (number, APP), wanted, PUSHER)

    floating.keeping(db, APP, partial(set_reading, wanted=Read(variants=("fat",))), by=PUSHER)
    assert stands(db) == {"latest": "1.0.0", "fat": "1.1.0-fat"}
    push(db, "1.2.0-fat")
    assert stands(db) == {"latest": "1.0.0", "fat": "1.2.0-fat"}
    floating.keeping(db, APP, partial(set_reading, wanted=Read("text")), by=PUSHER)
    assert stands(db) == {}
    push(db, "1.3.0")
    assert stands(db) == {}


def test_a_channel_does_not_float(db: Connection) -> None:
    channels.put(db, "team", ["latest"], "user:bob")
    ask(db, Asked(latest=True, minor=True))
    push(db, "1.0.0")
    assert stands(db) == {"1.0": "1.0.0"}
    [held] = floating.refresh(db, APP, by=NOBODY)
    assert (held.tag, held.held) == ("latest", "it is a channel, which only a promotion moves")


def test_asking_moves_what_is_there(db: Connection) -> None:
    push(db, "1.0.0")
    push(db, "1.1.0")
    push(db, "latest", content="by hand")
    digest = str(tags.digest_of(db, APP, Tag("1.1.0")))
    by_hand = str(tags.digest_of(db, APP, Tag("latest")))
    wanted = [Move("latest", "1.1.0", by_hand, digest)]
    assert floating.plan(db, APP, Asked(latest=True)) == wanted
    assert stands(db) == {}
    ask(db, Asked(latest=True))
    assert floating.refresh(db, APP, by=NOBODY) == wanted
    assert stands(db) == {"latest": "1.1.0"}
    assert floating.refresh(db, APP, by=NOBODY) == []
    ask(db, Asked(minor=True))
    floating.refresh(db, APP, by=NOBODY)
    assert stands(db) == {"1.0": "1.0.0", "1.1": "1.1.0"}
    push(db, "latest", content="by hand")


def test_a_push_mends_what_somebody_moved_before(db: Connection) -> None:
    """Also where nobody has looked since floating was asked for."""
    for tag in ("1.0.0", "1.2.0"):
        push(db, tag)
    push(db, "latest", content="by hand")
    ask(db, Asked(latest=True))
    push(db, "1.1.0")
    assert stands(db) == {"latest": "1.2.0"}


_versions = st.builds("{}.{}.{}{}".format, *[st.integers(0, 3)] * 3, st.sampled_from(["", "-rc.1"]))
_acts = st.lists(st.tuples(st.sampled_from("+++-"), _versions), min_size=1, max_size=15)


@given(_acts, st.booleans())
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_whatever_comes_and_goes_they_point_to_the_maximum(
    each: Connection, acts: list[tuple[str, str]], prereleases: bool
) -> None:
    """As another library orders versions; in a transaction that is rolled back each time."""
    db = each
    db.execute("begin")
    try:
        ask(db, Asked(major=True, minor=True, latest=True, prereleases=prereleases))
        here: set[str] = set()
        for act, tag in acts:
            if act == "+":
                push(db, tag)
                here.add(tag)
            elif tag in here:
                delete(db, tag)
                here.remove(tag)
            assert stands(db) == maxima(here, prereleases)
    finally:
        db.execute("rollback")


def maxima(tags: set[str], prereleases: bool) -> dict[str, str]:
    found: dict[str, Semantic] = {}
    for version in sorted(map(Semantic.parse, tags)):
        if prereleases or not version.prerelease:
            for line in ("latest", f"{version.major}", f"{version.major}.{version.minor}"):
                found[line] = version
    return {line: str(version) for line, version in sorted(found.items())}
