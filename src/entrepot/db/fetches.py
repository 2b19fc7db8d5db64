"""Fetches: when a tag was last compared with its upstream, who fetches what right now, and what is
left of fetches that broke off.

A lease is taken and given back by one statement each, so of all processes over one database one
fetches something. It goes by the clocks of those who write it: where two are far apart both may
fetch, which costs nothing but that, since whatever comes is stored by its digest.
"""

import time
from dataclasses import dataclass

from entrepot.db import pieces
from entrepot.db.clocks import APART
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository, Tag

_LAPSED = 1.0
_FAR = 600.0
"""Seconds; a lease that lies further ahead was taken by a clock that was wrong."""
_LEFT = "it was left of a fetch that broke off, and nobody went on with it"


@dataclass(frozen=True, slots=True)
class Begun:
    """A blob of which bytes have come."""

    repository: str
    """For which it is fetched; its name here."""
    piece: str
    """In which object they lie; "" where they cannot be read before all are there."""


def checked_at(db: Connection, repository: Repository, tag: Tag) -> float:
    """When a tag was last seen upstream to be what it is here; 0 for never."""
    row = db.execute(
        "select checked_at from upstream_check where repository = ? and tag = ?",
        (repository.name, tag.name),
    ).fetchone()
    return row[0] if row else 0.0


def checked(db: Connection, repository: Repository, tag: Tag, at: float) -> None:
    """Note that it was seen so."""
    db.execute(
        "insert into upstream_check (repository, tag, checked_at) values (?, ?, ?) "
        "on conflict (repository, tag) do update set checked_at = excluded.checked_at",
        (repository.name, tag.name, at),
    )


def forget(db: Connection, project: str) -> None:
    """Have all tags of a project compared anew."""
    db.execute(
        "delete from upstream_check where repository > ? and repository < ?",
        (f"{project}/", f"{project}0"),  # 0 comes behind the slash
    )


def claim(db: Connection, what: str, holder: str, seconds: float) -> bool:
    """Lease the fetching of something; false while somebody else has it."""
    now = time.time()
    row = db.execute(
        "insert into fetching (what, holder, lease_until) values (:what, :holder, :until) "
        "on conflict (what) do update set holder = excluded.holder, "
        "lease_until = excluded.lease_until "
        "where fetching.lease_until not between :now and :far returning what",
        {"what": what, "holder": holder, "until": now + seconds, "now": now, "far": now + _FAR},
    ).fetchone()
    return row is not None


def renew(db: Connection, what: str, holder: str, seconds: float) -> bool:
    """Keep the lease for so long; whether it was still ours."""
    found = db.execute(
        "update fetching set lease_until = ? where what = ? and holder = ?",
        (time.time() + seconds, what, holder),
    )
    return found.rowcount > 0


def release(db: Connection, what: str, holder: str) -> None:
    """Give it back."""
    db.execute("delete from fetching where what = ? and holder = ?", (what, holder))


def is_taken(db: Connection, what: str) -> bool:
    """Whether somebody fetches it."""
    now = time.time()
    row = db.execute(
        "select 1 from fetching where what = ? and lease_until between ? and ?",
        (what, now, now + _FAR),
    ).fetchone()
    return row is not None


def is_others(db: Connection, what: str, holder: str) -> bool:
    """Whether somebody else fetches it."""
    now = time.time()
    row = db.execute(
        "select 1 from fetching where what = ? and holder <> ? and lease_until between ? and ?",
        (what, holder, now, now + _FAR),
    ).fetchone()
    return row is not None


def tell(db: Connection, what: str, holder: str, begun: Begun, seconds: float) -> None:
    """Say that bytes of a blob have come; nothing is said where another one has the lease."""
    now = time.time()
    db.execute(
        "insert into fetching (what, holder, lease_until, repository, piece) "
        "values (:what, :holder, :until, :repository, :piece) on conflict (what) do update set "
        "holder = excluded.holder, lease_until = excluded.lease_until, "
        "repository = excluded.repository, piece = excluded.piece "
        "where fetching.holder = :holder or fetching.lease_until not between :now and :far",
        {
            "what": what,
            "holder": holder,
            "until": now + seconds,
            "now": now,
            "far": now + _FAR,
            "repository": begun.repository,
            "piece": begun.piece,
        },
    )


def begun(db: Connection, what: str) -> Begun | None:
    """What has come of a blob, be it that somebody fetches it or that it is left; None for nothing
    that anybody said.
    """
    row = db.execute(
        "select repository, piece from fetching where what = ? and repository <> ''", (what,)
    ).fetchone()
    return Begun(*row) if row else None


def take(db: Connection, what: str, holder: str, piece: str) -> None:
    """Say that what had come is somebody's again, who will tell where it lies then."""
    db.execute(
        "update fetching set holder = ?, repository = '', piece = '' where what = ? and piece = ?",
        (holder, what, piece),
    )


def leave(db: Connection, what: str, holder: str, piece: str) -> bool:
    """Give a lease back and what has come with it, for whoever fetches it next; false where nobody
    would find that.
    """
    found = db.execute(
        "update fetching set holder = '', lease_until = ? "
        "where what = ? and holder = ? and piece = ?",
        (time.time() - _LAPSED, what, holder, piece),
    )
    return found.rowcount > 0


def expire(db: Connection, seconds: float) -> None:
    """Forget leases that ended so long ago, and give up what had come: whoever had them was killed,
    or it broke off and nobody asked again.
    """
    now = time.time()
    gone = db.execute(
        "delete from fetching where lease_until not between ? and ? returning piece",
        (now - seconds, now + APART),
    ).fetchall()
    for (piece,) in gone:
        if piece:
            pieces.drop(db, piece, _LEFT)
