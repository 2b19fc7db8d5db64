"""Copies of a node's files, of which each begins somewhere else."""

from pathlib import Path

import pytest
from tests.kube.doctor.etc_folder import written

NAME = "/etc/containers/registries.conf"


@pytest.mark.parametrize("inner", ["etc/containers/registries.conf", "containers/registries.conf"])
def test_a_root_or_its_etc(tmp_path: Path, inner: str) -> None:
    etc = written(tmp_path, {inner: "text"})
    assert etc.text(NAME) == "text"
    assert etc.each("/etc/containers", "*.conf") == [NAME]
    assert etc.holds("/etc/containers")


def test_what_is_not_there(tmp_path: Path) -> None:
    etc = written(tmp_path, {})
    assert etc.text(NAME) is None
    assert etc.each("/etc/containers", "*") == []
    assert not etc.holds(NAME)
