"""Promotions and rollbacks in the database, SQLite and PostgreSQL: what moves, what is kept."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.content import image
from tests.db.pushed import APP, blob, manifest

from entrepot.auth.actor import Actor
from entrepot.db import approvals, channels, manifests, running, stays, tags
from entrepot.db.approvals import Approval
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.grants import Grant
from entrepot.db.running import RunsError
from entrepot.db.trash import Place
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository, Tag
from entrepot.versions import bad, promotion, rollback
from entrepot.versions.errors import MovedError, RefusedError, UnknownError
from entrepot.versions.gathering import Promoter
from entrepot.versions.promotion import Promoted, Wanted
from entrepot.versions.rollback import Back, RolledBack
from entrepot.versions.standing import Standing, standings

ANN = By("user:ann")
GRANT = Grant(1, "user:ann", "maintainer", "team/*", 0, "", None)
MAINTAINER = Promoter(Actor("user:ann"), [GRANT])
WRITER = Promoter(Actor("user:ann"), [replace(GRANT, role="writer")])
LIMITED = Promoter(Actor("user:ann", limits=(("writer", "team/*"),)), [GRANT])


@pytest.fixture
def pushed(db: Connection) -> dict[str, str]:
    """By tag, the digests of 1.0 to 1.5; and the project's channels."""
    found = {}
    for number in range(6):
        content = b'{"number":%d}' % number
        blob(db, content)
        found[f"1.{number}.0"] = str(manifest(db, image(config=content), f"1.{number}.0"))
    channels.put(db, "team", ("dev", "prod"), "user:ann")
    return found


def place(db: Connection) -> Place:
    return promotion.find(db, APP)


def promote(db: Connection, version: str, to: str = "dev", by: Promoter = MAINTAINER) -> Promoted:
    with db.exclusive():
        return promotion.promote(db, Wanted(APP, version, to), by, ANN)


def back(db: Connection, **given: str) -> RolledBack:
    with db.exclusive():
        return rollback.roll_back(db, Back(APP, "dev", **given), MAINTAINER, ANN)


def of(db: Connection, digest: str) -> Standing:
    return standings(db, place(db)[0]).get(digest, Standing())


def at(db: Connection, tag: str) -> str | None:
    return tags.digest_of(db, APP, Tag(tag))


def test_a_version_goes_through_the_channels(db: Connection, pushed: dict[str, str]) -> None:
    one, two = pushed["1.0.0"], pushed["1.1.0"]
    assert promote(db, "1.0.0").moved
    assert not promote(db, "1.0.0").moved
    assert at(db, "dev") == one
    assert of(db, one) == Standing(channels=("dev",), testing=True)
    promote(db, "dev", "prod")
    assert of(db, one) == Standing(channels=("dev", "prod"))
    found = promote(db, two)
    assert found.before is not None
    assert (found.before.version, found.stay.version, found.stay.actor) == (
        "1.0.0",
        "1.1.0",
        "user:ann",
    )
    promote(db, "1.1.0", "prod")
    assert of(db, one) == Standing(superseded=True, kept=True)
    kinds = db.execute(
        "select kind, actor, old, new from change where repository = ? and reference = 'prod' "
        "order by id",
        (APP.name,),
    ).fetchall()
    assert kinds == [
        ("promoted", "user:ann", None, one),
        ("promoted", "user:ann", one, two),
    ]


REFUSALS = {
    "who is but a writer": ("1.0.0", "dev", WRITER, "role"),
    "whose token gives less": ("1.0.0", "dev", LIMITED, "role"),
    "what was not in the channel before": ("1.0.0", "prod", MAINTAINER, "order"),
}


@pytest.mark.parametrize(("version", "to", "by", "gate"), REFUSALS.values(), ids=REFUSALS)
def test_what_is_refused_changes_nothing(
    db: Connection, pushed: dict[str, str], version: str, to: str, by: Promoter, gate: str
) -> None:
    with pytest.raises(RefusedError) as caught:
        promote(db, version, to, by)
    assert [each.gate for each in caught.value.refusals] == [gate]
    assert at(db, to) is None
    assert db.execute("select count(*) from stay").fetchone()[0] == 0


