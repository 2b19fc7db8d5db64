"""Marks: what is said of an image that a workload has."""

import pytest
from tests.db.reported import row

from entrepot.db.workload_images import Listed
from entrepot.oci.digest import Digest
from entrepot.upkeep.marks import Mark, marks, newer

A, B = str(Digest.of(b"a")), str(Digest.of(b"b"))


def listed(
    written: str,
    digest: str = "",
    *,
    named: str | None = None,
    there: bool = True,
    part: bool = False,
    state: str = "running",
    ours: bool = True,
) -> Listed:
    key, said = row(written, digest, state=state, ours=ours)
    return Listed(1, "prod", key, said, 0, 0, None, named, there, part)


PINNED = f"team/app:1.0.0@{A}"

SAID: dict[str, tuple[Listed, list[Mark]]] = {
    "pinned": (listed(PINNED), []),
    "pinned and gone": (listed(PINNED, there=False), [Mark.MISSING]),
    "a tag": (listed("team/app:1", A, named=A), [Mark.UNPINNED]),
    "a tag that is gone": (listed("team/app:1", A), [Mark.MISSING, Mark.UNPINNED]),
    "a tag whose image is gone": (
        listed("team/app:1", A, named=B, there=False),
        [Mark.MISSING, Mark.UNPINNED],
    ),
    "a tag that nobody has pulled yet": (listed("team/app:1", named=A), [Mark.UNPINNED]),
    "another registry's": (
        listed("team/app:1", A, there=False, ours=False),
        [Mark.UNPINNED, Mark.FOREIGN],
    ),
    "for a rollback": (listed(PINNED, state="rollback"), [Mark.ROLLBACK]),
}


@pytest.mark.parametrize(("image", "wanted"), SAID.values(), ids=SAID)
def test_what_is_said(image: Listed, wanted: list[Mark]) -> None:
    assert marks(image, None) == wanted
    assert set(marks(image, "2")) == {*wanted, Mark.NEWER}


TAGS = ["1.0.0", "1.2.0", "v1.10.0", "1.3.0-rc.1", "2.0.0-rc.1", "latest", "1"]

NEWER: dict[str, tuple[Listed, list[str], str | None]] = {
    "the newest version": (listed("team/app:1.0.0"), TAGS, "v1.10.0"),
    "also pinned": (listed(PINNED), TAGS, "v1.10.0"),
    "none": (listed("team/app:v1.10.0"), TAGS, None),
    "a pre-release's": (listed("team/app:1.3.0-rc.1"), TAGS, "2.0.0-rc.1"),
    "of its variant": (
        listed("team/app:1.0.0-alpine"),
        [*TAGS, "1.0.0-alpine", "1.1.0-alpine", "1.2.0-slim"],
        "1.1.0-alpine",
    ),
    "another variant's": (listed("team/app:1.0.0-alpine"), TAGS, None),
    "no version": (listed("team/app:latest", A, named=A), TAGS, None),
    "a tag that has moved": (listed("team/app:latest", A, named=B), TAGS, "latest"),
    "one that means it as a platform": (listed("team/app:latest", A, named=B, part=True), [], None),
    "one that was never pulled": (listed("team/app:latest", named=B), TAGS, None),
    "one that is gone": (listed("team/app:latest", A), [], None),
    "pinned, its tag moved": (listed(PINNED, named=B), [], None),
}


@pytest.mark.parametrize(("image", "tags", "wanted"), NEWER.values(), ids=NEWER)
def test_what_is_newer(image: Listed, tags: list[str], wanted: str | None) -> None:
    assert newer(image, tags) == wanted
