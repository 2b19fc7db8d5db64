"""What runs stays: nothing takes it away, unless somebody says that they know."""

from collections.abc import Callable

import pytest
from tests.content import image, index
from tests.db.pushed import APP, OTHER, blob, manifest
from tests.db.reported import Row, report, row

from entrepot.db import blobs, manifests, repositories, running, tags, trash
from entrepot.db.connection import Connection
from entrepot.db.running import RunsError, Use, words
from entrepot.db.trash import Keep
from entrepot.oci.digest import Digest
from entrepot.oci.names import Tag

ONE, TWO, LOOSE = image(), image(config=b"two"), image(config=b"loose")
CONFIG = Digest.of(b"{}")


@pytest.fixture
def names(db: Connection) -> dict[str, str]:
    """An index of two images with the tags `1` and `latest`, an image `other`, and a loose one."""
    for content in (b"{}", b"two", b"loose"):
        blob(db, content)
    return {
        "ONE": str(manifest(db, ONE)),
        "TWO": str(manifest(db, TWO)),
        "INDEX": str(manifest(db, index(ONE, TWO), "1", "latest")),
        "OTHER": str(manifest(db, TWO, "other")),
        "LOOSE": str(manifest(db, LOOSE)),
    }


def reported(names: dict[str, str], written: Row) -> Row:
    key, said = written
    return key._replace(digest=names.get(key.digest, key.digest)), said


KEPT: dict[str, tuple[Row, set[str], set[str]]] = {
    "its tag, by name": (row("team/app:1"), {"1"}, {"ONE", "TWO", "INDEX"}),
    "and what was pulled by it": (
        row("team/app:1", "LOOSE"),
        {"1"},
        {"ONE", "TWO", "INDEX", "LOOSE"},
    ),
    "by digest, no tag": (row("team/app:1@INDEX"), set(), {"ONE", "TWO", "INDEX"}),
    "a platform, and the index above": (row("team/app@ONE"), set(), {"ONE", "INDEX"}),
    "one alone": (row("team/app@LOOSE"), set(), {"LOOSE"}),
    "a tag that is not here": (row("team/app:none"), {"none"}, set()),
    "of another repository": (row("team/other:1"), set(), set()),
    "of another registry": (row("team/app:1", ours=False), set(), set()),
    "for a rollback": (row("team/app:other", state="rollback"), {"other"}, {"TWO", "INDEX"}),
    "to run again": (row("team/app@LOOSE", state="waiting"), set(), {"LOOSE"}),
}


@pytest.mark.parametrize(("written", "kept_tags", "kept"), KEPT.values(), ids=KEPT)
def test_what_is_kept(
    db: Connection, names: dict[str, str], written: Row, kept_tags: set[str], kept: set[str]
) -> None:
    report(db, reported(names, written))
    found = running.of(db, APP)
    assert set(found.tags) == kept_tags
    ours = {name for name in ("ONE", "TWO", "INDEX", "LOOSE") if found.of(names[name])}
    assert ours == kept
    assert bool(found.here) == bool(kept)


def test_it_is_kept_until_its_time_is_up(db: Connection, names: dict[str, str]) -> None:
    report(db, row("team/app:other"))
    report(db)
    [use] = running.of(db, APP).tags["other"]
    assert str(use).startswith("ran until 20")
    assert str(use).endswith(" in prod: team-a/Deployment/web")
    db.execute("update workload_image set until = until - 1000")
    assert running.of(db, APP) == running.Running({}, {}, ())


def test_a_cluster_that_falls_silent_keeps_it_for_ever(
    db: Connection, names: dict[str, str]
) -> None:
    report(db, row("team/app:other"))
    db.execute("update cluster set seen_at = 0, created_at = 0")
    db.execute("update workload_image set first_seen = 0")
    report(db, cluster="test")
    assert running.of(db, APP).of_tag("other", "")


