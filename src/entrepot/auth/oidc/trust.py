"""`Trust`: a rule that says which tokens of an issuer mean a workload. Pure.

A rule without a condition on the claims matches nothing: every token of a public issuer, whoever
runs the job, has the issuer and the audience right. Next: `details` says who it was.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from entrepot.auth.oidc.claims import find, shown, texts

_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Trust:
    """A token of `issuer` for `audience` with these claims means the workload `name`."""

    name: str
    issuer: str
    audience: str
    claims: Mapping[str, str]
    """Pattern by path; `*` is any run of characters, `?` is one, all else is itself."""


def matches(trust: Trust, claims: Mapping[str, Any]) -> bool:
    """Whether verified claims meet every condition of the rule."""
    return next(_unmet(trust, claims), None) is None


def explain(trust: Trust, claims: Mapping[str, Any]) -> str:
    """Say which conditions claims do not meet; empty if they meet all. For operators only."""
    return "; ".join(_unmet(trust, claims))


def _unmet(trust: Trust, claims: Mapping[str, Any]) -> Iterator[str]:
    if not trust.claims:
        yield "the rule has no condition on claims, so it matches nothing"
    for path, wanted, exact in _conditions(trust):
        found = texts(find(claims, path))
        if not any(text == wanted if exact else is_like(text, wanted) for text in found):
            said = ", ".join(repr(shown(text)) for text in found[:10]) or "missing"
            yield f"{path} is {said}, not {wanted!r}"


def _conditions(trust: Trust) -> Iterator[tuple[str, str, bool]]:
    yield "iss", trust.issuer, True
    yield "aud", trust.audience, True
    for path, pattern in trust.claims.items():
        yield path, pattern, False


def is_like(text: str, pattern: str) -> bool:
    """Whether a pattern matches the whole text. An empty text matches none, not even `*`."""
    # fnmatch never backtracks over a `*`; its sets are switched off.
    literal = pattern.replace("[", "[[]")
    return 0 < len(text) <= _LONGEST and fnmatch.fnmatchcase(text, literal)
