"""Roles, and the actions that each allows. Whatever is not in this table is not allowed."""

from enum import StrEnum


class Action(StrEnum):
    """What someone may do; the first four to repositories, as registry tokens name them too."""

    PULL = "pull"
    PUSH = "push"
    """Push blobs and manifests, add tags."""
    MOVE = "move"
    """Point a tag to another image."""
    DELETE = "delete"
    CONFIGURE = "configure"
    """Change a project's settings and policies."""
    GRANT = "grant"
    """Let others in: members of a project and its robots."""
    CREATE = "create"
    """Make a project, by name or by the first push."""
    AUDIT = "audit"
    """Read who did what, and all settings."""
    REPORT = "report"
    """Say what runs in a cluster, and so is kept."""
    ADMINISTER = "administer"
    """Accounts, issuers, keys: what belongs to no project."""


class Role(StrEnum):
    """What a grant gives; the last four are meant for the whole registry, on the pattern *."""

    READER = "reader"
    WRITER = "writer"
    MAINTAINER = "maintainer"
    OWNER = "owner"
    CREATOR = "creator"
    REPORTER = "reporter"
    AUDITOR = "auditor"
    ADMIN = "admin"


_READER = frozenset({Action.PULL})
_WRITER = _READER | {Action.PUSH}
_MAINTAINER = _WRITER | {Action.MOVE, Action.DELETE, Action.CONFIGURE}

ACTIONS: dict[Role, frozenset[Action]] = {
    Role.READER: _READER,
    Role.WRITER: _WRITER,
    Role.MAINTAINER: _MAINTAINER,
    Role.OWNER: _MAINTAINER | {Action.GRANT},
    Role.CREATOR: frozenset({Action.CREATE}),
    Role.REPORTER: frozenset({Action.REPORT}),
    Role.AUDITOR: frozenset({Action.AUDIT}),
    Role.ADMIN: frozenset(Action),
}

SYSTEM = frozenset({Role.CREATOR, Role.REPORTER, Role.AUDITOR, Role.ADMIN})
"""Roles that only an admin gives, on the pattern * alone."""

REPOSITORY = (Action.PULL, Action.PUSH, Action.MOVE, Action.DELETE)
"""Actions on a repository, in the order in which they are told."""

CHANGING = frozenset({Action.PUSH, Action.MOVE, Action.DELETE})
"""Actions that a read-only project refuses."""

FILLING = frozenset({Action.PUSH, Action.MOVE})
"""Actions that a project refuses which stands for another registry."""
