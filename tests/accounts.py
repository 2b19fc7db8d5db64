"""Accounts for tests: users, robots, tokens and grants of a registry that runs, made in its folder.

Each is there for all of the registry's processes when its function returns.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.auth.oidc.issuing import AUDIENCE, KEY, claims, public, sign

from entrepot.auth import bootstrap, passwords, secrets
from entrepot.auth.actor import parse_subject
from entrepot.auth.roles import Role
from entrepot.db import (
    accounts,
    certificates,
    engine,
    floating_rules,
    grants,
    groups,
    immutable_rules,
    issuers,
    jobs,
    projects,
    upstreams,
    webhooks,
)
from entrepot.db import secrets as kept
from entrepot.db.accounts import Account, Kind
from entrepot.db.audit import By, Event
from entrepot.db.certificates import Rule
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.generation import Generation
from entrepot.db.projects import Project
from entrepot.db.upstreams import Upstream
from entrepot.db.webhooks import Webhook

_BY = By("user:admin", via="test")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a client logs in with."""

    name: str
    secret: str

    @property
    def pair(self) -> tuple[str, str]:
        """As HTTP clients take it for Basic."""
        return self.name, self.secret


ISSUER = "https://ci.example.com"
ADMIN = Credential("admin", "correct horse battery")


def first_start(data: Path) -> None:
    """What `entrepot serve` makes at its first start, for apps that are served without it."""
    engine.prepare(data)
    with closing(engine.connect(data)) as db:
        bootstrap.furnish(db, ADMIN.secret)


class Accounts:
    """The accounts of the registry over `data`, which runs or has run once."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def user(self, name: str, *granted: str, password: str | None = None) -> Credential:
        """A user, with grants written `writer:team/*`; the password is made up where none is."""
        chosen = password or passwords.make()
        with self._change(f"user create {name}") as db:
            hashed = passwords.hashed(chosen)
            accounts.create(db, Kind.USER, name, _BY.actor, password=hashed)
            _grant(db, f"user:{name}", granted)
        return Credential(name, chosen)

    def password(self, name: str, password: str) -> Credential:
        """A user's new password."""
        with self._change(f"user password {name}") as db:
            account = _account(db, Kind.USER, name)
            accounts.set_password(db, account.id, passwords.hashed(password))
        return Credential(name, password)

    def token(self, user: str, *limits: str, name: str = "laptop") -> Credential:
        """A personal token of a user, limited to roles on patterns where those are given."""
        pairs = tuple(_pair(text) for text in limits)
        text = secrets.make(kept.Kind.PERSONAL)
        with self._change(f"token create {user}") as db:
            number = _account(db, Kind.USER, user).id
            fingerprint = secrets.fingerprint(text)
            kept.add(db, kept.Kind.PERSONAL, number, name, fingerprint, limits=pairs or None)
        return Credential(user, text)

    def robot(self, name: str, *granted: str, expires_at: float | None = None) -> Credential:
        """A robot with grants."""
        text = secrets.make(kept.Kind.ROBOT)
        with self._change(f"robot create {name}") as db:
            account = accounts.create(db, Kind.ROBOT, name, _BY.actor)
            fingerprint = secrets.fingerprint(text)
            kept.add(db, kept.Kind.ROBOT, account.id, name, fingerprint, expires_at=expires_at)
            _grant(db, f"robot:{name}", granted)
        return Credential(name, text)

    def workload(self, name: str, *granted: str) -> Credential:
        """What CI jobs whose issuer is trusted show in place of a password, with grants."""
        with self._change(f"trust add {name}") as db:
            issuers.put_issuer(db, issuers.Issuer(ISSUER, None, public(KEY)), _BY.actor)
            rule = issuers.Trust(name, ISSUER, AUDIENCE, {"sub": name})
            issuers.put_trust(db, rule, _BY.actor)
            _grant(db, f"workload:{name}", granted)
        return Credential("oidc", sign(claims(ISSUER, sub=name)))

    def group(self, name: str, *members: str) -> None:
        """A group of users."""
        with self._change(f"group create {name}") as db:
            groups.create(db, name, "", _BY.actor)
            for member in members:
                groups.join(db, name, _account(db, Kind.USER, member).id)

    def project(self, name: str, *, public: bool = False, immutable: tuple[str, ...] = ()) -> None:
        """A project."""
        with self._change(f"project create {name}") as db:
            projects.create(db, Project(name, public=public), _BY.actor)
            immutable_rules.set_globs(db, name, immutable, by=_BY.actor)

    def webhook(self, number: str, pattern: str, url: str = "https://127.0.0.1:9/hook") -> None:
        """A webhook."""
        made = Webhook(number, url, "a secret of ours", pattern, frozenset(), "cloudevents")
        with self._change(f"webhook create {number}") as db:
            webhooks.add(db, made)
            jobs.ask(db, "webhooks")

    def upstream(self, project: str, url: str = "https://127.0.0.1:9") -> None:
        """A project that stands for another registry."""
        made = Upstream(project, url, (f"{project}.test",), login="bot", secret="a secret of ours")
        with self._change(f"upstream create {project}") as db:
            projects.create(db, Project(project), _BY.actor)
            upstreams.put(db, made)

    def floats(self, pattern: str, **asked: bool) -> None:
        """Have tags float in the repositories of a pattern."""
        with self._change(f"floating set {pattern}") as db:
            floating_rules.put(db, pattern, floating_rules.Asked(**asked), _BY.actor)

    def grant(self, subject: str, *granted: str) -> None:
        """Give a subject such as group:dev roles on patterns."""
        with self._change(f"grant add {subject}") as db:
            _grant(db, subject, granted)

    def revoke(self, subject: str, granted: str) -> None:
        """Take a grant back."""
        role, pattern = _pair(granted)
        with self._change(f"grant remove {subject}") as db:
            for grant in grants.of_subjects(db, [subject]):
                if (grant.role, grant.pattern) == (role, pattern):
                    grants.remove(db, grant.id)

    def certificate(self, common_name: str, subject: str) -> None:
        """Have certificates of this common name mean the account."""
        with self._change(f"certificate rule {common_name}") as db:
            rule = Rule(common_name, "cn", common_name, parse_subject(subject))
            certificates.put(db, rule, _BY.actor)

    @contextmanager
    def _change(self, what: str) -> Iterator[Connection]:
        with closing(engine.connect(self.data)) as db:
            db.execute("begin immediate")
            yield db
            record_access(db, Event("test", _BY, reference=what))
            db.execute("commit")
        with closing(Generation(self.data)) as generation:
            generation.bump()


def _account(db: Connection, kind: Kind, name: str) -> Account:
    found = accounts.find(db, kind, name)
    assert found is not None, f"no {kind} {name}"
    return found


def _grant(db: Connection, subject: str, granted: tuple[str, ...]) -> None:
    for text in granted:
        role, pattern = _pair(text)
        grants.add(db, parse_subject(subject), Role(role), pattern, _BY.actor)


def _pair(text: str) -> tuple[str, str]:
    """`writer:team/*` as a role and a pattern."""
    role, _, pattern = text.partition(":")
    return Role(role).value, pattern
