"""Facts from the database: whose approvals count, how long it soaked, what is attached and said."""

from dataclasses import replace
from typing import Any

import pytest
from tests.content import dump, image
from tests.db.pushed import APP, blob, manifest
from tests.signatures.test_valid import KEY, know, sign

from entrepot.auth.actor import Actor
from entrepot.db import (
    accounts,
    approvals,
    bad_versions,
    channels,
    freezes,
    grants,
    groups,
    manifests,
    projects,
    purge,
    reports,
    stays,
    trash,
    version_notes,
)
from entrepot.db.accounts import Kind
from entrepot.db.approvals import Approval
from entrepot.db.audit import By
from entrepot.db.bad_versions import BadVersion
from entrepot.db.connection import Connection
from entrepot.db.freezes import Freeze
from entrepot.db.projects import Project
from entrepot.db.reports import Report
from entrepot.db.stays import Candidate, Ended
from entrepot.db.trash import Keep
from entrepot.db.version_notes import Read
from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.oci.names import Tag
from entrepot.versions import approval, promotion
from entrepot.versions.errors import RefusedError, UnknownError
from entrepot.versions.facts import Facts, Way
from entrepot.versions.gathering import Promoter, gather, target
from entrepot.versions.promotion import Wanted

NOBODY = Promoter(Actor("user:nobody"), [])
GATES = {
    "approvals": 1,
    "approver_role": "maintainer",
    "reports": ["tests", "scan"],
    "artifacts": ["application/vnd.test"],
    "signed_by": ["release"],
    "only_forward": True,
}


@pytest.fixture
def digest(db: Connection) -> str:
    """Of 1.0.0, which ann pushed; prod asks for all there is."""
    blob(db, b"{}")
    read = Manifest.read(dump(image()), image()["mediaType"])
    manifests.put(db, APP, read, [Tag("1.0.0")], sparse=False, by=By("user:ann"))
    channels.put(db, "team", ("test", "prod"), "user:ann")
    channels.set_gates(db, "team", "prod", GATES)
    return str(read.digest)


def number(db: Connection) -> int:
    return promotion.find(db, APP)[0]


def facts(db: Connection, digest: str, version: str = "1.0.0") -> Facts:
    where = target(db, promotion.find(db, APP), "prod")
    return gather(db, where, Candidate(version, digest), NOBODY)


def user(db: Connection, name: str, *granted: tuple[str, str], kind: Kind = Kind.USER) -> str:
    account = accounts.create(db, kind, name, "user:ann")
    for role, pattern in granted:
        grants.add(db, account.subject, role, pattern, "user:ann")
    return account.subject


def in_group(db: Connection) -> str:
    subject = user(db, "bob")
    groups.create(db, "release", "", "user:ann")
    account = accounts.find(db, Kind.USER, "bob")
    assert account is not None
    groups.join(db, "release", account.id)
    grants.add(db, "group:release", "owner", "team*", "user:ann")
    return subject


def disabled(db: Connection) -> str:
    subject = user(db, "bob", ("maintainer", "*"))
    db.execute("update account set disabled = 1 where name = 'bob'")
    return subject


VOICES: dict[str, tuple[Any, str]] = {
    "a maintainer": (lambda db: user(db, "bob", ("maintainer", "team/*")), ""),
    "of this repository": (lambda db: user(db, "bob", ("maintainer", "team/app")), ""),
    "by a group": (in_group, ""),
    "an admin": (lambda db: user(db, "bob", ("admin", "*")), ""),
    "a writer": (
        lambda db: user(db, "bob", ("writer", "team/*"), ("creator", "*")),
        "they are not maintainer on team/app",
    ),
    "elsewhere": (
        lambda db: user(db, "bob", ("owner", "team/apps"), ("owner", "tea/*")),
        "they are not maintainer on team/app",
    ),
    "a robot": (
        lambda db: user(db, "ci", ("owner", "*"), kind=Kind.ROBOT),
        "it is not of a person who is here",
    ),
    "who is gone": (lambda _: "user:gone", "it is not of a person who is here"),
    "who is disabled": (disabled, "the account is disabled"),
    "who pushed it": (
        lambda db: user(db, "ann", ("owner", "*")),
        "they pushed it themselves",
    ),
}


