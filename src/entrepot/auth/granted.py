"""`Granted`: an actor's grants, found by what they are on; looking at all would hold up everyone.

Whoever owns a project can give a hundred thousand grants on it. Next: `decision` decides by what is
found here.
"""

from collections.abc import Sequence

from entrepot.auth.pattern import ANY
from entrepot.db.grants import Grant


class Granted:
    """Grants by their patterns."""

    def __init__(self, grants: Sequence[Grant]) -> None:
        self.every = list(grants)
        self._by_pattern: dict[str, list[Grant]] = {}
        for grant in grants:
            self._by_pattern.setdefault(grant.pattern, []).append(grant)
        self._lengths = sorted({len(each) - 1 for each in self._by_pattern if each.endswith(ANY)})

    def on(self, name: str) -> list[Grant]:
        """Those whose pattern means a repository, the oldest first."""
        return self._named(name, f"{name}/{ANY}", *self._prefixes(name))

    def over(self, pattern: str) -> list[Grant]:
        """Those whose pattern means all that this one means, the oldest first."""
        if not pattern.endswith(ANY):
            return self.on(pattern)
        return self._named(*self._prefixes(pattern[:-1]))

    def _prefixes(self, text: str) -> list[str]:
        return [text[:length] + ANY for length in self._lengths if length <= len(text)]

    def _named(self, *patterns: str) -> list[Grant]:
        found = [grant for each in patterns for grant in self._by_pattern.get(each, ())]
        return sorted(found, key=lambda grant: grant.id)
