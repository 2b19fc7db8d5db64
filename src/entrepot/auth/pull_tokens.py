"""Pull tokens: what a workload trades its token for where a password is wanted.

The kubelet hands the container runtime a name and a password, which it shows for as long as the
pull takes: longer, maybe, than a registry token lives. A pull token only pulls, and what its
workload may at that moment; it ends with the token it was made from, and at once where one of
the trust rules that it came by is changed or removed. Nobody keeps it.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from entrepot.auth import tokens
from entrepot.auth.actor import Session
from entrepot.auth.passwords import FRESH
from entrepot.auth.roles import Role
from entrepot.auth.tokens import Issued, TokenError
from entrepot.db.issuers import Trust
from entrepot.db.keys import SigningKey

LONGEST = 3600
"""Seconds that one is good at most."""

_AUDIENCE = "entrepot:pull"
_LIMITS = ((Role.READER.value, "*"),)


def issue(session: Session, rules: Sequence[Trust], keys: Sequence[SigningKey]) -> Issued:
    """A pull token for a workload that has just shown its own. Raises `keyring.NoKeyError`."""
    actor = replace(session.actor, limits=_LIMITS)
    seconds = int(min(LONGEST, session.ends - time.time()))
    more = {"rules": _versions(rules, actor.subjects)}
    return tokens.sign(actor, _AUDIENCE, more, keys, max(1, seconds))


def read(token: str, rules: Sequence[Trust], keys: Sequence[SigningKey]) -> Session:
    """Whom a pull token means. Raises `TokenError`."""
    claims = tokens.verified(token, _AUDIENCE, keys)
    actor, ends = tokens.actor(claims), claims["exp"]
    if ends <= time.time():  # the leeway is for clocks, and would let a token renew itself
        raise tokens.ExpiredError("the token has expired: ask for a new one")
    if claims["rules"] != _versions(rules, actor.subjects):
        raise TokenError("a trust rule of this token was changed: ask for a new one")
    return Session(actor, expires=min(time.time() + FRESH, ends), ends=ends)


def _versions(rules: Sequence[Trust], subjects: Sequence[str]) -> Mapping[str, str]:
    """For each rule that means one of them, a word for what it says now."""
    return {each.name: _version(each) for each in rules if f"workload:{each.name}" in subjects}


def _version(rule: Trust) -> str:
    said = [rule.issuer, rule.audience, sorted(rule.claims.items()), rule.created_at]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
