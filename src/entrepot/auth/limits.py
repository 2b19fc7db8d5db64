"""Limits: what a token may at most, of what its account may. Next: `decision` holds it to them."""

from entrepot.auth import pattern
from entrepot.auth.roles import ACTIONS, Role
from entrepot.db.secrets import Limits


def contains(outer: Limits | None, inner: Limits | None) -> bool:
    """Whether all that `inner` lets through lies in something that `outer` does; None is no limit.

    A limit that only several of the outer ones allow together is not seen to lie in them.
    """
    if outer is None:
        return True
    if inner is None:
        return False
    return all(any(_lies_in(each, other) for other in outer) for each in inner)


def _lies_in(inner: tuple[str, str], outer: tuple[str, str]) -> bool:
    (role, where), (most, place) = inner, outer
    return ACTIONS[Role(role)] <= ACTIONS[Role(most)] and pattern.contains(place, where)
