"""Scopes: whose channels something is about; a project's are its repositories', too.

Whoever changes channels or their gates has the repositories take that in (`adopt_all`), in the same
transaction.
"""

from entrepot.db import channels, stays
from entrepot.db.connection import Connection
from entrepot.oci.names import Repository


def adopt_all(db: Connection, scope: str, names: frozenset[str]) -> None:
    """Have each repository of a scope take its channels in; `names` are of those that were there
    before the change, too.
    """
    marks = ", ".join("?" for _ in names)
    rows = db.execute(
        "select id, name from repository where trash is null "
        "and (name = ? or (name > ? and name < ?)) and "
        f"(exists (select 1 from tag t where t.repository = repository.id and t.name in ({marks})) "
        "or exists (select 1 from stay s where s.repository = repository.id))",
        (scope, f"{scope}/", f"{scope}0", *sorted(names)),  # 0 comes behind the slash
    ).fetchall()
    for number, name in rows:
        place = number, Repository(name)
        stays.adopt(db, place, channels.of(db, place[1]))
