"""What rules keep, and why: a table of tags that are so many days old."""

import pytest

from entrepot.db.immutable_rules import Kind, Rule
from entrepot.upkeep.tag_rules import DAY, Rules, Seen, plan

NOW = 1_000_000 * DAY

TAGS = {  # pushed and pulled so many days ago
    "latest": (1, 0.5),
    "1.0.0": (90, None),
    "1.0.1": (80, 2),
    "1.0.2": (70, None),
    "v1.1.0": (60, None),
    "v1.1.1": (50, 20),
    "1.2.0-rc.1": (40, None),
    "2.0.0-rc.1": (3, None),
    "1.2": (30, None),
    "release-x": (100, None),
}

CASES: dict[str, tuple[Rules, set[str]]] = {
    "no rule": (Rules(), set(TAGS)),
    "only about manifests": (Rules(untagged_days=1, dangling_days=1), set(TAGS)),
    "newest": (Rules(keep_newest=3), {"latest", "2.0.0-rc.1", "1.2"}),
    "newest none": (Rules(keep_newest=0), set()),
    "newest of more than there are": (Rules(keep_newest=99), set(TAGS)),
    "young": (Rules(keep_days=45), {"latest", "2.0.0-rc.1", "1.2", "1.2.0-rc.1"}),
    "pulled": (Rules(keep_pulled_days=7), {"latest", "1.0.1"}),
    "any rule that keeps is enough": (
        Rules(keep_newest=1, keep_pulled_days=7, keep_days=3.5),
        {"latest", "1.0.1", "2.0.0-rc.1"},
    ),
    "patterns": (
        Rules(keep_newest=0, keep_tags=("v*", "release-?")),
        {"v1.1.0", "v1.1.1", "release-x"},
    ),
    "patterns alone take nothing": (Rules(keep_tags=("v*",)), set(TAGS)),
    "newest patch of every minor": (
        Rules(semver_patches=1),
        {"1.0.2", "v1.1.1", "1.2.0-rc.1", "2.0.0-rc.1", "latest", "1.2", "release-x"},
    ),
    "two patches of the newest minor": (
        Rules(semver_patches=2, semver_minors=1, prerelease_days=0),
        {"v1.1.0", "v1.1.1", "latest", "1.2", "release-x"},
    ),
    "young pre-releases": (
        Rules(semver_patches=9, prerelease_days=10),
        set(TAGS) - {"1.2.0-rc.1"},
    ),
    "versions and age together": (
        Rules(semver_patches=1, keep_days=2),
        {"1.0.2", "v1.1.1", "1.2.0-rc.1", "2.0.0-rc.1", "latest"},
    ),
}


def seen() -> list[Seen]:
    return [
        Seen(name, f"sha256:{name}", NOW - pushed * DAY, pulled and NOW - pulled * DAY)
        for name, (pushed, pulled) in TAGS.items()
    ]


@pytest.mark.parametrize(("rules", "kept"), CASES.values(), ids=CASES)
def test_a_plan(rules: Rules, kept: set[str]) -> None:
    decisions = plan(seen(), rules, NOW)
    assert [decision.tag.name for decision in decisions] == list(TAGS)
    assert {decision.tag.name for decision in decisions if decision.keep} == kept
    assert all(decision.why for decision in decisions)


def test_what_the_project_makes_immutable_stays() -> None:
    fixed = [Rule(1, "team/*", Kind.GLOB, "v1.1.?"), Rule(2, "team/app", Kind.REGEX, "latest|x")]
    decisions = plan(seen(), Rules(keep_newest=0, keep_tags=("v*",)), NOW, fixed)
    kept = {decision.tag.name: decision.why for decision in decisions if decision.keep}
    assert kept == {
        "latest": "it is immutable by rule 2 (tags latest|x in team/app)",
        "v1.1.0": "it is immutable by rule 1 (tags v1.1.? in team/*)",
        "v1.1.1": "it is immutable by rule 1 (tags v1.1.? in team/*)",
    }


def test_it_says_why() -> None:
    rules = Rules(keep_newest=1, keep_days=2.5, semver_patches=1, keep_tags=("rel*",))
    why = {decision.tag.name: decision.why for decision in plan(seen(), rules, NOW)}
    assert why["release-x"] == "rel* is always kept"
    assert why["latest"] == "pushed within 2.5 days"
    assert why["1.0.2"] == "among the newest patches of 1.0"
    assert why["1.0.0"] == (
        "it is not among the 1 newest, nor pushed within 2.5 days, "
        "nor among the 1 newest patches of a minor"
    )


def test_versions_sort_as_numbers() -> None:
    tags = [Seen(name, name, 0) for name in ("1.0.9", "1.0.10", "1.0.2")]
    kept = [each.tag.name for each in plan(tags, Rules(semver_patches=1), NOW) if each.keep]
    assert kept == ["1.0.10"]


def test_each_variant_has_its_newest() -> None:
    names = ("1.0.9", "1.0.8", "1.0.7-alpine", "1.0.6-alpine", "1.0.9-rc.1", "1.0.6-slim")
    tags = [Seen(name, name, 0) for name in names]
    rules = Rules(semver_patches=1, prerelease_days=1)
    found = {each.tag.name: each.why for each in plan(tags, rules, NOW) if each.keep}
    assert found == {
        "1.0.9": "among the newest patches of 1.0",
        "1.0.7-alpine": "among the newest patches of 1.0-alpine",
        "1.0.6-slim": "among the newest patches of 1.0-slim",
    }