@pytest.mark.parametrize(("make", "objection"), VOICES.values(), ids=VOICES)
def test_whose_approval_counts(db: Connection, digest: str, make: Any, objection: str) -> None:
    subject = make(db)
    approvals.add(db, number(db), Approval(digest, "prod", subject, ""))
    approvals.add(db, number(db), Approval(digest, "test", subject, ""))
    [voice] = facts(db, digest).voices
    assert (voice.actor, voice.objection) == (subject, objection)


def test_a_moved_tag_needs_new_approvals(db: Connection, digest: str) -> None:
    approvals.add(db, number(db), Approval(digest, "prod", user(db, "bob", ("owner", "*")), ""))
    blob(db, b"new")
    moved = str(manifest(db, image(config=b"new"), "1.0.0"))
    assert facts(db, digest).voices
    assert facts(db, moved).voices == ()


def test_who_retagged_it_is_its_pusher_too(db: Connection, digest: str) -> None:
    bob = user(db, "bob", ("owner", "*"))
    read = Manifest.read(dump(image()), image()["mediaType"])
    manifests.put(db, APP, read, [Tag("2.0.0")], sparse=False, by=By(bob))
    approvals.add(db, number(db), Approval(digest, "prod", bob, ""))
    assert facts(db, digest).voices[0].objection == ""
    assert facts(db, digest, "2.0.0").voices[0].objection == "they pushed it themselves"


APPROVERS = {
    "a robot": (Actor("robot:ci"), "maintainer", "person"),
    "a writer": (Actor("user:bob"), "writer", "role"),
    "by a token for less": (
        Actor("user:bob", limits=(("reader", "team/*"),)),
        "maintainer",
        "role",
    ),
    "the pusher": (Actor("user:ann"), "owner", "pusher"),
    "a robot of no role": (Actor("robot:ci"), "reader", "person role"),
}


@pytest.mark.parametrize(("actor", "role", "gates"), APPROVERS.values(), ids=APPROVERS)
def test_who_may_not_approve_is_told_at_once(
    db: Connection, digest: str, actor: Actor, role: str, gates: str
) -> None:
    grant = grants.add(db, actor.subject, role, "team/*", "user:ann")
    wanted = Wanted(APP, "1.0.0", "prod")
    with pytest.raises(RefusedError) as caught:
        approval.approve(db, wanted, Promoter(actor, [grant]), By(actor.subject))
    assert " ".join(each.gate for each in caught.value.refusals) == gates
    with pytest.raises(UnknownError, match="has not approved"):
        approval.withdraw(db, wanted, By(actor.subject))


def test_the_longest_stay_at_once_is_the_soak(db: Connection, digest: str) -> None:
    assert facts(db, digest).soaked is None
    for _ in range(2):
        stays.begin(db, number(db), "test", Candidate("1.0.0", digest), "user:ann", reason="")
        assert facts(db, digest).in_before
        stays.end(db, number(db), "test", Ended.SUPERSEDED)
    db.execute("update stay set since = until - 60 where id = (select min(id) from stay)")
    found = facts(db, digest)
    assert found.soaked == pytest.approx(60)
    assert not found.in_before
    stays.begin(db, number(db), "test", Candidate("1.0.0", digest), "user:ann", reason="")
    db.execute("update stay set since = since - 3600 where until is null")
    assert facts(db, digest).soaked == pytest.approx(3600, abs=60)


def test_of_one_name_the_newest_report_counts(db: Connection, digest: str) -> None:
    for name, passed in (("tests", True), ("scan", False), ("tests", False), ("scan", True)):
        report = Report(0, digest, name, passed, "", "robot:ci", 0)
        reports.add(db, number(db), report, "")
    found = facts(db, digest).reports
    assert {name: each.passed for name, each in found.items()} == {"tests": False, "scan": True}
    assert facts(db, f"sha256:{'0' * 64}").reports == {}


def test_of_reports_the_last_ones_are_kept(db: Connection, digest: str) -> None:
    report = Report(0, digest, "tests", True, "", "robot:ci", 0)
    for _ in range(reports.KEPT + 2):
        last = reports.add(db, number(db), report, "all")
    found = reports.of(db, number(db), digest)
    assert (len(found), found[0].id) == (reports.KEPT, last.id)


