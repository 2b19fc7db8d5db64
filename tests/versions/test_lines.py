"""Lines: which tags float with a version, and which version is the newest of each."""

import pytest

from entrepot.db.floating_rules import Asked
from entrepot.versions.lines import lines, newest, reader, standings

read = reader()

ALL = Asked(major=True, minor=True, latest=True)
EARLY = Asked(major=True, minor=True, latest=True, prereleases=True)

LINES: dict[str, tuple[Asked, list[str]]] = {
    "1.4.2": (ALL, ["1.4", "1", "latest"]),
    "v1.4.2": (ALL, ["v1.4", "v1", "latest"]),
    "0.0.1": (ALL, ["0.0", "0", "latest"]),
    "1.4.2_build.7": (ALL, ["1.4", "1", "latest"]),
    "1.4.2-alpine": (ALL, ["1.4-alpine", "1-alpine", "alpine"]),
    "v1.4.2-alpine3.20": (ALL, ["v1.4-alpine3.20", "v1-alpine3.20", "alpine3.20"]),
    "1.5.0-rc.1": (ALL, []),
    "1.5.0-rc.2": (EARLY, ["1.5", "1", "latest"]),
    "2.0.0": (Asked(minor=True), ["2.0"]),
    "2.0.1": (Asked(major=True), ["2"]),
    "2.0.2": (Asked(latest=True), ["latest"]),
    "2.0.3": (Asked(), []),
}


@pytest.mark.parametrize("tag", LINES)
def test_which_tags_float_with_a_version(tag: str) -> None:
    asked, wanted = LINES[tag]
    version = read(tag)
    assert version is not None
    found = lines(version, asked)
    assert [line.tag for line in found] == wanted
    assert all(line.has(version) for line in found)
    assert all(line.reach[0] < tag < line.reach[1] for line in found)


@pytest.mark.parametrize(
    "tag", ["latest", "1", "1.4", "v1", "1.4.2.1", "01.2.3", "sha256-abc", "x"]
)
def test_what_is_no_version_has_no_lines(tag: str) -> None:
    assert read(tag) is None


TAGS = [
    *("1.4.9", "1.4.10", "1.5.0-rc.1", "1.3.99", "v1.4.11", "1.4.11-alpine", "0.9.0"),
    *("latest", "1.4", "dev", "10.0.0-rc.1"),
]
NEWEST: dict[str, tuple[Asked, dict[str, str]]] = {
    "releases": (
        ALL,
        {
            "latest": "v1.4.11",
            "1.4": "1.4.10",
            "1": "1.4.10",
            "1.3": "1.3.99",
            "0.9": "0.9.0",
            "0": "0.9.0",
            "v1.4": "v1.4.11",
            "v1": "v1.4.11",
            "1.4-alpine": "1.4.11-alpine",
            "1-alpine": "1.4.11-alpine",
            "alpine": "1.4.11-alpine",
        },
    ),
    "pre-releases": (
        Asked(major=True, latest=True, prereleases=True),
        {
            "latest": "10.0.0-rc.1",
            "10": "10.0.0-rc.1",
            "1": "1.5.0-rc.1",
            "0": "0.9.0",
            "v1": "v1.4.11",
            "1-alpine": "1.4.11-alpine",
            "alpine": "1.4.11-alpine",
        },
    ),
}


@pytest.mark.parametrize(("asked", "wanted"), NEWEST.values(), ids=NEWEST)
def test_the_newest_of_each_line(asked: Asked, wanted: dict[str, str]) -> None:
    found = standings(TAGS, asked, read)
    assert {line.tag: version.tag for line, version in found.items()} == wanted
    for line, version in found.items():
        assert newest(TAGS, line, read) == version
        within = [tag for tag in TAGS if line.reach[0] < tag < line.reach[1]]
        assert newest(within, line, read) == version


def test_none_is_the_newest_of_none() -> None:
    version = read("3.0.0")
    assert version is not None
    assert newest(TAGS, lines(version, ALL)[0], read) is None
