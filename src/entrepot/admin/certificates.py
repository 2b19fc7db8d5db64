"""Rules that say whom a client certificate means: a name in it maps to an account."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Response
from pydantic import AfterValidator, Field, model_validator

from entrepot.admin.caller import Called
from entrepot.admin.page import Model, Name, Page, moment
from entrepot.admin.problem import Problem
from entrepot.auth import actor
from entrepot.db import certificates
from entrepot.db.connection import Connection

router = APIRouter(prefix="/certificates", tags=["certificates"])

_MARK = "*"


def _account(text: str) -> str:
    """user:alice or robot:ci; a * in it is what the pattern's * took."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in ("user", "robot") or name.count(_MARK) > 1:
        raise ValueError("a certificate means user:NAME or robot:NAME, with at most one *")
    actor.parse_name(name.replace(_MARK, "x"))
    return text


Field_ = Literal["cn", "dns", "email", "uri", "subject"]
FieldPattern = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^*]*\*?[^*]*$")]


class NewRule(Model):
    """A rule to be made, or to take the place of the one of that name."""

    field: Field_
    """cn, dns, email, uri, or subject for the whole of it (RFC 4514)."""
    pattern: FieldPattern
    """What the field must be; one * takes any characters."""
    account: Annotated[str, AfterValidator(_account)]
    """user:alice, robot:ci; or robot:*, where the * is what the pattern's * took."""

    @model_validator(mode="after")
    def _check(self) -> "NewRule":
        if _MARK in self.account and _MARK not in self.pattern:
            raise ValueError("the account takes what the pattern's * took, and there is none")
        return self


class Rule(Model):
    """A rule as shown."""

    name: str
    field: Field_
    pattern: str
    account: str
    created_at: datetime | None
    created_by: str


def shown(rule: certificates.Rule) -> Rule:
    """A rule as the API shows it."""
    return Rule.model_validate(
        {
            "name": rule.name,
            "field": rule.field,
            "pattern": rule.pattern,
            "account": rule.subject,
            "created_at": moment(rule.created_at),
            "created_by": rule.created_by,
        }
    )


@router.get("")
async def index(caller: Called) -> Page[Rule]:
    """All rules, in the order in which they are tried: by name."""
    return Page(items=[shown(each) for each in await caller.read(certificates.rules)])


@router.put("/{name}")
async def put(caller: Called, name: Name, wanted: Annotated[NewRule, Body()]) -> Rule:
    """Make a rule, or change one."""
    rule = certificates.Rule(name, wanted.field, wanted.pattern, wanted.account)

    def write(db: Connection) -> Rule:
        certificates.put(db, rule, caller.actor.subject)
        return next(shown(each) for each in certificates.rules(db) if each.name == name)

    words = {"field": rule.field, "pattern": rule.pattern, "account": rule.subject}
    return await caller.change("certificate rule", f"certificate:{name}", write, **words)


@router.delete("/{name}", status_code=204)
async def delete(caller: Called, name: str) -> Response:
    """Delete a rule: certificates that it knew mean nobody from now on."""

    def write(db: Connection) -> None:
        if not certificates.remove(db, name):
            raise Problem(404, f"there is no rule {name[:128]!r}")

    await caller.change("certificate rule delete", f"certificate:{name}", write)
    return Response(status_code=204)
