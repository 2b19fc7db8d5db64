"""`Login`: what someone brings, a password, a secret, a token, a certificate, becomes an actor.

A name that nobody has takes as long to refuse as a wrong password, and gets the same words.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from entrepot.auth import certificates, pull_tokens, tokens
from entrepot.auth.actor import Actor, Session
from entrepot.auth.directory import Directory
from entrepot.auth.passwords import FRESH, Passwords
from entrepot.auth.providers import Providers
from entrepot.auth.secrets import fingerprint, is_ours
from entrepot.auth.throttle import Throttle
from entrepot.auth.trail import Trail
from entrepot.db import accounts, secrets
from entrepot.db.accounts import Account
from entrepot.db.audit import DENIED, By, Event
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.secrets import Kind, Secret

_VIA = {
    Kind.PERSONAL: "token",
    Kind.ROBOT: "robot secret",
    Kind.SESSION: "session",
    Kind.REFRESH: "refresh token",
}


_CROWDED = 5
"""Seconds after which there should be room again."""


class RefusedError(Exception):
    """A credential is not good; the text may be told to whoever brought it."""

    def __init__(
        self,
        message: str,
        *,
        who: str = "",
        wait: int = 0,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.who = who
        """The account that they tried to be, where there is one of that name."""
        self.wait = wait
        """Seconds after which another try is let through."""
        self.detail = {"why": message, **(detail or {})}
        """What the audit is told, and nobody else."""


class Login:
    """Lets actors in."""

    def __init__(
        self, database: Database, directory: Directory, trail: Trail, providers: Providers
    ) -> None:
        self._database = database
        self._directory = directory
        self._trail = trail
        self.providers = providers
        self.passwords = Passwords()
        self._throttle = Throttle()
        self._trying: dict[tuple[str, str], asyncio.Task[Session | RefusedError]] = {}

    async def basic(self, name: str, password: str, by: By) -> Session:
        """A name and a password, secret or workload's token; `by` says from where."""
        if password.startswith("eyJ") and password.count(".") == 2:
            return await self._pull_token(password, by) or await self.exchange(password, by)
        if is_ours(password):
            return await self.bearer(password, by, Kind.PERSONAL, Kind.ROBOT, via="password")
        return await self.password(name, password, by)

    async def password(self, name: str, password: str, by: By) -> Session:
        """A name and a password, and nothing else."""
        with self.watched(by, "password"):
            session = await self._password(name, password, by.address)
        self.note(session.actor, by)
        return session

    async def bearer(self, text: str, by: By, *kinds: Kind, via: str = "token") -> Session:
        """One of the secrets that we made."""
        with self.watched(by, via):
            session = await self.secret(text, *kinds)
        self.note(session.actor, by)
        return session

    async def _pull_token(self, token: str, by: By) -> Session | None:
        """A pull token; None where it is none of ours, but may be an issuer's."""
        keys, rules = await self._directory.keys(), await self._directory.trusts()
        with self.watched(by, "pull token"):
            try:
                session = pull_tokens.read(token, rules, keys)
            except tokens.ForeignError:
                return None
            except tokens.TokenError as error:
                raise RefusedError(str(error)) from None
        self.note(session.actor, by)
        return session

    async def exchange(self, token: str, by: By) -> Session:
        """A token of an issuer that is trusted here."""
        with self.watched(by, "workload token"):
            session = await (await self.providers.workloads()).login(token)
        self.note(session.actor, by)
        return session

    @contextmanager
    def watched(self, by: By, via: str) -> Iterator[None]:
        """Write down who was not let in; whom they tried to be only where that is somebody."""
        try:
            yield
        except RefusedError as error:
            by, detail = replace(by, via=via), error.detail
            self._trail.note(Event("login", by, reference=error.who, result=DENIED, detail=detail))
            raise

    def note(self, actor: Actor, by: By) -> None:
        """Write down that someone came in."""
        detail = dict(actor.detail)
        self._trail.note(
            Event("login", replace(by, actor=actor.subject, via=actor.via, detail=detail))
        )
        self._trail.used(actor.account, actor.secret)

    async def _password(self, name: str, password: str, address: str) -> Session:
        """Those who come at once with the same are one try: the nodes of a cluster do."""
        pair = name, password
        trying = self._trying.get(pair)
        if trying is None:
            trying = self._trying[pair] = asyncio.create_task(self._try(name, password, address))
            trying.add_done_callback(lambda _: self._trying.pop(pair))
        found = await asyncio.shield(trying)
        if isinstance(found, RefusedError):
            raise found
        return found

    async def _try(self, name: str, password: str, address: str) -> Session | RefusedError:
        account = await self._account(accounts.Kind.USER, name)
        who = account.subject if account else ""
        kept = account.password if account and not account.disabled else None
        if account and self.passwords.known(kept, password):
            return Session(await self.actor(account, "password"), expires=time.time() + FRESH)
        if wait := self._throttle.wait(name, address):
            return RefusedError(f"too many failed logins: wait {wait} s", who=who, wait=wait)
        if self.passwords.crowded:
            raise RefusedError("too many log in just now: try again", who=who, wait=_CROWDED)
        self._throttle.tries(name, address)
        good = await self.passwords.verify(kept, password)
        account = await self._account(accounts.Kind.USER, name)
        changed = account is None or account.disabled or account.password != kept
        if not good or account is None or changed:  # it took a while, and may be no longer so
            return RefusedError("wrong user name or password", who=who)
        self._throttle.succeeded(name, address)
        return Session(await self.actor(account, "password"), expires=time.time() + FRESH)

    async def secret(self, text: str, *kinds: Kind) -> Session:
        """One of the secrets that we made. Raises `RefusedError`."""
        found, account = await self._database.read(partial(_by_hash, text=text))
        if found is None or account is None or found.kind not in kinds or account.disabled:
            raise RefusedError("this token is not good: it was revoked, or never was one")
        now = time.time()
        if found.expires_at is not None and found.expires_at <= now:
            raise RefusedError("this token has expired: make a new one", who=account.subject)
        ends = float("inf") if found.expires_at is None else found.expires_at
        return Session(
            await self._by_secret(account, found), expires=min(now + FRESH, ends), ends=ends
        )

    async def _by_secret(self, account: Account, found: Secret) -> Actor:
        via = f"{_VIA[found.kind]} {found.name}"
        actor = await self.actor(account, via)
        return replace(actor, secret=found.id, limits=found.limits, life=found.life)

    async def certificate(self, pem: str) -> Session | None:
        """A client certificate that the handshake verified; None where no rule knows it."""
        rules = await self._directory.certificate_rules()
        try:
            found = certificates.subject(rules, certificates.names(pem)) if rules else None
        except ValueError:  # verified, and yet written as no certificate should be
            return None
        if found is None:
            return None
        (kind, _, name), rule = found[0].partition(":"), found[1]
        account = await self._account(accounts.Kind(kind), name)
        if account is None or account.disabled:
            return None
        actor = await self.actor(account, f"certificate {rule}")
        return Session(actor, expires=time.time() + FRESH)

    async def _account(self, kind: accounts.Kind, name: str) -> Account | None:
        return await self._database.read(partial(accounts.find, kind=kind, name=name))

    async def actor(self, account: Account, via: str) -> Actor:
        """An account as an actor, with its groups."""
        groups = [f"group:{name}" for name in await self._directory.groups(account.id)]
        return Actor(account.subject, (account.subject, *groups), via, account.id)


def _by_hash(db: Connection, text: str) -> tuple[Secret | None, Account | None]:
    """A secret and whose it is."""
    found = secrets.by_hash(db, fingerprint(text))
    return found, accounts.by_id(db, found.account) if found else None
