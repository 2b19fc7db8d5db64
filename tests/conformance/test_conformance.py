"""The official OCI distribution conformance suite, its development version, with all of it on.

The suite counts what a registry does not support as skipped; here that is a failure too. It is
run on a registry that takes manifests whose parts are missing, and on ones that refuse them, with
the suite's data for that switched off: without accounts, and with accounts and TLS, where it asks
for a token for each request, or as often as it has to.
"""

import os
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.accounts import Accounts
from tests.registry import StartRegistry
from tests.tools import tool

from entrepot.auth.ca_folder import Folder

LEAST = 900
"""The suite reports more tests than this; fewer would mean that it has run only in part."""

APIS = [
    *("PING", "PULL", "PUSH", "REFERRER"),
    *("BLOBS_ATOMIC", "BLOBS_DELETE", "BLOBS_DIGEST_HEADER"),
    *("BLOBS_MOUNT_ANONYMOUS", "BLOBS_UPLOAD_CANCEL"),
    *("MANIFESTS_ATOMIC", "MANIFESTS_DELETE", "MANIFESTS_DIGEST_HEADER", "MANIFESTS_TAG_PARAM"),
    *("TAGS_ATOMIC", "TAGS_DELETE", "TAGS_LIST"),
]
DATA = [
    *("IMAGE", "INDEX", "INDEX_LIST", "NO_LAYERS", "EMPTY_BLOB", "SHA512", "DATA_FIELD"),
    *("ARTIFACT", "ARTIFACT_LIST", "SUBJECT", "SUBJECT_LIST", "SUBJECT_MISSING"),
    *("NONDISTRIBUTABLE", "CUSTOM_FIELDS"),
]


@pytest.mark.parametrize("sparse", [True, False], ids=["sparse", "whole"])
def test_conformance(sparse: bool, start_registry: StartRegistry, tmp_path: Path) -> None:
    registry = start_registry(sparse_manifests=sparse)
    run_suite(
        tmp_path,
        {
            "OCI_REGISTRY": registry.address,
            "OCI_TLS": "disabled",
            "OCI_DATA_SPARSE": str(sparse).lower(),
        },
    )


@pytest.mark.parametrize(
    ("kind", "kept"),
    [("password", False), ("token", True), ("robot", True)],
    ids=["password, a token for each request", "token, tokens kept", "robot, tokens kept"],
)
def test_conformance_logged_in(
    kind: str, kept: bool, start_registry: StartRegistry, certificates: Folder, tmp_path: Path
) -> None:
    """A maintainer of one project, over TLS, and what else is there stays out of sight."""
    registry = start_registry(
        dangerously_without_accounts=False,
        tls_cert=certificates.server.cert,
        tls_key=certificates.server.key,
    )
    run_suite(
        tmp_path,
        {
            "OCI_REGISTRY": registry.address,
            "OCI_TLS": "enabled",
            "SSL_CERT_FILE": str(certificates.ca.cert),
            "OCI_CACHE_AUTH": str(kept).lower(),
            "OCI_DATA_SPARSE": "false",
            **login(Accounts(registry.data), kind),
        },
    )


def login(accounts: Accounts, kind: str) -> dict[str, str]:
    """Who runs the suite."""
    if kind == "robot":
        credential = accounts.robot("suite", "maintainer:conformance/*")
    else:
        credential = accounts.user("suite", "maintainer:conformance/*")
    if kind == "token":
        credential = accounts.token("suite")
    return {"OCI_USERNAME": credential.name, "OCI_PASSWORD": credential.secret}


def run_suite(folder: Path, settings: dict[str, str]) -> None:
    """Run it with all of it on, but for what the settings say; whatever does not pass fails."""
    configuration = {
        "OCI_VERSION": "dev",
        "OCI_RESULTS_DIR": str(folder),
        **{f"OCI_API_{name}": "true" for name in APIS},
        **{f"OCI_DATA_{name}": "true" for name in DATA},
        **settings,
    }

    done = subprocess.run(
        [tool("conformance")],
        env={"PATH": os.defpath, "HOME": str(folder), **configuration},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    report = folder / "junit.xml"
    assert report.exists(), done.stdout + done.stderr
    suites = ET.parse(report).getroot()
    counts = {name: int(suites.get(name, "0")) for name in ("failures", "errors", "skipped")}
    problems = "\n".join(not_passed(suites))
    assert counts == {"failures": 0, "errors": 0, "skipped": 0}, f"\n{problems}"
    assert int(suites.get("disabled", "0")) == 0, problems
    assert int(suites.get("tests", "0")) > LEAST
    assert done.returncode == 0, done.stderr


def not_passed(suites: ET.Element, most: int = 40) -> list[str]:
    """The names and reasons of the tests that did not pass, the first `most` of them."""
    lines = []
    for case in suites.iter("testcase"):
        status = case.get("status")
        if status != "passed":
            reason = (case.findtext("system-out") or "").strip().replace("\n", "; ")
            lines.append(f"{status}: {case.get('name')}: {reason[:400]}")
    more = [f"and {len(lines) - most} more"] if len(lines) > most else []
    return lines[:most] + more
