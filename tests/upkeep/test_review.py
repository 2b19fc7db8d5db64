"""The review: what is unused, endless, wide, old, public or near its end is found; nothing else."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.content import image
from tests.db.pushed import blob, manifest

from entrepot.auth import keyring
from entrepot.auth.authority import Authority
from entrepot.db import accounts, audit, engine, grants, groups, issuers, keys, projects, secrets
from entrepot.db.audit import By, Event
from entrepot.db.connection import Connection
from entrepot.db.issuers import Issuer
from entrepot.db.projects import Project
from entrepot.oci.names import Repository
from entrepot.upkeep.review import review
from entrepot.upkeep.review.finding import Finding, Severity
from entrepot.upkeep.review.logins import peaks

DAY = 86400.0
NOW = 1_800_000_000.0

Do = Callable[[Connection], object]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Connection]:
    engine.prepare(tmp_path)
    with closing(engine.connect(tmp_path)) as db:
        yield db


def user(db: Connection, name: str = "ann", made: float = 1, seen: float | None = 1) -> int:
    """A user who was made, and seen, so many days ago."""
    number = accounts.create(db, accounts.Kind.USER, name, "test").id
    seen_at = None if seen is None else NOW - seen * DAY
    query = "update account set created_at = ?, seen_at = ? where id = ?"
    db.execute(query, (NOW - made * DAY, seen_at, number))
    return number


def token(
    db: Connection,
    made: float = 1,
    used: float | None = 1,
    expires: float | None = 1,
    kind: secrets.Kind = secrets.Kind.PERSONAL,
) -> None:
    """A token of a user who is in order; it expires in so many days."""
    ends = None if expires is None else NOW + expires * DAY
    made_ = secrets.add(db, kind, user(db), "laptop", "hash", expires_at=ends)
    used_at = None if used is None else NOW - used * DAY
    query = "update secret set created_at = ?, used_at = ? where id = ?"
    db.execute(query, (NOW - made * DAY, used_at, made_.id))


def grant(
    db: Connection,
    role: str = "reader",
    pattern: str = "team/*",
    made: float = 100,
    used: float | None = 1,
    subject: str = "user:ann",
) -> None:
    number = grants.add(db, subject, role, pattern, "test").id
    used_at = None if used is None else NOW - used * DAY
    query = "update permission set created_at = ?, used_at = ? where id = ?"
    db.execute(query, (NOW - made * DAY, used_at, number))


def did(db: Connection, action: str, repository: str = "team/app", **words: object) -> None:
    given: dict[str, object] = {"at": NOW - DAY, "by": By("user:ann"), **words}
    audit.append(db, Event(action, repository=repository, **given))  # type: ignore[arg-type]


def pushed(db: Connection, *names: str) -> None:
    """Repositories that hold something."""
    for name in names:
        repository = Repository.parse(name)
        blob(db, b"{}", repository)
        manifest(db, image(), "1", repository=repository)


def each(*steps: Do) -> Do:
    return lambda db: [step(db) for step in steps]


def key(age: float, *, retired: bool = False) -> Do:
    def add(db: Connection) -> None:
        made = keyring.make()
        keys.add(db, made)
        at = NOW if retired else None
        query = "update signing_key set created_at = ?, retired_at = ? where id = ?"
        db.execute(query, (NOW - age * DAY, at, made.id))

    return add


def disabled(db: Connection) -> None:
    accounts.set_disabled(db, user(db, seen=200), disabled=True)


def group_that(*actions: str) -> Do:
    def make(db: Connection) -> None:
        groups.create(db, "dev", "", "test")
        groups.join(db, "dev", user(db))
        grant(db, "writer", subject="group:dev")
        for action in actions:
            did(db, action)

    return make


CASES: dict[str, tuple[Do, list[tuple[str, str, str]]]] = {
    "nothing": (lambda db: None, []),
    "an account in use": (lambda db: user(db, made=500, seen=89), []),
    "a new account": (lambda db: user(db, made=89, seen=None), []),
    "an account unused": (
        lambda db: user(db, made=500, seen=91),
        [("unused account", "user:ann", "not used for 91 days")],
    ),
    "an account never used": (
        lambda db: user(db, made=91, seen=None),
        [("unused account", "user:ann", "not used since it was made for 91 days")],
    ),
    "a disabled account": (disabled, []),
    "a token in use": (lambda db: token(db, made=500), []),
    "a new token": (lambda db: token(db, used=None), []),
    "a token unused": (
        lambda db: token(db, made=500, used=91),
        [("unused token", "token laptop of user:ann", "revoke it")],
    ),
    "a token never used": (
        lambda db: token(db, made=91, used=None),
        [("unused token", "token laptop of user:ann", "not used for 91 days")],
    ),
    "a token without expiry": (
        lambda db: token(db, expires=None),
        [("endless token", "token laptop of user:ann", "never expires")],
    ),
    "a robot's secret without expiry": (
        lambda db: token(db, expires=None, kind=secrets.Kind.ROBOT),
        [("endless token", "secret laptop of user:ann", "never expires")],
    ),
    "an expired token": (lambda db: token(db, made=500, used=200, expires=-1), []),
    "a refresh token": (lambda db: token(db, made=500, used=200, kind=secrets.Kind.REFRESH), []),
    "a grant in use": (each(grant, lambda db: did(db, "pull")), []),
    "a new grant": (lambda db: grant(db, made=89, used=None), []),
    "a grant never used": (
        lambda db: grant(db, used=None),
        [("grant never used", "grant 1", "never used for 100 days: entrepot grant remove 1")],
    ),
    "a grant unused": (
        lambda db: grant(db, made=500, used=91),
        [("unused grant", "grant 1", "not used for 91 days")],
    ),
    "a role for the registry": (lambda db: grant(db, "admin", "*", made=500, used=None), []),
    "a writer who only pulls": (
        each(lambda db: grant(db, "writer"), lambda db: did(db, "pull")),
        [("grant wider than its use", "grant 1", "only pull seen within 90 days: reader would")],
    ),
    "a writer who pushes": (
        each(lambda db: grant(db, "writer"), lambda db: did(db, "pushed")),
        [],
    ),
    "a maintainer who only adds tags": (
        each(lambda db: grant(db, "maintainer"), lambda db: did(db, "tagged")),
        [("grant wider than its use", "grant 1", "only push seen within 90 days: writer would")],
    ),
    "a maintainer who moves tags": (
        each(
            lambda db: grant(db, "maintainer"),
            lambda db: did(db, "tagged", detail={"old": "sha256:aa"}),
        ),
        [],
    ),
    "a maintainer who deletes": (
        each(lambda db: grant(db, "maintainer"), lambda db: did(db, "untagged")),
        [],
    ),
    "an owner who only pulls": (
        each(lambda db: grant(db, "owner"), lambda db: did(db, "pull")),
        [],
    ),
    "a writer who pulled, and pushed long ago": (
        each(
            lambda db: grant(db, "writer"),
            lambda db: did(db, "pushed", at=NOW - 91 * DAY),
            lambda db: did(db, "pull"),
        ),
        [("grant wider than its use", "grant 1", "reader would do")],
    ),
    "a writer who was not let push": (
        each(
            lambda db: grant(db, "writer"),
            lambda db: did(db, "pushed", result="denied"),
            lambda db: did(db, "pull"),
        ),
        [("grant wider than its use", "grant 1", "reader would do")],
    ),
    "what others do, and elsewhere, does not count": (
        each(
            lambda db: grant(db, "writer"),
            lambda db: did(db, "pushed", by=By("user:bob")),
            lambda db: did(db, "pushed", "teams/app"),
            lambda db: did(db, "pull"),
        ),
        [("grant wider than its use", "grant 1", "reader would do")],
    ),
    "a group whose members only pull": (
        group_that("pull"),
        [("grant wider than its use", "grant 1", "group:dev is writer on team/*, only pull seen")],
    ),
    "a group whose member pushes": (group_that("pull", "pushed"), []),
    "a pattern used in one of several": (
        each(
            lambda db: pushed(db, "team/app", "team/web", "team", "other/app"),
            grant,
            lambda db: did(db, "pull"),
        ),
        [
            (
                "grant wider than its use",
                "grant 1",
                "used within 90 days only in team/app, of 3 repositories",
            )
        ],
    ),
    "a pattern used in all": (
        each(
            lambda db: pushed(db, "team/app", "other/app"),
            grant,
            lambda db: did(db, "pull"),
        ),
        [],
    ),
    "projects": (
        each(
            lambda db: projects.create(db, Project("base", public=True), "test"),
            lambda db: projects.create(db, Project("team"), "test"),
        ),
        [("public project", "project:base", "anyone may pull from it")],
    ),
    "a young key": (key(89), []),
    "an old key": (key(91), [("old signing key", "key ", "signed tokens for 91 days")]),
    "an old key that is retired": (key(91, retired=True), []),
    "failed logins": (
        lambda db: did(db, "login", "", result="denied", reference="user:ann", times=11),
        [("failed logins", "user:ann", "11 logins failed within an hour")],
    ),
    "failed logins long ago": (
        lambda db: did(
            db, "login", "", result="denied", reference="user:ann", times=11, at=NOW - 8 * DAY
        ),
        [],
    ),
    "logins that did not fail": (
        lambda db: did(db, "login", "", reference="user:ann", times=11),
        [],
    ),
}


@pytest.mark.parametrize(("make", "wanted"), CASES.values(), ids=CASES)
def test_found(db: Connection, make: Do, wanted: list[tuple[str, str, str]]) -> None:
    make(db)
    found = review(db, NOW)
    assert [finding.kind for finding in found] == [kind for kind, _, _ in wanted]
    for finding, (_, subject, text) in zip(found, wanted, strict=True):
        assert finding.subject.startswith(subject)
        assert text in finding.text
        json_safe = finding.document()
        assert json_safe["severity"] in ("notice", "warning", "critical")


def test_how_long_makes_something_unused_can_be_said(db: Connection) -> None:
    user(db, made=500, seen=40)
    assert review(db, NOW) == []
    assert [finding.since for finding in review(db, NOW, 30 * DAY)] == [NOW - 40 * DAY]


def test_the_worst_comes_first(db: Connection, tmp_path: Path) -> None:
    projects.create(db, Project("base", public=True), "test")
    user(db, made=500, seen=91)
    found = review(db, NOW, files=[tmp_path / "none.crt"])
    assert [finding.severity for finding in found] == ["critical", "warning", "notice"]


HOUR = 3600
PEAKS: dict[str, tuple[list[tuple[float, int]], int]] = {
    "ten at once": ([(0, 10)], 0),
    "eleven at once": ([(0, 11)], 11),
    "eleven within the hour": ([(n * 359, 1) for n in range(11)], 11),
    "eleven in more than an hour": ([(n * 360, 1) for n in range(11)], 0),
    "the highest of two": ([(0, 11), (2 * HOUR, 20), (4 * HOUR, 12)], 20),
    "over the turn of an hour": ([(HOUR - 5, 6), (HOUR + 5, 6)], 12),
}


@pytest.mark.parametrize(("failed", "most"), PEAKS.values(), ids=PEAKS)
@pytest.mark.parametrize("kind", ["account", "address"])
def test_peaks(failed: list[tuple[float, int]], most: int, kind: str) -> None:
    from entrepot.db.usage import Failure

    account, address = ("user:ann", "") if kind == "account" else ("", "10.0.0.1")
    found = list(peaks([Failure(at, account, address, times) for at, times in failed]))
    assert len(found) == (most > 0)
    if found:
        assert f"{most} logins failed" in found[0].text
        assert found[0].subject == (account or f"address {address}")


ENDS: dict[str, tuple[float, list[tuple[Severity, str]]]] = {
    "in a year": (-365, []),
    "in 31 days": (-31, []),
    "in 29 days": (-29, [(Severity.WARNING, "ends in 29 days: renew it")]),
    "in 6 days": (-6, [(Severity.CRITICAL, "ends in 6 days: renew it")]),
    "a day ago": (1, [(Severity.CRITICAL, "ended 1 day ago: renew it")]),
}


@pytest.mark.parametrize(("after", "wanted"), ENDS.values(), ids=ENDS)
@pytest.mark.parametrize("where", ["file", "issuer"])
def test_certificates(
    db: Connection,
    tmp_path: Path,
    after: float,
    wanted: list[tuple[Severity, str]],
    where: str,
) -> None:
    ca = Authority.new("tests").own
    file = tmp_path / "ca.crt"
    file.write_bytes(ca.certificate_pem)
    if where == "issuer":
        issuers.put_issuer(db, Issuer("https://ci", ca.certificate_pem.decode(), None), "test")
    now = ca.certificate.not_valid_after_utc.timestamp() + after * DAY
    found = review(db, now, files=[file] if where == "file" else [])
    assert [(finding.severity, finding.text.partition(" tests ")[2]) for finding in found] == wanted
    for finding in found:
        assert finding.subject == (str(file) if where == "file" else "issuer https://ci")


def test_a_certificate_that_cannot_be_read(db: Connection, tmp_path: Path) -> None:
    (tmp_path / "a.crt").write_text("nonsense")
    for name, text in {"a.crt": "a.crt", "none.crt": "No such file"}.items():
        [finding] = review(db, time.time(), files=[tmp_path / name])
        assert finding.severity is Severity.CRITICAL
        assert text in finding.text


def test_a_moment_in_json() -> None:
    finding = Finding("a", Severity.NOTICE, "b", "c", 0)
    assert finding.document()["since"] == "1970-01-01T00:00:00+00:00"
