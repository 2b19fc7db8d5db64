"""Decisions: by roles, limits, public projects and policies, and which of them is the reason."""

from itertools import pairwise
from typing import Any

import pytest

from entrepot.auth.actor import ANONYMOUS, Actor
from entrepot.auth.decision import Visit, decide, holds
from entrepot.auth.roles import ACTIONS, CHANGING, REPOSITORY, SYSTEM, Action, Role
from entrepot.db.grants import Grant
from entrepot.db.projects import Project
from entrepot.oci.names import Repository

ALICE = Actor("user:alice", ("user:alice", "group:dev"), "password", 1)
APP = Repository.parse("team/app")
TEAM = Project("team")

PULL, PUSH, MOVE, DELETE = REPOSITORY


def grants(*texts: str) -> list[Grant]:
    """Of alice, written reader:team/*."""
    pairs = (text.split(":") for text in texts)
    return [
        Grant(number, "user:alice", role, where, 0, "user:admin", None)
        for number, (role, where) in enumerate(pairs, 1)
    ]


ALLOWED: dict[Role, set[Action]] = {
    Role.READER: {PULL},
    Role.WRITER: {PULL, PUSH},
    Role.MAINTAINER: {PULL, PUSH, MOVE, DELETE},
    Role.OWNER: {PULL, PUSH, MOVE, DELETE},
    Role.CREATOR: set(),
    Role.REPORTER: set(),
    Role.AUDITOR: set(),
    Role.ADMIN: {PULL, PUSH, MOVE, DELETE},
}


@pytest.mark.parametrize("action", REPOSITORY)
@pytest.mark.parametrize("role", Role)
def test_roles(role: Role, action: Action) -> None:
    found = decide(
        ALICE, action, APP, project=TEAM, grants=grants(f"{role}:*"), visit=Visit("192.0.2.1")
    )
    assert found.allowed is (action in ALLOWED[role])
    assert (found.grant == 1) is found.allowed
    assert not found.creates


def test_no_role_is_missing_in_the_table() -> None:
    assert set(ACTIONS) == set(Role) == set(ALLOWED)
    assert {Role.CREATOR, Role.REPORTER, Role.AUDITOR, Role.ADMIN} == SYSTEM
    assert {PUSH, MOVE, DELETE} == CHANGING
    assert ACTIONS[Role.ADMIN] == set(Action)
    rising = [Role.READER, Role.WRITER, Role.MAINTAINER, Role.OWNER, Role.ADMIN]
    for less, more in pairwise(rising):
        assert ACTIONS[less] < ACTIONS[more]


POLICIES: dict[str, tuple[dict[str, Any], Action, Visit | None, dict[str, Any], str]] = {
    "read-only, a push": ({"read_only": True}, PUSH, None, {}, "is read-only"),
    "read-only, a deletion": ({"read_only": True}, DELETE, None, {}, "is read-only"),
    "read-only, a pull": ({"read_only": True}, PULL, None, {}, ""),
    "from elsewhere": ({"networks": ("10.0.0.0/8",)}, PULL, Visit("192.0.2.1"), {}, "closed to"),
    "from there": ({"networks": ("10.0.0.0/8",)}, PULL, Visit("10.1.2.3"), {}, ""),
    "from there, as IPv6 writes it": (
        {"networks": ("10.0.0.0/8",)},
        PULL,
        Visit("::ffff:10.1.2.3"),
        {},
        "",
    ),
    "from a zone": ({"networks": ("fe80::/10",)}, PULL, Visit("fe80::1%eth0"), {}, ""),
    "from nowhere": ({"networks": ("10.0.0.0/8",)}, PULL, Visit(), {}, "closed to"),
    "from no address": ({"networks": ("10.0.0.0/8",)}, PULL, Visit("unix:"), {}, "closed to"),
    "wherever from": ({"networks": ("10.0.0.0/8",)}, PULL, None, {}, ""),
    "without a certificate": ({"certificate": True}, PULL, Visit("1.1.1.1"), {}, "certificate"),
    "with one": ({"certificate": True}, PULL, Visit("1.1.1.1", certificate=True), {}, ""),
    "a long token": ({"longest": 60.0}, PULL, None, {"life": 61.0}, "takes no token"),
    "an endless token": ({"longest": 60.0}, PULL, None, {"life": float("inf")}, "takes no token"),
    "a short token": ({"longest": 60.0}, PULL, None, {"life": 60.0}, ""),
    "no token": ({"longest": 60.0}, PULL, None, {}, ""),
}


@pytest.mark.parametrize("public", [False, True], ids=["private", "public"])
@pytest.mark.parametrize(
    ("settings", "action", "visit", "actor", "why"), POLICIES.values(), ids=POLICIES
)
def test_policies_hold_for_admins_and_in_public(
    settings: dict[str, Any],
    action: Action,
    visit: Visit | None,
    actor: dict[str, Any],
    why: str,
    public: bool,
) -> None:
    found = decide(
        Actor("user:alice", **actor),
        action,
        APP,
        project=Project("team", public=public, **settings),
        grants=grants("admin:*"),
        visit=visit,
    )
    assert found.allowed is (why == "")
    assert why in found.reason


