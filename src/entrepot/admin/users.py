"""Users: people, with a password or single sign-on."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Body, Response
from pydantic import AfterValidator, Field, SecretStr

from entrepot.admin import admins
from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import (
    After,
    IfMatch,
    Limit,
    Model,
    Name,
    Page,
    Text,
    check_match,
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.auth import passwords
from entrepot.auth.login import RefusedError
from entrepot.auth.roles import Action
from entrepot.db import accounts, groups
from entrepot.db.accounts import Account, Kind
from entrepot.db.connection import Connection

router = APIRouter(prefix="/users", tags=["users"])


def _fit(given: SecretStr) -> SecretStr:
    passwords.check_new(given.get_secret_value())
    return given


Password = Annotated[SecretStr, AfterValidator(_fit)]


class User(Model):
    """A user as shown: no password, nor its hash."""

    name: str
    description: str
    email: str | None
    groups: list[str]
    disabled: bool
    password: bool
    """Whether there is one; else single sign-on lets them in."""
    identity: str | None
    """Who they are at the provider of single sign-on: its issuer, |, and what it calls them."""
    created_at: datetime | None
    created_by: str
    seen_at: datetime | None
    """When they were here last."""


class NewUser(Model):
    """A user to be made."""

    name: Name
    password: Password | None = None
    """Without one they cannot log in by password; an admin may set it later."""
    description: Text = ""
    email: Text | None = None


class UserChange(Model):
    """What is not given stays as it is."""

    description: Text | None = None
    email: Text | None = None
    disabled: bool | None = None
    identity: Annotated[str, Field(pattern=r"^[^|]+\|.+$", max_length=1024)] | None = None
    """Who lets them in by single sign-on; null for nobody."""


class PasswordChange(Model):
    """A new password."""

    password: Password
    current: SecretStr | None = None
    """The one that is good now; an admin needs it only for their own."""


def shown(db: Connection, account: Account) -> User:
    """A user as the API shows it."""
    return User(
        name=account.name,
        description=account.description,
        email=account.email,
        groups=groups.of_account(db, account.id),
        disabled=account.disabled,
        password=account.password is not None,
        identity=account.identity,
        created_at=moment(account.created_at),
        created_by=account.created_by,
        seen_at=moment(account.seen_at),
    )


def required(db: Connection, name: str) -> Account:
    """The user of this name, or a problem."""
    found = accounts.find(db, Kind.USER, name)
    if found is None:
        raise Problem(404, f"there is no user {name[:128]!r}")
    return found


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[User]:
    """Users by name."""

    def read(db: Connection) -> list[User]:
        return [shown(db, each) for each in accounts.listed(db, Kind.USER, after, limit + 1)]

    return Page.model_validate(paged(await caller.read(read), limit, "name"))


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewUser, Body()], response: Response) -> User:
    """Make a user."""
    given = wanted.password
    hashed = await caller.hashed(given.get_secret_value()) if given else None

    def write(db: Connection) -> User:
        if accounts.find(db, Kind.USER, wanted.name):
            raise Problem(409, f"there is a user {wanted.name} already")
        made = accounts.create(
            db,
            Kind.USER,
            wanted.name,
            caller.actor.subject,
            description=wanted.description,
            email=wanted.email,
            password=hashed,
        )
        return shown(db, made)

    made = await caller.change("user create", f"user:{wanted.name}", write)
    return tagged(response, made)


@router.get("/{name}")
async def show(caller: Called, name: str, response: Response) -> User:
    """A user; each may see themselves."""
    if caller.actor.subject != f"user:{name}":
        await caller.require(Action.AUDIT)
    return tagged(response, await caller.read(lambda db: shown(db, required(db, name))))


@router.patch("/{name}")
async def update(
    caller: Called,
    name: str,
    wanted: Annotated[UserChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> User:
    """Describe, disable or enable a user."""
    given = wanted.model_dump(exclude_unset=True)

    def write(db: Connection) -> User:
        account = required(db, name)
        check_match(if_match, shown(db, account))
        description = given.get("description", account.description) or ""
        accounts.describe(db, account.id, description, given.get("email", account.email))
        if "identity" in given and given["identity"] != account.identity:
            _link(db, account, given["identity"])
        if wanted.disabled is not None:
            with admins.kept(db):
                accounts.set_disabled(db, account.id, wanted.disabled)
        return shown(db, required(db, name))

    return tagged(response, await caller.change("user change", f"user:{name}", write, **given))


def _link(db: Connection, account: Account, identity: str | None) -> None:
    known = accounts.by_identity(db, identity) if identity else None
    if known is not None:
        raise Problem(409, f"that is {known.name} already: unlink them first")
    accounts.set_identity(db, account.id, identity)


@router.delete("/{name}", status_code=204)
async def delete(caller: Called, name: str, if_match: IfMatch = None) -> Response:
    """Delete a user with their tokens and grants; disabling keeps those."""

    def write(db: Connection) -> None:
        account = required(db, name)
        check_match(if_match, shown(db, account))
        with admins.kept(db):
            accounts.remove(db, account)

    await caller.change("user delete", f"user:{name}", write)
    return Response(status_code=204)


@router.put("/{name}/password", status_code=204)
async def set_password(
    caller: Called, name: str, wanted: Annotated[PasswordChange, Body()]
) -> Response:
    """Change one's own password, or as an admin anybody's; their sessions end, but for this one."""
    own = caller.actor.subject == f"user:{name}"
    if not own:
        await caller.require(Action.ADMINISTER)
    account = await caller.read(partial(required, name=name))
    if own:
        await _check_current(caller, account, wanted.current)
    hashed = await caller.hashed(wanted.password.get_secret_value())
    keep = caller.actor.secret
    write = partial(accounts.set_password, number=account.id, password=hashed, keep=keep)
    await caller.change("user password", f"user:{name}", write)
    return Response(status_code=204)


async def _check_current(caller: Caller, account: Account, given: SecretStr | None) -> None:
    """Who has stolen a token, or found a terminal open, must not lock the owner out."""
    if given is None:
        raise Problem(422, "give your current password, too")
    try:
        await caller.login.password(account.name, given.get_secret_value(), caller.by())
    except RefusedError as error:
        raise Problem(403, f"the current password is not good: {error}") from None
