"""`Person`: who signed on, in our words. A name either is one of ours, or it is refused.

Nothing is mangled to fit: two people of the provider must never become one here. So only letters
of ASCII are lower-cased (in Unicode the Kelvin sign becomes a k).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.auth.actor import parse_name
from entrepot.auth.oidc.claims import find, shown, texts

_MOST_GROUPS = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """Someone whom the provider knows."""

    subject: str
    """What the provider calls them for ever; names may pass to others."""
    name: str
    email: str
    """Empty where it is not known, or not theirs for certain."""
    groups: tuple[str, ...]
    """Those with a name that a group may have here."""


def person(claims: Mapping[str, Any], user_claim: str, groups_claim: str) -> Person:
    """Read verified claims. Raises ValueError where they have no name that we take."""
    email = email_of(claims)
    found = named(claims, user_claim) or email
    if not found:
        raise ValueError(f"the provider says no {user_claim!r} and no verified e-mail address")
    groups = texts(find(claims, groups_claim))[:_MOST_GROUPS]
    return Person(
        str(claims["sub"]),
        parse_name(_lower(found)),
        shown(email),
        tuple(sorted({_lower(group) for group in groups if _is_name(group)})),
    )


def named(claims: Mapping[str, Any], user_claim: str) -> str:
    """The name in the claim, else nothing."""
    if user_claim == "email":
        return email_of(claims)
    found = find(claims, user_claim)
    return found if isinstance(found, str) else ""


def email_of(claims: Mapping[str, Any]) -> str:
    """The address, unless the provider says that it is not verified."""
    found = claims.get("email")
    denied = texts(claims.get("email_verified")) == ["false"]
    return found if isinstance(found, str) and not denied else ""


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text


def _is_name(text: str) -> bool:
    try:
        parse_name(_lower(text))
    except ValueError:
        return False
    return True