ACTS: dict[str, tuple[str, Callable[..., object]]] = {
    "its tag": ("1", lambda db, **how: tags.remove(db, APP, Tag("1"), **how)),
    "another tag of it": ("latest", lambda db, **how: tags.remove(db, APP, Tag("latest"), **how)),
    "its manifest": (
        "INDEX",
        lambda db, names, **how: manifests.remove(db, APP, Digest.parse(names["INDEX"]), **how),
    ),
    "a platform": (
        "ONE",
        lambda db, names, **how: manifests.remove(
            db, APP, Digest.parse(names["ONE"]), even_if_used=True, **how
        ),
    ),
    "a blob": ("{}", lambda db, **how: blobs.remove(db, APP, CONFIG, even_if_used=True, **how)),
    "its repository": ("", lambda db, **how: repositories.remove(db, APP, **how)),
}


@pytest.mark.parametrize(("_what", "act"), ACTS.values(), ids=ACTS)
def test_what_is_refused(
    db: Connection, names: dict[str, str], _what: str, act: Callable[..., object]
) -> None:
    report(db, reported(names, row("team/app:1", "INDEX")))
    given = {"names": names} if "names" in act.__code__.co_varnames else {}
    with pytest.raises(RunsError) as caught, db.exclusive():
        act(db, **given)
    assert " runs in prod: team-a/Deployment/web: stop it there first, or " in caught.value.message
    assert caught.value.detail == {"runs": ["runs in prod: team-a/Deployment/web"]}
    assert act(db, even_if_running=True, **given)


def test_what_is_not_refused(db: Connection, names: dict[str, str]) -> None:
    report(db, row(f"team/app@{names['LOOSE']}"), row("team/app:none"))
    assert tags.remove(db, APP, Tag("1"))
    assert tags.remove(db, APP, Tag("latest"))
    assert manifests.remove(db, APP, Digest.parse(names["INDEX"]))
    manifest(db, ONE, "1", repository=OTHER, sparse=True)
    assert repositories.remove(db, OTHER)
    report(db, row("team/app:none"))
    db.execute("delete from workload_image where until is not null")
    assert repositories.remove(db, APP)


def test_the_loudest_is_told_first(db: Connection, names: dict[str, str]) -> None:
    report(
        db,
        row("team/app:1", state="rollback", workload="a"),
        row("team/app:1", state="waiting", workload="b"),
        row("team/app:1", workload="c"),
        row("team/app:latest", workload="c"),
    )
    assert words(running.of(db, APP).of_tag("1", names["INDEX"])) == (
        "runs in prod: team-a/Deployment/c and 2 more"
    )
    said = {str(use) for use in running.of(db, APP).tags["1"]}
    assert said == {
        "is needed for a rollback in prod: team-a/Deployment/a",
        "is to run again in prod: team-a/Deployment/b",
        "runs in prod: team-a/Deployment/c",
    }


KEEP = Keep(100)


def in_trash(db: Connection) -> list[tuple[Use, ...]]:
    return [running.in_trash(db, item) for item in trash.listed(db, None, 2**62, 9)]


def test_what_lies_in_the_trash(db: Connection, names: dict[str, str]) -> None:
    """Until the same is in the repository again."""
    loose = Digest.parse(names["LOOSE"])
    assert manifests.remove(db, APP, loose, keep=KEEP)
    assert tags.remove(db, APP, Tag("1"), keep=KEEP)
    assert in_trash(db) == [(), ()]
    report(db, row(f"team/app@{loose}"), row("team/app:1"))
    [_tag, [use]] = in_trash(db)
    assert use.workload == "web"
    assert _tag == ()
    manifest(db, LOOSE)
    assert in_trash(db) == [(), ()]


def test_a_whole_repository_in_the_trash(db: Connection, names: dict[str, str]) -> None:
    assert repositories.remove(db, APP, keep=KEEP)
    report(db, row("team/app:1"))
    assert len(in_trash(db)[0]) == 1
    report(db, row("team/app:none"))
    db.execute("delete from workload_image where until is not null")
    assert in_trash(db) == [()]
