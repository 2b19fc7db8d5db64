"""A robot, as it is shown, and who manages it: whoever owns all that it may touch.

A robot that one may not manage looks like one that is not there (CVE-2022-31667). Next: `robots`,
`robot_secrets`.
"""

import time
from datetime import datetime

from entrepot.admin import credentials, grants
from entrepot.admin.caller import Caller
from entrepot.admin.page import Model, moment
from entrepot.admin.problem import Problem
from entrepot.auth.actor import Actor
from entrepot.auth.decision import holds
from entrepot.auth.roles import SYSTEM, Action, Role
from entrepot.db import accounts, secrets
from entrepot.db import grants as given
from entrepot.db.accounts import Account, Kind
from entrepot.db.connection import Connection


class Secret(Model):
    """What is known of a robot's secret; itself it was shown once."""

    id: int
    created_at: datetime | None
    expires_at: datetime | None
    used_at: datetime | None


class Robot(Model):
    """A robot as shown."""

    name: str
    username: str
    """What to give to docker login as the name; the secret alone says who comes."""
    description: str
    disabled: bool
    grants: list[grants.Grant]
    secrets: list[Secret]
    created_at: datetime | None
    created_by: str
    seen_at: datetime | None
    """When it was here last."""


class Furnished(Robot):
    """A robot with its new secret, shown this once."""

    secret: str
    expires_at: datetime | None


def shown(db: Connection, robot: Account) -> Robot:
    """A robot as the API shows it."""
    return Robot(
        name=robot.name,
        username=f"robot/{robot.name}",
        description=robot.description,
        disabled=robot.disabled,
        grants=[grants.shown(each) for each in given.of_subjects(db, [robot.subject])],
        secrets=[_secret(each) for each in secrets.of_account(db, robot.id, secrets.Kind.ROBOT)],
        created_at=moment(robot.created_at),
        created_by=robot.created_by,
        seen_at=moment(robot.seen_at),
    )


def _secret(secret: secrets.Secret) -> Secret:
    return Secret(
        id=secret.id,
        created_at=moment(secret.created_at),
        expires_at=moment(secret.expires_at),
        used_at=moment(secret.used_at),
    )


def _manages(db: Connection, actor: Actor, robot: Account) -> bool:
    """Whether they could give all that the robot has: so its secret lets them do nothing new."""
    own = given.of_subjects(db, actor.subjects)
    found = given.of_subjects(db, [robot.subject])
    return holds(actor, Action.ADMINISTER, own) or (
        bool(found)
        and all(
            Role(each.role) not in SYSTEM and holds(actor, Action.GRANT, own, each.pattern)
            for each in found
        )
    )


def sees(db: Connection, caller: Caller, robot: Account) -> bool:
    """Whether the caller may know of it."""
    own = given.of_subjects(db, caller.actor.subjects)
    return holds(caller.actor, Action.AUDIT, own) or _manages(db, caller.actor, robot)


def seen(db: Connection, caller: Caller, name: str) -> Account:
    """The robot of this name, which the caller may know of, or a problem."""
    found = accounts.find(db, Kind.ROBOT, name)
    if found is None or not sees(db, caller, found):
        raise Problem(404, f"there is no robot {name[:128]!r}, or you may not see it")
    return found


def managed(db: Connection, caller: Caller, name: str) -> Account:
    """The robot of this name, which the caller manages, or a problem."""
    found = seen(db, caller, name)
    if not _manages(db, caller.actor, found):
        caller.deny(Action.GRANT, found.subject)
    return found


def furnish(db: Connection, robot: Account, life: float | None) -> Furnished:
    """Give it a new secret, called by the day."""
    name, expires_at = time.strftime("%Y-%m-%d", time.gmtime()), credentials.end_of(life)
    text, made = credentials.make(db, secrets.Kind.ROBOT, robot.id, name, expires_at=expires_at)
    known = dict(shown(db, robot))
    return Furnished(**known, secret=text, expires_at=moment(made.expires_at))
