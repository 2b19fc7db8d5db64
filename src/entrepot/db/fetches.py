"""Fetches: when a tag was last compared with its upstream, and who fetches what right now.

A lease is taken and given back by one statement each, so of all processes over one database one
fetches something. It goes by the clocks of those who write it: where two are far apart both may
fetch, which costs nothing but that, since whatever comes is stored by its digest.
"""

import time

from entrepot.db.connection import Connection
from entrepot.oci.names import Repository, Tag


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
        "lease_until = excluded.lease_until where fetching.lease_until < :now returning what",
        {"what": what, "holder": holder, "until": now + seconds, "now": now},
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
    row = db.execute(
        "select 1 from fetching where what = ? and lease_until >= ?", (what, time.time())
    ).fetchone()
    return row is not None


def expire(db: Connection, seconds: float) -> None:
    """Forget leases that ended so long ago: whoever had them was killed."""
    db.execute("delete from fetching where lease_until < ?", (time.time() - seconds,))
