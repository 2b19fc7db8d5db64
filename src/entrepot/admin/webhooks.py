"""Webhooks: who is told of changes. Those of a project belong to whoever configures it, any other
to admins; to all others they are as if they were not there.
"""

import time
from dataclasses import replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from pydantic import AfterValidator, Field, SecretStr

from entrepot.admin.caller import Called, Caller, Powers
from entrepot.admin.page import (
    After,
    IfMatch,
    Limit,
    Model,
    Page,
    Pattern,
    Text,
    check_match,
    moment,
    paged,
    tagged,
)
from entrepot.admin.problem import Problem
from entrepot.auth import pattern as patterns
from entrepot.auth.roles import Action
from entrepot.db import jobs, webhooks
from entrepot.db.connection import Connection
from entrepot.db.webhooks import Webhook as Row
from entrepot.upkeep.webhooks import address, signature
from entrepot.upkeep.webhooks.event import KINDS, told
from entrepot.upkeep.webhooks.message import Format, kinds
from entrepot.upkeep.webhooks.sender import JOB

router = APIRouter(prefix="/webhooks", tags=["webhooks"])

MOST = 100
"""Webhooks of one project."""

_KINDS: dict[str, str] = {told(kind): kind.value for kind in KINDS}


def _kind(text: str) -> str:
    if text not in _KINDS:
        raise ValueError(f"the events are {', '.join(_KINDS)}")
    return text


def _secret(secret: SecretStr) -> SecretStr:
    signature.check(secret.get_secret_value())
    return secret


Url = Annotated[str, AfterValidator(address.check)]
Kinds = Annotated[list[Annotated[str, AfterValidator(_kind)]], Field(max_length=len(_KINDS))]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
Number = Annotated[str, Path(pattern="^[0-9a-f]{8}$")]


class NewWebhook(Model):
    """A webhook to be made."""

    url: Url
    """https://…, where to send."""
    pattern: Pattern
    """Whose changes: team/*, team/app."""
    events: Kinds = Field(default_factory=list)
    """Which: pushed, tagged, untagged, deleted, …; all where there are none."""
    format: Format = Format.CLOUDEVENTS
    secret: Secret | None = None
    """What signs; made up where there is none."""
    about: Text = ""


class WebhookChange(Model):
    """What to change; what is left out stays."""

    url: Url | None = None
    events: Kinds | None = None
    about: Text | None = None
    paused: bool | None = None


class Webhook(Model):
    """A webhook as shown."""

    id: str
    url: str
    """Where to, without what may be secret in it; "" where that cannot be opened."""
    pattern: str
    events: list[str]
    format: str
    about: str
    paused: bool
    why_paused: str
    """Where the registry itself did it."""
    trouble: str
    """Why it cannot be sent anything; "" where it can."""
    signs_twice_until: datetime | None
    """Until when the secret before this one signs, too."""
    created_at: datetime | None
    created_by: str


class Made(Webhook):
    """With its secret, which nobody can show again."""

    secret: str


class Rotation(Model):
    """A new secret."""

    secret: Secret | None = None
    """Made up where there is none."""
    overlap: Annotated[int, Field(ge=0, le=30 * 24 * 3600)] = 24 * 3600
    """Seconds for which the one before signs, too."""


def shown(hook: Row) -> Webhook:
    """A webhook as the API shows it."""
    twice = len(hook.signing(time.time())) > 1
    return Webhook(
        id=hook.id,
        url="" if hook.locked else address.shown(hook.url, hook.format),
        pattern=hook.pattern,
        events=sorted(told(kind) for kind in kinds(hook)),
        format=hook.format,
        about=hook.about,
        paused=hook.paused,
        why_paused=hook.why_paused,
        trouble=_locked(hook),
        signs_twice_until=moment(hook.before_until) if twice else None,
        created_at=moment(hook.created_at),
        created_by=hook.created_by,
    )


def _locked(hook: Row) -> str:
    if not hook.locked:
        return ""
    return (
        f"it cannot be opened: {hook.locked}; give that key, or remove the webhook and make it anew"
    )


def _made(hook: Row) -> Made:
    return Made(**shown(hook).model_dump(), secret=hook.secret)


def where(pattern: str) -> str:
    """What somebody must be allowed to configure who has to do with such a webhook."""
    return pattern if patterns.project_of(pattern) else patterns.ANY


def action(pattern: str) -> Action:
    """What they must be allowed there."""
    return Action.CONFIGURE if patterns.project_of(pattern) else Action.ADMINISTER


def _sees(may: Powers, hook: Row) -> bool:
    return may(Action.AUDIT, patterns.ANY) or may(action(hook.pattern), where(hook.pattern))


def seen(db: Connection, may: Powers, number: str) -> Row:
    """A webhook that the caller may see, or the problem of one that is not here."""
    hook = webhooks.find(db, number)
    if hook is None or not _sees(may, hook):
        raise Problem(404, f"there is no webhook {number}, or you may not see it")
    return hook


