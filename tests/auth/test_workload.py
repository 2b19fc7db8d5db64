"""Whom a workload's token means: real tokens, real issuers, rules in a real database."""

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.auth.oidc.elsewhere import CA, LOOPBACK
from tests.auth.oidc.issuing import AUDIENCE, KEY, STRANGER, Issuing, claims, issuing, public, sign
from tests.auth.oidc.platforms import DETAILS, GITHUB, GITLAB, KUBERNETES

from entrepot.auth.directory import Directory
from entrepot.auth.login import RefusedError
from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.issuers import Issuers
from entrepot.auth.oidc.outbound import Outbound, resolve
from entrepot.auth.workload import Workloads
from entrepot.db import issuers
from entrepot.db.audit import NOBODY, Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.issuers import Issuer, Trust
from entrepot.db.sqlite import SQLiteDatabase

CLUSTER = "https://kubernetes.default.svc.cluster.local"


@dataclass
class Rules:
    """The rules that are in force, and who follows them."""

    database: SQLiteDatabase
    workloads: Workloads

    async def put(self, name: str, issuer: str, of: Mapping[str, str], aud: str = AUDIENCE) -> None:
        await self.change(partial(issuers.put_trust, trust=Trust(name, issuer, aud, of), by="test"))

    async def change(self, write: Callable[[Connection], object]) -> None:
        def both(db: Connection) -> None:
            write(db)
            record_access(db, Event("test", NOBODY))

        await self.database.write(both)

    async def refuse(self, token: str, why: str) -> RefusedError:
        with pytest.raises(RefusedError, match=why) as caught:
            await self.workloads.login(token)
        return caught.value


@pytest.fixture
def party() -> Iterator[Issuing]:
    """An issuer with a private CA, found by discovery."""
    with issuing() as found:
        yield found


@pytest.fixture
async def rules(tmp_path: Path, party: Issuing) -> AsyncIterator[Rules]:
    database = SQLiteDatabase(tmp_path)
    found = Rules(database, _workloads(database, Outbound(LOOPBACK)))
    for issuer in (Issuer(party.party.url, CA, None), Issuer(CLUSTER, None, public(KEY))):
        await found.change(partial(issuers.put_issuer, issuer=issuer, by="test"))
    yield found
    await database.close()


def _workloads(database: SQLiteDatabase, outbound: Outbound) -> Workloads:
    return Workloads(Directory(database), Issuers(Discovery(outbound)))


MEANT: dict[str, tuple[dict[str, Any], dict[str, Mapping[str, str]], Sequence[str]]] = {
    "service accounts of some namespaces": (
        KUBERNETES,
        {"team": {"sub": "system:serviceaccount:team-*:builder"}},
        ["team"],
    ),
    "a claim inside others": (KUBERNETES, {"n": {"kubernetes.io/node/name": "worker-?"}}, ["n"]),
    "several rules match": (
        GITHUB,
        {"z": {"repository": "octo/*"}, "a": {"ref": "refs/heads/main"}, "m": {"ref": "other"}},
        ["a", "z"],
    ),
    "all conditions": (GITLAB, {"p": {"project_path": "group/*", "ref_protected": "true"}}, ["p"]),
    "one condition is not met": (GITLAB, {"p": {"project_path": "group/*", "ref": "dev"}}, []),
    "another's repository": (GITHUB, {"p": {"repository": "octo2/*"}}, []),
    "no condition at all": (GITHUB, {"p": {}}, []),
    "no rule": (GITHUB, {}, []),
}


@pytest.mark.parametrize("by", ["discovery", "jwks"])
@pytest.mark.parametrize(("said", "wanted", "meant"), MEANT.values(), ids=MEANT)
async def test_whom_a_token_means(
    rules: Rules,
    party: Issuing,
    said: dict[str, Any],
    wanted: dict[str, Mapping[str, str]],
    meant: Sequence[str],
    by: str,
) -> None:
    issuer = CLUSTER if by == "jwks" else party.party.url
    for name, conditions in wanted.items():
        await rules.put(name, issuer, conditions)
    token = sign(claims(issuer, **said))
    if not meant:
        await rules.refuse(token, "no rule here says whom" if wanted else "another audience")
        return
    actor = (await rules.workloads.login(token)).actor
    assert actor.subject == f"workload:{meant[0]}"
    assert actor.subjects == tuple(f"workload:{name}" for name in meant)
    assert actor.via == "workload token"
    assert actor.account is None


@pytest.mark.parametrize(("said", "details"), DETAILS.values(), ids=DETAILS)
async def test_what_the_audit_learns(
    rules: Rules, said: dict[str, Any], details: dict[str, str]
) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    actor = (await rules.workloads.login(sign(claims(CLUSTER, **said)))).actor
    assert details.items() <= actor.detail.items()


