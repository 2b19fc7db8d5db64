"""Rollback: a tag goes back to what it was, as one more move of its history.

Nothing is taken out of the history, so a rollback can be rolled back. Whoever decided by what they
saw says what that was; if the tag moved meanwhile, it stays.
"""

from dataclasses import dataclass

from entrepot.db import channels, history, repositories, tags, whereabouts
from entrepot.db.audit import By
from entrepot.db.connection import Connection
from entrepot.db.history import Move
from entrepot.db.whereabouts import State, Whereabouts
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository, Tag

_CHANNEL = "entrepot rollback {0} --channel {1} takes it back"


class RollbackError(Exception):
    """It cannot go back so; the message says why, and what to do."""


class NoSuchMoveError(RollbackError):
    """There is nothing to go back to."""


@dataclass(frozen=True, slots=True)
class Plan:
    """From what to what."""

    now: str | None
    """None where the tag is deleted."""
    to: Move


def plan(
    db: Connection, repository: Repository, tag: Tag, *, to: int | None, expected: str | None = None
) -> Plan:
    """What a rollback would do: to the move of the number `to`, else to the last thing that the tag
    was and is not now. Raises `RollbackError` where it cannot, or the tag is not what is expected:
    a digest, or "" for one that is deleted; and DENIED for a channel.
    """
    now = tags.digest_of(db, repository, tag)
    if expected is not None and expected != (now or ""):
        here = f"points to {now}" if now else "is deleted"
        raise RollbackError(f"{repository}:{tag} was moved meanwhile and {here}: look again")
    channels.check(db, repository, tag.name, _CHANNEL)
    wanted = _target(db, repository, tag, to, now)
    assert wanted.new is not None
    where = whereabouts.look(db, repository, wanted.new)
    if where.state is not State.HERE:
        raise RollbackError(f"{repository}@{wanted.new} {_missing(where)}")
    return Plan(now, wanted)


def _target(
    db: Connection, repository: Repository, tag: Tag, to: int | None, now: str | None
) -> Move:
    if to is None:
        found = history.other(db, repository, tag, now)
        if found is None:
            raise NoSuchMoveError(f"{repository}:{tag} has never been another image")
        return found
    found = history.find(db, repository, tag, to)
    if found is None:
        how = f"entrepot tag history {repository} {tag}"
        raise NoSuchMoveError(f"{repository}:{tag} has no move {to}: see {how}")
    if found.new is None:
        raise RollbackError(f"by move {to} the tag went away: choose one that made it an image")
    if found.new == now:
        raise RollbackError(f"{repository}:{tag} points to {now} already")
    return found


def _missing(where: Whereabouts) -> str:
    if where.state is State.TRASH:
        return f"lies in the trash: entrepot trash restore {where.item}"
    return "is gone for good: push it again"


def apply(
    db: Connection, repository: Repository, tag: Tag, chosen: Plan, *, by: By, reason: str
) -> Move:
    """Do it, in the transaction that made the plan; the move that it is. Raises DENIED for a tag
    that nobody may move.
    """
    number = repositories.identify(db, repository)
    assert number is not None
    assert chosen.to.new is not None
    why = reason or f"back to move {chosen.to.number}"
    tags.point(db, (number, repository), tag, Digest.parse(chosen.to.new), by=by, reason=why)
    return next(history.moves(db, repository, tag))