UNKNOWN = {
    "no such repository": (Repository("team/none"), "1.0.0", "dev"),
    "no such version": (APP, "9.9.9", "dev"),
    "no such digest": (APP, f"sha256:{'0' * 64}", "dev"),
    "nothing like a version": (APP, "a b", "dev"),
    "no such channel": (APP, "1.0.0", "test"),
}


@pytest.mark.parametrize("given", UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_here(
    db: Connection, pushed: dict[str, str], given: tuple[Repository, str, str]
) -> None:
    with pytest.raises(UnknownError):
        promotion.promote(db, Wanted(*given), MAINTAINER, ANN)


def test_of_two_who_saw_the_same_the_later_one_is_told(
    db: Connection, pushed: dict[str, str]
) -> None:
    promote(db, "1.0.0")
    seen = replace(Wanted(APP, "1.1.0", "dev"), seen=pushed["1.0.0"])
    promotion.promote(db, seen, MAINTAINER, ANN)
    with pytest.raises(MovedError, match=r"user:ann brought 1\.1\.0 at "):
        promotion.promote(db, replace(seen, version="1.2.0"), MAINTAINER, ANN)
    with pytest.raises(MovedError):
        rollback.roll_back(db, Back(APP, "dev", seen=pushed["1.0.0"]), MAINTAINER, ANN)
    assert at(db, "dev") == pushed["1.1.0"]


def test_back_to_the_last_good_version(db: Connection, pushed: dict[str, str]) -> None:
    for number in range(3):
        promote(db, f"1.{number}.0")
    found = back(db, reason="it leaks")
    assert (found.left.version, found.stay.version) == ("1.2.0", "1.1.0")
    assert at(db, "dev") == pushed["1.1.0"]
    left = of(db, pushed["1.2.0"])
    assert left.rolled_back
    assert left.bad is not None
    assert (left.bad.by, left.bad.reason, left.kept) == ("user:ann", "it leaks", False)
    with pytest.raises(RefusedError, match=r"bad: it was marked as bad by user:ann .* it leaks"):
        promote(db, "1.2.0")
    assert back(db).stay.version == "1.0.0"
    with pytest.raises(UnknownError, match="no earlier version"):
        back(db)
    actions = db.execute(
        "select action, reference, digest from audit where action <> 'pushed' "
        "and action <> 'tagged' order by id desc limit 4"
    ).fetchall()
    assert actions == [
        ("rolled back", "dev", pushed["1.0.0"]),
        ("version marked bad", "1.1.0", pushed["1.1.0"]),
        ("rolled back", "dev", pushed["1.1.0"]),
        ("version marked bad", "1.2.0", pushed["1.2.0"]),
    ]


def test_back_to_a_named_version_and_a_freed_one(db: Connection, pushed: dict[str, str]) -> None:
    for number in range(4):
        promote(db, f"1.{number}.0")
    assert back(db, to="1.0.0").stay.digest == pushed["1.0.0"]
    with pytest.raises(UnknownError, match="was not in team/app:dev before, or is bad"):
        back(db, to="1.3.0")
    version = promotion.version_of(db, place(db), "1.3.0")
    bad.free(db, APP, "1.3.0", ANN, reason="it was the disk")
    assert of(db, version.digest).bad is None
    assert back(db, to="1.3.0").stay.digest == pushed["1.3.0"]
    with pytest.raises(UnknownError, match="not marked as bad"):
        bad.free(db, APP, "1.3.0", ANN, reason="")


def test_only_the_role_stands_in_the_way_back(db: Connection, pushed: dict[str, str]) -> None:
    promote(db, "1.0.0")
    promote(db, "1.1.0")
    channels.set_gates(db, "team", "dev", {"approvals": 9, "only_forward": True})
    with pytest.raises(RefusedError) as caught:
        rollback.roll_back(db, Back(APP, "dev"), WRITER, ANN)
    assert [each.gate for each in caught.value.refusals] == ["role"]
    assert back(db).stay.version == "1.0.0"


def test_what_can_be_gone_back_to_is_kept(db: Connection, pushed: dict[str, str]) -> None:
    for number in range(6):
        promote(db, f"1.{number}.0")
    kept = [version for version, digest in pushed.items() if of(db, digest).kept]
    assert kept == ["1.2.0", "1.3.0", "1.4.0"]
    found = running.of(db, APP)
    assert str(found.of(pushed["1.2.0"])[0]) == "is kept for a rollback of the channel dev"
    assert str(found.of(pushed["1.5.0"])[0]) == "is in the channel dev"
    assert not found.of(pushed["1.1.0"])
    with pytest.raises(RunsError, match="kept for a rollback of the channel dev: promote another"):
        manifests.remove(db, APP, Digest.parse(pushed["1.2.0"]))
    with pytest.raises(OCIError, match="is a channel, which only a promotion moves: promote"):
        manifests.remove(db, APP, Digest.parse(pushed["1.5.0"]), even_if_running=True)
    assert manifests.remove(db, APP, Digest.parse(pushed["1.2.0"]), even_if_running=True)
    channels.set_gates(db, "team", "dev", {"keep": 1})
    promote(db, "1.0.0")
    assert [version for version, digest in pushed.items() if of(db, digest).kept] == ["1.5.0"]


MOVES: dict[str, Callable[[Connection, Digest], object]] = {
    "a push": lambda db, other: tags.point(db, place(db), Tag("dev"), other),
    "a deletion": lambda db, _: tags.remove(db, APP, Tag("dev"), even_if_running=True),
    "with its manifest": lambda db, _: manifests.remove(
        db, APP, Digest.parse(at(db, "dev") or ""), even_if_running=True
    ),
}


@pytest.mark.parametrize("act", MOVES)
def test_only_a_promotion_moves_a_channel(db: Connection, pushed: dict[str, str], act: str) -> None:
    promote(db, "1.0.0")
    with (
        pytest.raises(OCIError, match="is a channel, which only a promotion moves"),
        db.exclusive(),
    ):
        MOVES[act](db, Digest.parse(pushed["1.1.0"]))
    assert at(db, "dev") == pushed["1.0.0"]
    channels.put(db, "team", ("prod",), "user:ann")
    stays.adopt(db, place(db), channels.of(db, APP))
    assert MOVES[act](db, Digest.parse(pushed["1.1.0"])) in (None, 1, 2)
    assert at(db, "dev") != pushed["1.0.0"]


def test_a_repository_has_its_own_channels_or_its_project(
    db: Connection, pushed: dict[str, str]
) -> None:
    channels.put(db, "team/app", ("stage",), "user:ann")
    with pytest.raises(UnknownError, match="its channels are stage"):
        promote(db, "1.0.0")
    assert not channels.has(db, APP, "dev")
    assert channels.has(db, Repository("team"), "dev")
    assert not channels.has(db, Repository("teams/app"), "dev")
    channels.put(db, "team/app", (), "user:ann")
    promote(db, "1.0.0")
    channels.forget(db, "team")
    assert channels.of(db, APP) == ()


def test_tags_that_were_there_become_stays(db: Connection, pushed: dict[str, str]) -> None:
    tags.point(db, place(db), Tag("stable"), Digest.parse(pushed["1.1.0"]))
    channels.put(db, "team", ("stable",), "user:ann")
    stays.adopt(db, place(db), channels.of(db, APP))
    found = stays.current(db, place(db)[0], "stable")
    assert found is not None
    assert (found.version, found.actor, found.kept) == ("1.1.0", "", True)
    promote(db, "1.2.0", "stable")
    assert of(db, pushed["1.1.0"]).kept


def test_approvals_stand_by_digest(db: Connection, pushed: dict[str, str]) -> None:
    number, digest = place(db)[0], pushed["1.0.0"]
    channels.set_gates(db, "team", "prod", {"approvals": 2})
    approvals.add(db, number, Approval(digest, "prod", "user:bob", "fine", 1.0))
    assert not of(db, digest).approved
    approvals.add(db, number, Approval(digest, "prod", "user:cy", "", 2.0))
    approvals.add(db, number, Approval(digest, "prod", "user:cy", "very", 3.0))
    assert of(db, digest).approved
    assert not of(db, pushed["1.1.0"]).approved
    assert [each.comment for each in approvals.of(db, number, digest)] == ["fine", "very"]
    assert approvals.withdraw(db, number, digest, "prod", "user:cy")
    assert not approvals.withdraw(db, number, digest, "prod", "user:cy")
    assert not of(db, digest).approved
