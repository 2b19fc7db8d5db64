"""Trust rules: which tokens of an issuer mean a workload; and why one does, or does not."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import Field, SecretStr

from entrepot.admin.caller import Called, Caller
from entrepot.admin.grants import check_giving
from entrepot.admin.page import (
    After,
    Allowance,
    IfMatch,
    Limit,
    Model,
    Name,
    Page,
    check_match,
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.auth.oidc.details import details
from entrepot.auth.oidc.token import Token, TokenError
from entrepot.auth.oidc.trust import explain
from entrepot.db import grants, issuers
from entrepot.db.audit import Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.db.issuers import Trust

router = APIRouter(prefix="/trusts", tags=["workloads"])

Path = Annotated[str, Field(min_length=1, max_length=256)]
Condition = Annotated[str, Field(min_length=1, max_length=1024)]


class NewRule(Model):
    """A rule to be made, or to take the place of the one of that name."""

    issuer: str
    audience: Annotated[str, Field(min_length=1, max_length=512)]
    """The word that tokens must be made for."""
    claims: Annotated[dict[Path, Condition], Field(min_length=1, max_length=100)]
    """Pattern by path, such as {"kubernetes.io/namespace": "team-*"}; all must be met."""
    grants: list[Allowance] = Field(default_factory=list, max_length=100)
    """Roles to give to the workload at once; those that it has already stay."""


class Rule(Model):
    """A rule as shown."""

    name: str
    issuer: str
    audience: str
    claims: dict[str, str]
    grants: list[Allowance]
    """What whoever brings such a token may do."""
    created_at: datetime | None
    created_by: str


class Probe(Model):
    """A token to be looked at; it is not kept."""

    token: SecretStr


class Verdict(Model):
    """What one rule says of a token."""

    rule: str
    matches: bool
    why: str
    """The conditions that are not met; empty where all are."""


class Tested(Model):
    """What the rules say of a token."""

    good: bool
    """Whether it lets a workload in."""
    why: str
    """What is wrong with the token itself; empty where nothing is."""
    says: dict[str, str]
    """What it says of who brings it: what the audit would show."""
    rules: list[Verdict]
    """Those on the token's issuer."""


def shown(db: Connection, rule: Trust) -> Rule:
    """A rule as the API shows it."""
    given = grants.of_subjects(db, [f"workload:{rule.name}"])
    return Rule(
        name=rule.name,
        issuer=rule.issuer,
        audience=rule.audience,
        claims=dict(rule.claims),
        grants=[
            Allowance.model_validate({"role": each.role, "pattern": each.pattern}) for each in given
        ],
        created_at=moment(rule.created_at),
        created_by=rule.created_by,
    )


def required(db: Connection, name: str) -> Trust:
    """The rule of this name, or a problem."""
    for each in issuers.trusts(db):
        if each.name == name:
            return each
    raise Problem(404, f"there is no trust rule {name[:128]!r}")


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Rule]:
    """Rules by name."""

    def read(db: Connection) -> list[Rule]:
        found = [each for each in issuers.trusts(db) if each.name > after]
        return [shown(db, each) for each in found[: limit + 1]]

    return Page.model_validate(paged(await caller.read(read), limit, "name"))


@router.get("/{name}")
async def show(caller: Called, name: str, response: Response) -> Rule:
    """A rule, with what it lets workloads do."""
    return tagged(response, await caller.read(lambda db: shown(db, required(db, name))))


@router.put("/{name}")
async def put(
    caller: Called,
    name: Name,
    wanted: Annotated[NewRule, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Rule:
    """Make a rule, or change one; grants come in the same transaction."""
    for each in wanted.grants:
        await check_giving(caller, each.role, each.pattern)

    def write(db: Connection) -> Rule:
        if if_match is not None:
            check_match(if_match, shown(db, required(db, name)))
        if all(each.url != wanted.issuer for each in issuers.issuers(db)):
            raise Problem(404, f"there is no issuer {wanted.issuer[:200]!r}: add it first")
        rule = Trust(name, wanted.issuer, wanted.audience, wanted.claims)
        issuers.put_trust(db, rule, caller.actor.subject)
        for each in wanted.grants:
            _give(db, caller, name, each)
        return shown(db, required(db, name))

    detail = wanted.model_dump(include={"issuer", "audience", "claims"})
    return tagged(response, await caller.change("trust", f"workload:{name}", write, **detail))


def _give(db: Connection, caller: Caller, name: str, given: Allowance) -> None:
    subject = f"workload:{name}"
    grants.add(db, subject, given.role, given.pattern, caller.actor.subject)
    words = f"{subject} {given.role} {given.pattern}"
    record_access(db, Event("grant add", caller.by(), reference=words))


@router.delete("/{name}", status_code=204)
async def delete(caller: Called, name: str, if_match: IfMatch = None) -> Response:
    """Delete a rule with its grants; registry tokens made by it end within their short life."""

    def write(db: Connection) -> None:
        check_match(if_match, shown(db, required(db, name)))
        issuers.remove_trust(db, name)

    await caller.change("trust delete", f"workload:{name}", write)
    return Response(status_code=204)


@router.post("/test")
async def probe(caller: Called, wanted: Annotated[Probe, Body()]) -> Tested:
    """Say for each rule of a token's issuer why it means the token, or does not."""
    text, workloads = wanted.token.get_secret_value(), await caller.login.providers.workloads()
    try:
        claims, why = Token.parse(text).claims, ""
    except TokenError as error:
        raise Problem(422, str(error)) from None
    try:
        await workloads.verify(text)
    except TokenError as error:
        why = str(error)
    rules = await workloads.rules(claims.get("iss"))
    verdicts = [_verdict(each.name, explain(each, claims)) for each in rules]
    good = not why and any(each.matches for each in verdicts)
    return Tested(good=good, why=why, says=details(claims), rules=verdicts)


def _verdict(rule: str, unmet: str) -> Verdict:
    return Verdict(rule=rule, matches=not unmet, why=unmet)