async def test_a_session_ends_with_its_token(rules: Rules) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    now = int(time.time())
    short = await rules.workloads.login(sign(claims(CLUSTER, iat=now - 100, exp=now + 20)))
    long = await rules.workloads.login(sign(claims(CLUSTER, iat=now, exp=now + 3000)))
    assert (short.ends, short.expires, short.actor.life) == (now + 20, now + 20, 120)
    assert (long.ends, long.actor.life) == (now + 3000, 3000)
    assert now < long.expires < now + 600


async def test_a_token_that_does_not_say_its_age_is_old(rules: Rules) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    session = await rules.workloads.login(sign(claims(CLUSTER, iat=None)))
    assert session.actor.life is not None
    assert session.actor.life > 10**9


@pytest.mark.parametrize("exp", [10**300, 10**3000, 1e300])
async def test_a_token_without_an_end_worth_the_name(rules: Rules, exp: float) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    for iat in (None, 0, -(10**3000)):
        session = await rules.workloads.login(sign(claims(CLUSTER, exp=exp, iat=iat)))
        assert session.actor.life == session.ends == 2**40


async def test_only_rules_for_its_own_audience_count(rules: Rules) -> None:
    await rules.put("here", CLUSTER, {"sub": "*"})
    await rules.put("there", CLUSTER, {"sub": "*"}, "other.example.com")
    for audience, meant in (
        (AUDIENCE, ["here"]),
        ("other.example.com", ["there"]),
        (["x", "other.example.com", AUDIENCE], ["here", "there"]),
    ):
        actor = (await rules.workloads.login(sign(claims(CLUSTER, aud=audience)))).actor
        assert actor.subjects == tuple(f"workload:{name}" for name in meant)
    await rules.refuse(sign(claims(CLUSTER, aud="x")), "another audience")


async def test_rules_of_another_issuer_do_not_count(rules: Rules, party: Issuing) -> None:
    await rules.put("mine", party.party.url, {"sub": "*"})
    await rules.refuse(sign(claims(CLUSTER)), "another audience")
    await rules.put("theirs", CLUSTER, {"sub": "never"})
    await rules.refuse(sign(claims(CLUSTER)), "no rule here")


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (sign(claims(CLUSTER), STRANGER), "signature is wrong"),
        (sign(claims(CLUSTER, exp=int(time.time()) - 60)), "has expired"),
        (sign(claims("https://elsewhere.example.com")), "issuer is not trusted"),
        (sign(claims(CLUSTER, iss=["a"])), "issuer is not trusted"),
        (sign(claims(CLUSTER, iss=None)), "issuer is not trusted"),
        ("eyJ.eyJ.x", "not a signed JWT"),
    ],
    ids=lambda value: value if " " in value else "",
)
async def test_tokens_that_are_not_good(rules: Rules, token: str, why: str) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    await rules.refuse(token, why)


async def test_which_rule_failed_only_the_audit_is_told(rules: Rules) -> None:
    await rules.put("secret-rule", CLUSTER, {"repository": "octo/hidden"})
    error = await rules.refuse(sign(claims(CLUSTER, **GITHUB)), "no rule here")
    assert "secret-rule" not in str(error)
    assert "octo" not in str(error)
    assert "rule secret-rule: repository is 'octo/app', not 'octo/hidden'" in error.detail["why"]
    assert error.detail["repository"] == "octo/app"


async def test_a_rule_that_is_removed_lets_nobody_in(rules: Rules) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    token = sign(claims(CLUSTER))
    await rules.workloads.login(token)
    await rules.change(partial(issuers.remove_trust, name="all"))
    await rules.refuse(token, "another audience")


async def test_a_rule_that_is_removed_while_the_issuer_is_asked(
    rules: Rules, party: Issuing
) -> None:
    async def slowly(host: str, port: int) -> Sequence[str]:
        await rules.change(partial(issuers.remove_trust, name="all"))
        return await resolve(host, port)

    await rules.put("all", party.party.url, {"sub": "*"})
    rules.workloads = _workloads(rules.database, Outbound(LOOPBACK, slowly))
    await rules.refuse(party.token(), "no rule here")


async def test_an_issuer_that_is_forgotten_takes_its_rules_along(rules: Rules) -> None:
    await rules.put("all", CLUSTER, {"sub": "*"})
    await rules.change(partial(issuers.remove_issuer, url=CLUSTER))
    await rules.refuse(sign(claims(CLUSTER)), "issuer is not trusted")