def test_what_was_said_goes_with_the_manifest_but_that_it_is_bad(
    db: Connection, digest: str
) -> None:
    reports.add(db, number(db), Report(0, digest, "tests", True, "", "robot:ci", 0), "")
    approvals.add(db, number(db), Approval(digest, "prod", "user:bob", ""))
    bad_versions.mark(db, number(db), BadVersion(digest, "1.0.0", "", "user:bob"))
    manifest(db, image(config=b"{}", artifactType="x/y"))
    item = manifests.remove(db, APP, Digest.parse(digest), keep=Keep(100))
    found = trash.find(db, item or 0)
    assert found is not None
    assert reports.of(db, number(db), digest)
    while not purge.purge(db, trash.end(db, found), 10):
        pass
    assert (reports.of(db, number(db), digest), approvals.of(db, number(db), digest)) == ([], [])
    assert bad_versions.find(db, number(db), digest)


def test_of_one_type_the_newest_artifact_counts(db: Connection, digest: str) -> None:
    subject = {"mediaType": image()["mediaType"], "digest": digest, "size": len(dump(image()))}
    artifact = {**image(), "artifactType": "application/vnd.test", "subject": subject}
    assert facts(db, digest).artifacts == {}
    manifest(db, artifact)
    assert facts(db, digest).artifacts == {"application/vnd.test": True}
    manifest(db, {**artifact, "annotations": {"io.entrepot.result": "failed"}})
    assert facts(db, digest).artifacts == {"application/vnd.test": False}
    manifest(db, {**artifact, "annotations": {"io.entrepot.result": "passed"}})
    assert facts(db, digest).artifacts == {"application/vnd.test": True}


def test_freezes_of_the_project_and_of_the_repository(db: Connection, digest: str) -> None:
    frozen = Freeze("team", "prod", None, "", 0, "user:ann")
    for each in (
        frozen,
        replace(frozen, scope="team/app", until=4e9),
        replace(frozen, channel="test"),
        replace(frozen, scope="team/other"),
    ):
        freezes.put(db, each)
    assert [each.scope for each in facts(db, digest).freezes] == ["team", "team/app"]
    freezes.put(db, replace(frozen, until=1.0))
    assert [each.scope for each in facts(db, digest).freezes] == ["team/app"]
    assert not freezes.remove(db, "team", "prod")
    assert freezes.remove(db, "team/app", "prod")


WAYS = {
    ("1.0.0", "1.0.1"): Way.BACKWARD,
    ("1.0.1", "1.0.0"): Way.FORWARD,
    ("1.10.0", "1.9.0"): Way.FORWARD,
    ("1.0.0-rc.1", "1.0.0"): Way.BACKWARD,
    ("1.0.0", "1.0.0"): Way.FORWARD,
    ("v2.0.0", "1.0.0"): Way.FORWARD,
    ("2026-11-26", "2026-11-25"): Way.FORWARD,
    ("17", "18"): Way.BACKWARD,
    ("edge", "1.0.0"): Way.UNKNOWN,
    ("green", "blue"): Way.UNKNOWN,
}


@pytest.mark.parametrize(("version", "there"), WAYS, ids=map(" over ".join, WAYS))
def test_which_way_it_goes(db: Connection, digest: str, version: str, there: str) -> None:
    assert facts(db, digest, version).way is Way.FORWARD
    stays.begin(db, number(db), "prod", Candidate(there, digest), "user:ann", reason="")
    assert facts(db, digest, version).way is WAYS[version, there]


def test_the_repository_says_how_its_tags_are_read(db: Connection, digest: str) -> None:
    stays.begin(db, number(db), "prod", Candidate("1.0.0", digest), "user:ann", reason="")
    version_notes.set_reading(db, (number(db), APP), Read("date"), By("user:ann"))
    assert facts(db, digest, "1.0.1").way is Way.UNKNOWN
    version_notes.set_reading(db, (number(db), APP), Read("semver", ("beta",)), By("user:ann"))
    assert facts(db, digest, "1.0.1-beta").way is Way.FORWARD


def test_who_signed_this_very_digest(db: Connection, digest: str) -> None:
    projects.create(db, Project("team"), "user:ann")
    know(db, KEY, "release")
    assert facts(db, digest).signers == frozenset()
    sign(db, digest)
    assert facts(db, digest).signers == {"release"}
    blob(db, b"new")
    assert facts(db, str(manifest(db, image(config=b"new")))).signers == frozenset()
