"""Immutable tags: what a project's rules say holds still does so, whoever asks.

Whatever would move or delete such a tag, or take away what it needs, asks here first, in the
transaction that would do it; so of two pushes of a new tag at once one is too late.
"""

from collections.abc import Iterable, Sequence

from entrepot.db import immutable_rules
from entrepot.db.connection import Connection
from entrepot.db.immutable_rules import Rule
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

MOVE = "push another tag, or take the rule away"
DELETE = "neither it nor what it needs can be deleted, unless you take the rule away"


def rule_of(tag: str, rules: Sequence[Rule]) -> Rule | None:
    """The first of the rules that means a tag; None where it is free."""
    return next((rule for rule in rules if rule.means(tag)), None)


def holds(db: Connection, repository: Repository, tag: str) -> Rule | None:
    """The rule by which a tag of a repository holds still."""
    return rule_of(tag, immutable_rules.of(db, repository))


def check(db: Connection, repository: Repository, tag: str, what_to_do: str) -> None:
    """Raise DENIED where a tag is immutable."""
    _check(repository, [tag], immutable_rules.of(db, repository), what_to_do)


def _check(
    repository: Repository, names: Iterable[str], rules: Sequence[Rule], what_to_do: str
) -> None:
    for tag in names:
        if rule := rule_of(tag, rules):
            raise _refused(repository, tag, rule, what_to_do)


def _refused(repository: Repository, tag: str, rule: Rule, what_to_do: str) -> OCIError:
    return OCIError(
        Code.DENIED,
        f"{repository}:{tag} is immutable by {rule}: {what_to_do}",
        detail={"tag": tag, "rule": rule.id, "about": rule.words, "set_by": rule.created_by},
    )


def check_repository(db: Connection, number: int, repository: Repository) -> None:
    """Raise DENIED where a repository has an immutable tag."""
    if rules := immutable_rules.of(db, repository):
        rows = db.execute("select name from tag where repository = ? order by name", (number,))
        _check(repository, (name for (name,) in rows), rules, DELETE)


def check_part(db: Connection, number: int, repository: Repository, digest: Digest) -> None:
    """Raise DENIED where an immutable tag names the digest, or something that is made of it."""
    if rules := immutable_rules.of(db, repository):
        rows = db.execute(
            "with recursive above (digest) as ("
            "select digest from tag where repository = :number and digest = :digest union "
            "select child from edge where repository = :number and child = :digest union "
            "select m.digest from above a "
            "join edge e on e.repository = :number and e.child = a.digest "
            "join manifest m on m.id = e.manifest) "
            "select t.name from above a "
            "join tag t on t.repository = :number and t.digest = a.digest",
            {"digest": str(digest), "number": number},
        )
        _check(repository, sorted(name for (name,) in rows), rules, DELETE)
