"""Naming signers, demanding signatures, and verifying images, from the command line."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import EMPTY, put_blob, put_image, put_manifest
from tests.signatures.keyless import BUILD, ISSUER, Sigstore
from tests.signatures.signed import curve, payload, pem, signature, signing, simple, tag_of

KEY, ANOTHER = curve(), curve()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "cosign.pub").write_text(pem(KEY))
    (folder / "other.pub").write_text(pem(ANOTHER))
    (folder / "root.json").write_text(Sigstore().root())
    return folder


@pytest.fixture(scope="module")
def client(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair) as client:
        yield client


@pytest.fixture(scope="module")
def image(client: httpx.Client) -> str:
    """An image that KEY signed; its digest."""
    found = put_image(client, "signed/app", "1", b"layer")
    for part in (payload(found), EMPTY):
        put_blob(client, "signed/app", part)
    put_manifest(
        client, "signed/app", tag_of(found), signature(simple(payload(found), signing(KEY)))
    )
    put_image(client, "signed/app", "2", b"another layer")
    return found


def test_from_naming_a_signer_to_a_demand(desk: Desk, keys: Path, image: str) -> None:
    add = ("signer", "add", "signed", "ci", "--key", str(keys / "cosign.pub"))
    assert desk.good(*add) == "ci signs for signed/*\n"
    assert "signed   ci    signed/*      key   " in desk.good("signer", "list")
    assert desk.json("signer", "list", "--project", "none") == []

    told = desk.good("verify", "signed/app:1")
    assert f"signed/app@{image}: signed by ci" in told
    host = desk.url.removeprefix("http://")
    found = desk.json("verify", f"{host}/signed/app@{image}")
    assert (found["good"], found["signers"]) == (True, ["ci"])

    done = desk.run("verify", "signed/app:2")
    assert done.status == 1
    assert done.output.endswith(": no good signature\n")

    demand = ("signer", "demand", "signed", "--by", "ci")
    assert "Say --yes" in desk.bad(*demand)
    assert desk.good(*demand, "--yes") == "signed/* is pulled only where ci signed\n"
    assert desk.json("signer", "demands")[0]["signers"] == ["ci"]
    assert desk.good("signer", "demand", "signed", "--off") == "signed/* is pulled unsigned, too\n"

    assert desk.good("signer", "remove", "signed", "ci", "--yes") == "ci signs for signed no more\n"
    done = desk.run("verify", "signed/app:1")
    assert (done.status, "the project names no signer" in done.output) == (1, True)


def test_verifying_by_ones_own_key_believes_the_registry_nothing(
    desk: Desk, keys: Path, image: str
) -> None:
    good, other = str(keys / "cosign.pub"), str(keys / "other.pub")
    told = desk.good("verify", "signed/app:1", "--key", good)
    assert f"signed/app@{image}: signed by {good}" in told
    done = desk.run("verify", "signed/app:1", "--key", other)
    assert done.status == 1
    assert "another key made it" in done.output
    both = desk.json("verify", "signed/app:1", "--key", other, "--key", good)
    assert [each["good"] for each in both["signatures"]] == [False, True]


def test_an_identity(desk: Desk, keys: Path, image: str) -> None:
    given = ("--identity", BUILD, "--issuer", ISSUER, "--root", str(keys / "root.json"))
    desk.good("signer", "add", "signed", "release", *given)
    assert f"{BUILD} of {ISSUER}" in desk.good("signer", "list")
    found = desk.json("signer", "list", "--project", "signed")
    assert found[0]["identity"]["identity"] == BUILD
    desk.good("signer", "remove", "signed", "release", "--yes")


ERRORS = {
    "signer add signed ci": "say who it is: --key, or",
    "signer add signed ci --identity x": "say who it is: --key, or",
    "signer add signed ci --key not-there": "cannot read not-there",
    "signer add nowhere ci --key {key}": "there is no project 'nowhere'",
    "signer add signed Ci! --key {key}": "is no name",
    "signer add signed ci --key {key} --pattern other/*": "other/* is not in project signed",
    "signer remove signed nobody --yes": "project signed has no signer 'nobody'",
    "signer demand signed --by nobody --yes": "project signed has no signer nobody",
    "signer demand signed --pattern other/* --yes": "--pattern other/* is not in project signed",
    "signer demand signed --off": "nothing is demanded for signed/*",
    "verify signed/app:none": "signed/app has no manifest none",
    "verify signed/none": "there is no repository signed/none",
    "verify Signed!": "is no image",
    "verify signed/app:1 --key {root}": "this is no public key in PEM",
}


@pytest.mark.parametrize("line", ERRORS)
def test_errors_name_what_mends_them(desk: Desk, keys: Path, image: str, line: str) -> None:
    words = line.format(key=keys / "cosign.pub", root=keys / "root.json").split()
    assert ERRORS[line] in desk.bad(*words)
