"""Groups of users, so that a grant need not name each of them."""

import time
from dataclasses import dataclass

from entrepot.db.connection import Connection


@dataclass(frozen=True, slots=True)
class Group:
    """A row; times are seconds since 1970."""

    name: str
    description: str
    created_at: float
    created_by: str

    @property
    def subject(self) -> str:
        """How grants name it: group:dev."""
        return f"group:{self.name}"


def find(db: Connection, name: str) -> Group | None:
    """A group by its name."""
    row = db.execute(
        "select name, description, created_at, created_by from user_group where name = ?", (name,)
    ).fetchone()
    return Group(*row) if row else None


def listed(db: Connection, after: str, limit: int) -> list[Group]:
    """Groups by name, from the one behind `after` on."""
    rows = db.execute(
        "select name, description, created_at, created_by from user_group where name > ? "
        "order by name limit ?",
        (after, limit),
    )
    return [Group(*row) for row in rows]


def create(db: Connection, name: str, description: str, by: str) -> Group:
    """Make a group. Raises sqlite3.IntegrityError where the name is taken."""
    group = Group(name, description, time.time(), by)
    db.execute(
        "insert into user_group (name, description, created_at, created_by) values (?, ?, ?, ?)",
        (name, description, group.created_at, by),
    )
    return group


def describe(db: Connection, name: str, description: str) -> None:
    """Say what the group is for."""
    db.execute("update user_group set description = ? where name = ?", (description, name))


def remove(db: Connection, group: Group) -> None:
    """Delete a group with its memberships and grants."""
    db.execute("delete from permission where subject = ?", (group.subject,))
    db.execute("delete from user_group where name = ?", (group.name,))


def members(db: Connection, name: str) -> list[str]:
    """The names of the users in a group."""
    rows = db.execute(
        "select a.name from member m join account a on a.id = m.account "
        "where m.user_group = ? order by a.name",
        (name,),
    )
    return [user for (user,) in rows]


def of_account(db: Connection, account: int) -> list[str]:
    """The names of an account's groups."""
    rows = db.execute(
        "select user_group from member where account = ? order by user_group", (account,)
    )
    return [name for (name,) in rows]


def join(db: Connection, name: str, account: int) -> None:
    """Put an account into a group, to stay."""
    db.execute(
        "insert into member (user_group, account) values (?, ?) "
        "on conflict (user_group, account) do update set single = 0",
        (name, account),
    )


def leave(db: Connection, name: str, account: int) -> bool:
    """Take an account out of a group. False where it was not in there."""
    gone = db.execute("delete from member where user_group = ? and account = ?", (name, account))
    return gone.rowcount > 0


def sign_on(db: Connection, account: int, names: list[str]) -> None:
    """Make the memberships that came by single sign-on those that it says now.

    Groups that nobody made here are passed over: a provider does not invent groups of ours.
    """
    db.execute("delete from member where account = ? and single = 1", (account,))
    for name in names:
        db.execute(
            "insert into member (user_group, account, single) "
            "select name, ?, 1 from user_group where name = ? on conflict do nothing",
            (account, name),
        )
