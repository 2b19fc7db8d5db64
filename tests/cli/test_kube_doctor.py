"""`entrepot kube doctor` and the plugin of kubectl, without a cluster; with one: tests/cluster."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from tests.cli.command import entrepot

from entrepot.kube.doctor.cause import Cause

ROOT = Path(__file__).parent.parent.parent


def test_no_kubectl_is_said(tmp_path: Path) -> None:
    done = entrepot("kube", "doctor", "web", PATH=str(tmp_path))
    assert done.status == 2
    assert done.error == "entrepot: there is no kubectl here: install it first\n"


def test_the_plugin_is_the_same_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["kubectl-entrepot"].partition(":")
    call = f"import {module}; {module}.{name}()"
    words = [sys.executable, "-c", call, "doctor", "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert "kubectl entrepot doctor" in done.stdout
    assert "--namespace" in done.stdout


@pytest.mark.parametrize("cause", [each.name.lower() for each in Cause])
def test_each_cause_is_in_the_guide(cause: str) -> None:
    rows = (ROOT / "docs" / "kubernetes-doctor.md").read_text().splitlines()
    assert any(row.startswith("| `") and f"`{cause}`" in row.split("|")[1] for row in rows)
