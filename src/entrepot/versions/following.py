"""The version that follows the newest: what to push next. Pure.

It is written as the newest is: with a v, with its separators. Source: SemVer 2.0, sections 6 to 9.
"""

import re
from datetime import date
from enum import StrEnum

from semver import Version as Semantic

from entrepot.versions.order import Order
from entrepot.versions.version import Scheme, Version

FIRST = "0.1.0"
"""The semantic version of a repository that has none; SemVer 2.0, question 3."""


class Bump(StrEnum):
    """Which number grows."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


def following(
    order: Order, bump: Bump = Bump.PATCH, before: str = "", today: date | None = None
) -> str | None:
    """The tag to push next; `before`, as rc, for a pre-release. None where text has no next.

    What a pre-release leads to is next after it, where that is as large a step as asked for.
    """
    newest = order.entries[0].version if order.entries else None
    if order.scheme is Scheme.SEMVER:
        return _semantic(newest, bump, before)
    if order.scheme is Scheme.DATE:
        return _dated(order, newest, today or date.today())
    if order.scheme is Scheme.NUMBER:
        return _numbered(newest)
    return None


def _semantic(newest: Version | None, bump: Bump, before: str) -> str:
    if newest is None:
        return f"{FIRST}-{before}.1" if before else FIRST
    prefix = "v" if newest.tag.startswith("v") else ""
    last = Semantic.parse(newest.text)
    target = last.next_version(bump.value)
    if not before:
        return f"{prefix}{target}"
    counted = re.fullmatch(rf"{re.escape(before)}\.(\d+)", newest.prerelease)
    same = counted and last.finalize_version() == target
    return f"{prefix}{target}-{before}.{int(counted[1]) + 1 if counted and same else 1}"


def _dated(order: Order, newest: Version | None, today: date) -> str:
    between = "-"
    if newest is not None:
        found = re.match(r"v?\d{4}(\D?)", newest.tag)
        between = found[1] if found else between
    text = today.strftime(f"%Y{between}%m{between}%d")
    if text not in order.by_tag:
        return text
    count = next(n for n in range(1, len(order.by_tag) + 2) if f"{text}.{n}" not in order.by_tag)
    return f"{text}.{count}"


def _numbered(newest: Version | None) -> str:
    if newest is None:
        return "1"
    found = re.match(r"\D*", newest.tag)
    return f"{found[0] if found else ''}{newest.numbers[0] + 1}"