def managed(db: Connection, caller: Caller, may: Powers, number: str) -> Row:
    """A webhook that the caller may change, or a problem."""
    hook = seen(db, may, number)
    if not may(action(hook.pattern), where(hook.pattern)):
        caller.deny(action(hook.pattern), where(hook.pattern))
    return hook


def opened(db: Connection, caller: Caller, may: Powers, number: str) -> Row:
    """The same of one whose address and secret can be opened, or the problem of one that cannot."""
    hook = managed(db, caller, may, number)
    if hook.locked:
        raise Problem(409, f"webhook {number}: {_locked(hook)}")
    return hook


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Webhook]:
    """The webhooks that the caller may see."""
    may = await caller.powers()

    def read(db: Connection) -> list[Webhook]:
        found = (webhooks.find(db, each) for each in webhooks.ids(db) if each > after)
        mine = [shown(hook) for hook in found if hook is not None and _sees(may, hook)]
        return mine[: limit + 1]

    return Page.model_validate(paged(await caller.registry.database.scan(read), limit, "id"))


@router.post("", status_code=201)
async def create(caller: Called, wanted: Annotated[NewWebhook, Body()]) -> Made:
    """Make a webhook; it is told of what comes from now on. The secret is shown this once."""
    await caller.require(action(wanted.pattern), where(wanted.pattern))
    new = Row(
        webhooks.new_id(),
        wanted.url,
        wanted.secret.get_secret_value() if wanted.secret else signature.make(),
        wanted.pattern,
        frozenset(_KINDS[each] for each in wanted.events),
        wanted.format.value,
        about=wanted.about,
        created_by=caller.actor.subject,
    )

    def write(db: Connection) -> Row:
        project = patterns.project_of(wanted.pattern)
        if project and webhooks.count(db, project) >= MOST:
            raise Problem(409, f"project {project} has {MOST} webhooks already: remove one first")
        jobs.ask(db, JOB)
        return webhooks.add(db, new)

    detail = {"url": address.shown(new.url, new.format), "pattern": new.pattern}
    return _made(await caller.change("webhook create", f"webhook:{new.id}", write, **detail))


@router.get("/{webhook}")
async def show(caller: Called, webhook: Number, response: Response) -> Webhook:
    """A webhook."""
    may = await caller.powers()
    return tagged(response, await caller.read(lambda db: shown(seen(db, may, webhook))))


@router.patch("/{webhook}")
async def update(
    caller: Called,
    webhook: Number,
    wanted: Annotated[WebhookChange, Body()],
    response: Response,
    if_match: IfMatch = None,
) -> Webhook:
    """Change a webhook; pause it, or let it go on. While it is paused nothing is lost."""
    may = await caller.powers()

    def write(db: Connection) -> Webhook:
        hook = opened(db, caller, may, webhook)
        check_match(if_match, shown(hook))
        webhooks.put(db, _changed(hook, wanted))
        jobs.ask(db, JOB)
        return shown(seen(db, may, webhook))

    words = wanted.model_dump(exclude_none=True, exclude={"url"})
    return tagged(
        response, await caller.change("webhook change", f"webhook:{webhook}", write, **words)
    )


def _changed(hook: Row, wanted: WebhookChange) -> Row:
    given = wanted.model_dump(exclude_none=True, exclude={"events"})
    if wanted.events is not None:
        given["kinds"] = frozenset(_KINDS[each] for each in wanted.events)
    if wanted.paused is not None:
        given["why_paused"] = ""
    return replace(hook, **given)


@router.post("/{webhook}/rotate")
async def rotate(caller: Called, webhook: Number, wanted: Annotated[Rotation, Body()]) -> Made:
    """Give it a new secret; the one before signs, too, for a while."""
    may = await caller.powers()
    secret = wanted.secret.get_secret_value() if wanted.secret else signature.make()

    def write(db: Connection) -> Row:
        hook = opened(db, caller, may, webhook)
        until = time.time() + wanted.overlap
        before = hook.secret if wanted.overlap else ""
        webhooks.put(db, replace(hook, secret=secret, secret_before=before, before_until=until))
        return seen(db, may, webhook)

    return _made(await caller.change("webhook rotate", f"webhook:{webhook}", write))


@router.delete("/{webhook}", status_code=204)
async def delete(caller: Called, webhook: Number, if_match: IfMatch = None) -> Response:
    """Delete a webhook, with all that it was sent, or was to be."""
    may = await caller.powers()

    def write(db: Connection) -> None:
        check_match(if_match, shown(managed(db, caller, may, webhook)))
        webhooks.remove(db, webhook)

    await caller.change("webhook delete", f"webhook:{webhook}", write)
    return Response(status_code=204)