PUBLIC = [(PULL, True), (PUSH, False), (MOVE, False), (DELETE, False)]


@pytest.mark.parametrize(("action", "yes"), PUBLIC)
@pytest.mark.parametrize("who", [ANONYMOUS, ALICE], ids=str)
def test_anyone_pulls_what_is_public_and_no_more(who: Actor, action: Action, yes: bool) -> None:
    project = Project("team", public=True)
    found = decide(who, action, APP, project=project, grants=[], visit=None)
    assert found.allowed is yes


LIMITS: list[tuple[str, str, Action, bool]] = [
    ("owner:*", "reader:team/*", PULL, True),
    ("owner:*", "reader:team/*", PUSH, False),
    ("owner:*", "reader:other/*", PULL, False),
    ("reader:team/*", "owner:*", PULL, True),
    ("reader:team/*", "owner:*", PUSH, False),
    ("admin:*", "writer:team/app", PUSH, True),
    ("admin:*", "writer:team/app", DELETE, False),
    ("admin:*", "auditor:*", PULL, False),
]


@pytest.mark.parametrize(("granted", "limit", "action", "yes"), LIMITS)
def test_a_limited_token_may_what_both_allow(
    granted: str, limit: str, action: Action, yes: bool
) -> None:
    role, where = limit.split(":")
    limited = Actor("user:alice", ("user:alice",), "token x", limits=((role, where),))
    found = decide(limited, action, APP, project=TEAM, grants=grants(granted), visit=None)
    assert found.allowed is yes


def test_a_token_limited_to_nothing_may_nothing() -> None:
    limited = Actor("user:alice", ("user:alice",), "token x", limits=())
    found = decide(limited, PULL, APP, project=TEAM, grants=grants("admin:*"), visit=None)
    assert (found.allowed, found.reason) == (False, "token x is limited to nothing")
    assert not holds(limited, Action.ADMINISTER, grants("admin:*"))


FIRST: list[tuple[str, Action, bool, bool, bool]] = [
    ("creator:*", PUSH, True, True, True),
    ("creator:*", PULL, True, False, True),
    ("admin:*", PUSH, True, True, False),
    ("writer:team/*", PUSH, True, True, False),
    ("writer:team/*", PULL, True, False, False),
    ("reader:team/*", PUSH, False, False, False),
    ("", PUSH, False, False, False),
]


@pytest.mark.parametrize(("granted", "action", "yes", "creates", "owns"), FIRST)
def test_a_project_that_is_not_there(
    granted: str, action: Action, yes: bool, creates: bool, owns: bool
) -> None:
    found = decide(ALICE, action, APP, project=None, grants=grants(*granted.split()), visit=None)
    assert (found.allowed, found.creates, found.owns) == (yes, creates, owns)


def test_a_creator_may_nothing_in_a_project_that_is_there() -> None:
    found = decide(ALICE, PUSH, APP, project=TEAM, grants=grants("creator:*"), visit=None)
    assert not found


def test_reasons_name_the_grant_and_what_comes_near() -> None:
    yes = decide(
        ALICE, PULL, APP, project=TEAM, grants=grants("reader:x/*", "reader:team/*"), visit=None
    )
    assert yes.reason == "grant 2: user:alice is reader on team/*"
    no = decide(ALICE, PUSH, APP, project=TEAM, grants=grants("reader:team/*"), visit=None)
    assert no.reason == (
        "no grant lets user:alice push on team/app (it has grant 1: user:alice is reader on team/*)"
    )
    none = decide(ANONYMOUS, PUSH, APP, project=TEAM, grants=[], visit=None)
    assert none.reason == "no grant lets anonymous push on team/app"


HOLDS: list[tuple[str, Action, str, bool]] = [
    ("owner:team/*", Action.GRANT, "team/*", True),
    ("owner:team/*", Action.GRANT, "team/app", True),
    ("owner:team/*", Action.GRANT, "*", False),
    ("owner:team/*", Action.GRANT, "te*", False),
    ("owner:team/a* owner:team/b*", Action.GRANT, "team/*", False),
    ("maintainer:team/*", Action.GRANT, "team/app", False),
    ("admin:*", Action.ADMINISTER, "*", True),
    ("owner:*", Action.ADMINISTER, "*", False),
    ("auditor:*", Action.AUDIT, "*", True),
]


@pytest.mark.parametrize(("granted", "action", "where", "yes"), HOLDS)
def test_holds(granted: str, action: Action, where: str, yes: bool) -> None:
    assert holds(ALICE, action, grants(*granted.split()), where) is yes
