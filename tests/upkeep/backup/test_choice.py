"""What a part of a backup is, by its tables alone."""

from typing import Any

import pytest

from entrepot.upkeep.backup.choice import Choice, plan
from entrepot.upkeep.backup.vault import BackupError

NAMES = ["team", "team/app", "team/app/sub", "teams/app", "gone"]
REPOSITORIES = [{"id": n, "name": name, "trash": None} for n, name in enumerate(NAMES)]
REPOSITORIES[4]["trash"] = 1


def manifest(
    number: int, digest: str, depth: int = 0, subject: str | None = None
) -> dict[str, Any]:
    """In team/app."""
    row = {"id": number, "repository": 1, "digest": digest, "depth": depth}
    return {**row, "subject": subject}


MANIFESTS = [
    manifest(1, "index", depth=1),
    manifest(2, "amd64"),
    manifest(3, "arm64"),
    manifest(4, "other"),
    manifest(5, "signature", subject="index"),
    manifest(6, "untagged"),
    {**manifest(7, "elsewhere"), "repository": 3},
]
EDGES = [
    {"repository": 1, "manifest": 1, "child": child} for child in ("amd64", "arm64", "not here")
]
TAGS = [
    {"repository": 1, "name": "1", "digest": "index"},
    {"repository": 1, "name": "2", "digest": "other"},
    {"repository": 1, "name": "lost", "digest": "not here"},
    {"repository": 3, "name": "1", "digest": "elsewhere"},
]


def planned(*choices: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    found = plan([Choice.parse(c) for c in choices], REPOSITORIES, MANIFESTS, EDGES, TAGS)
    return {
        each.repository: ([row["digest"] for row in each.manifests], each.tags) for each in found
    }


def test_a_tag_comes_with_what_it_needs_and_what_refers_to_it() -> None:
    needed = ["amd64", "arm64", "signature", "index"]
    assert planned("team/app:1") == {"team/app": (needed, {"1": "index"})}
    assert planned("team/app:2") == {"team/app": (["other"], {"2": "other"})}
    both = {"1": "index", "2": "other"}
    assert planned("team/app:1", "team/app:2")["team/app"][1] == both


def test_a_repository_comes_whole() -> None:
    (found,) = planned("team/app", "team/app:1").values()
    assert sorted(found[0]) == sorted(row["digest"] for row in MANIFESTS[:6])
    assert found[1] == {"1": "index", "2": "other"}
    assert found[0][-1] == "index", "what it lists comes before it"


def test_a_project_is_all_below_it_and_no_other() -> None:
    assert list(planned("team")) == ["team", "team/app", "team/app/sub"]
    assert list(planned("team/app")) == ["team/app"]


@pytest.mark.parametrize("choice", ["gone", "nobody", "team/app:3", "team/app/sub", "teams"])
def test_what_is_not_there_is_told(choice: str) -> None:
    if choice == "teams":
        assert list(planned(choice)) == ["teams/app"]
        return
    with pytest.raises(BackupError, match="is not in the backup"):
        planned(choice)


@pytest.mark.parametrize(
    "text", ["", "Team", "../team", "team:", "team/app:-1", "team/app@sha256:1"]
)
def test_what_is_no_part_is_told(text: str) -> None:
    with pytest.raises(BackupError, match="is no part of a backup"):
        Choice.parse(text)
