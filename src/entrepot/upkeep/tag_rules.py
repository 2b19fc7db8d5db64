"""`Rules`: which tags and manifests of a repository go by themselves, and the plan that they make.

A plan is pure: it looks at what it is given and says for each tag whether it stays, and why. A tag
goes only where some rule is about it and none keeps it. Manifests go only where nothing keeps them:
no tag, no index that lists them, no subject. Next: `upkeep.tag_retention` does what a plan says.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from entrepot.db.immutable import rule_of
from entrepot.db.immutable_rules import Rule
from entrepot.oci.names import attached_to
from entrepot.versions.reading import Scheme, Version, read

DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What keeps a tag, each by itself; None where a rule is not set."""

    keep_newest: int | None = None
    """So many that were pushed last."""
    keep_days: float | None = None
    """Those that were pushed within so many days."""
    keep_pulled_days: float | None = None
    """Those that were pulled within so many days."""
    keep_tags: tuple[str, ...] = ()
    """Those that one of these patterns means, as a shell has them: v*, release-*."""
    semver_patches: int | None = None
    """So many newest patches of every minor version."""
    semver_minors: int | None = None
    """Of so many newest minor versions only."""
    prerelease_days: float | None = None
    """Pre-releases that were pushed within so many days; the others go."""
    untagged_days: float | None = None
    """How long a manifest stays that nothing keeps."""
    dangling_days: float | None = None
    """How long a referrer stays whose subject is gone."""

    @property
    def about_tags(self) -> bool:
        """Whether any tag can go by them."""
        return self.about_all_tags or self.about_versions

    @property
    def about_all_tags(self) -> bool:
        """Whether tags that are no versions can go, too."""
        given = (self.keep_newest, self.keep_days, self.keep_pulled_days)
        return any(each is not None for each in given)

    @property
    def about_versions(self) -> bool:
        """Whether versions are told apart."""
        given = (self.semver_patches, self.semver_minors, self.prerelease_days)
        return any(each is not None for each in given)

    def document(self) -> dict[str, object]:
        """As JSON has them, without what is not set."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}


@dataclass(frozen=True, slots=True)
class Seen:
    """A tag as it stands; times are seconds since 1970."""

    name: str
    digest: str
    pushed_at: float
    pulled_at: float | None = None
    size: int = 0
    """Bytes of its manifest."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a tag, and why."""

    tag: Seen
    keep: bool
    why: str


def plan(
    tags: Sequence[Seen],
    rules: Rules,
    now: float | None = None,
    immutable: Sequence[Rule] = (),
    running: Mapping[str, str] = MappingProxyType({}),
) -> list[Decision]:
    """What becomes of the tags of one repository, in the order in which they are given; those that
    `immutable` rules mean stay, and those that are `running` or belong to what is: why, by name.
    """
    now = time.time() if now is None else now
    reasons = {**running, **dict(_immutable(tags, immutable))}
    for keeps in (_by_name, _by_age, _by_count, _by_pulls, _by_version, _beyond):
        for name, why in keeps(tags, rules, now):
            reasons.setdefault(name, why)
    gone = _why_not(rules)
    return [Decision(tag, tag.name in reasons, reasons.get(tag.name, gone)) for tag in tags]


Reasons = Iterable[tuple[str, str]]
"""Names of tags that stay, and why."""


def _immutable(tags: Sequence[Seen], rules: Sequence[Rule]) -> Reasons:
    for tag in tags:
        if rule := rule_of(tag.name, rules):
            yield tag.name, f"it is immutable by {rule}"


def _by_name(tags: Sequence[Seen], rules: Rules, _now: float) -> Reasons:
    for tag in tags:
        meant = (each for each in rules.keep_tags if fnmatchcase(tag.name, each))
        if pattern := next(meant, None):
            yield tag.name, f"{pattern} is always kept"


def _by_age(tags: Sequence[Seen], rules: Rules, now: float) -> Reasons:
    if rules.keep_days is not None:
        for tag in tags:
            if now - tag.pushed_at < rules.keep_days * DAY:
                yield tag.name, f"pushed within {rules.keep_days:g} days"


def _by_count(tags: Sequence[Seen], rules: Rules, _now: float) -> Reasons:
    if rules.keep_newest is not None:
        images = (tag for tag in tags if not attached_to(tag.name))
        newest = sorted(images, key=lambda tag: (tag.pushed_at, tag.name), reverse=True)
        for tag in newest[: rules.keep_newest]:
            yield tag.name, f"among the {rules.keep_newest} newest"


def _by_pulls(tags: Sequence[Seen], rules: Rules, now: float) -> Reasons:
    if rules.keep_pulled_days is not None:
        for tag in tags:
            if tag.pulled_at is not None and now - tag.pulled_at < rules.keep_pulled_days * DAY:
                yield tag.name, f"pulled within {rules.keep_pulled_days:g} days"


def _by_version(tags: Sequence[Seen], rules: Rules, now: float) -> Reasons:
    """The newest patches of the newest minors, of each variant; and pre-releases that are young
    enough.
    """
    if not rules.about_versions:
        return
    releases: dict[str, list[tuple[Version, Seen]]] = defaultdict(list)
    for tag in tags:
        version = read(tag.name, Scheme.SEMVER)
        if version is None:
            continue
        if version.is_prerelease:
            if rules.prerelease_days is None or now - tag.pushed_at < rules.prerelease_days * DAY:
                yield tag.name, "a pre-release that is young enough"
        else:
            releases[version.variant].append((version, tag))
    for variant, found in releases.items():
        yield from _newest(found, rules, f"-{variant}" if variant else "")


def _newest(found: Sequence[tuple[Version, Seen]], rules: Rules, variant: str) -> Reasons:
    minors: dict[tuple[int, ...], list[tuple[Version, Seen]]] = defaultdict(list)
    for version, tag in found:
        minors[version.numbers[:2]].append((version, tag))
    for minor in sorted(minors, reverse=True)[: rules.semver_minors]:
        newest = sorted(minors[minor], key=lambda each: each[0], reverse=True)
        for _, tag in newest[: rules.semver_patches]:
            yield tag.name, f"among the newest patches of {minor[0]}.{minor[1]}{variant}"


def _beyond(tags: Sequence[Seen], rules: Rules, _now: float) -> Reasons:
    """Tags that no rule is about."""
    if rules.about_all_tags:
        return
    for tag in tags:
        if not rules.about_versions:
            yield tag.name, "no rule is about tags"
        elif read(tag.name, Scheme.SEMVER) is None:
            yield tag.name, "it is no version"


def _why_not(rules: Rules) -> str:
    words = [
        ("among the {:g} newest", rules.keep_newest),
        ("pushed within {:g} days", rules.keep_days),
        ("pulled within {:g} days", rules.keep_pulled_days),
        ("among the {:g} newest patches of a minor", rules.semver_patches),
        ("of the {:g} newest minors", rules.semver_minors),
        ("a pre-release of the last {:g} days", rules.prerelease_days),
    ]
    given = [text.format(value) for text, value in words if value is not None]
    return f"it is not {', nor '.join(given)}"
