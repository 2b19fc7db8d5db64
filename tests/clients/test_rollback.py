"""A tag goes back, as crane sees it; and packages that oras attached, as the guide says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import Accounts
from tests.clients.carriers import Crane, Oras
from tests.clients.client import Reach
from tests.clients.image import TAG, Image, digest_of
from tests.registry import Registry
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder

Command = Callable[..., Any]

SAYS = "Entrepot-Reason: build 812"


@pytest.fixture
def reach(guarded: tuple[Registry, Accounts], certificates: Folder) -> Reach:
    return Reach(guarded[0].address, certificates.ca.cert)


@pytest.fixture
def command(guarded: tuple[Registry, Accounts], reach: Reach, tmp_path: Path) -> Command:
    """`entrepot`, as someone who may move tags; what it prints as JSON."""
    user = guarded[1].user("undoing", "maintainer:undone/*")
    home = str(tmp_path)

    def run(*arguments: str, stdin: str = "") -> Any:
        done = entrepot(*arguments, "--json", stdin=stdin, HOME=home, XDG_CONFIG_HOME=home)
        assert done.status == 0, done.error
        return json.loads(done.output)

    login = ("-u", user.name, "--password-stdin", "--ca", str(reach.ca))
    run("login", guarded[0].url, *login, stdin=user.secret)
    return run


def test_a_tag_goes_back(
    guarded: tuple[Registry, Accounts],
    reach: Reach,
    command: Command,
    folder: Callable[[str], Path],
    image: Image,
    other_image: Image,
) -> None:
    user = guarded[1].user("shipping", "owner:undone/*")
    crane, oras = Crane(folder("crane"), reach), Oras(folder("oras"), reach)
    for client in (crane, oras):
        client.login(reach.address, user)
    prod = f"{reach.address}/undone/app:prod"
    old, new = crane.push(image, prod), digest_of(other_image.manifest)
    source = ["--from-oci-layout", f"{other_image.layout}:{TAG}"]
    oras("cp", "--to-ca-file", reach.ca, "--to-header", SAYS, *source, prod)
    assert crane("digest", prod).strip() == new

    for digest, version in ((old, "3.0.11"), (new, "3.0.13")):
        packages = [{"name": "openssl", "versionInfo": version}]
        sbom = {"spdxVersion": "SPDX-2.3", "packages": packages}
        (oras.folder / "sbom.json").write_text(json.dumps(sbom))
        kind = "application/spdx+json"
        subject = f"{reach.address}/undone/app@{digest}"
        oras(
            "attach",
            *oras.reach,
            "--artifact-type",
            kind,
            subject,
            f"sbom.json:{kind}",
            cwd=oras.folder,
        )
    found = command("tag", "diff", "undone/app", "prod~1", "prod")
    assert found["packages"]["changes"] == [{"name": "openssl", "old": "3.0.11", "new": "3.0.13"}]
    assert len(found["layers"]["added"]) == 1

    back = command("tag", "rollback", "undone/app", "prod", "--reason", "it fails", "--yes")
    assert (back["old"], back["new"]) == (new, old)
    assert crane("digest", prod).strip() == old
    assert crane.pull(prod).random == image.random
    *_, second, first = command("tag", "history", "undone/app", "prod")
    assert (second["reason"], first["reason"]) == ("build 812", "")
    was = command("tag", "resolve", "undone/app", "prod", "--at", first["at"])
    assert crane.pull(was["pull"]).digest == old
