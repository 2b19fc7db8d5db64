"""Which tags a rule means, and what their repositories are called at the other end. Pure."""

from fnmatch import fnmatchcase

from entrepot.auth import pattern
from entrepot.db.replications import Direction, Replication
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository
from entrepot.versions.ranges import Range
from entrepot.versions.reading import is_referrer, read
from entrepot.versions.version import Scheme


class Wanted:
    """What a rule means. Raises `UnreadableError` for versions that are no range."""

    def __init__(self, rule: Replication) -> None:
        self._rule = rule
        self._range = Range.parse(rule.versions, Scheme.SEMVER) if rule.versions else None

    def repository(self, name: str) -> bool:
        """Whether it means a repository, by its name at the source. One that has the target's name
        in its own is a copy of a copy, of which two registries would make ever more.
        """
        target = self._rule.target
        copy = bool(target) and f"/{target}/" in f"/{name}/"
        return pattern.covers(self._rule.pattern, name) and not copy

    def tag(self, name: str) -> bool:
        """Whether it means a tag. What refers to an image goes with it, and never by itself."""
        if is_referrer(name):
            return False
        if any(fnmatchcase(name, each) for each in self._rule.tags):
            return True
        if self._range is not None:
            version = read(name, Scheme.SEMVER)
            return version is not None and self._range.holds(version)
        return not self._rule.tags

    def at_target(self, name: str) -> Repository | None:
        """What a repository of the source is called at the target; None for too long a name."""
        try:
            return Repository.parse(f"{self._rule.target}/{name}" if self._rule.target else name)
        except OCIError:
            return None

    def at_source(self, name: str) -> str:
        """And the other way round."""
        return name.removeprefix(f"{self._rule.target}/") if self._rule.target else name

    def there(self, name: str) -> Repository | None:
        """What one of our repositories is called in the other registry."""
        if self._rule.direction is Direction.PUSH:
            return self.at_target(name)
        return Repository(self.at_source(name))
