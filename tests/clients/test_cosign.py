"""cosign itself, where it is on this machine, against a project that demands signatures.

It takes minutes to build and so is none of the tools that every run of the tests must have; what
it makes is kept in tests/signatures, and tested everywhere.
"""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.admin.office import opened
from tests.content import put_image
from tests.registry import MANIFESTS
from tests.tools import SEARCH, run

Cosign = Callable[..., str]


@pytest.fixture
def cosign(tmp_path: Path) -> Cosign:
    found = shutil.which("cosign", path=SEARCH)
    if found is None:
        pytest.skip(
            "no cosign on this machine: go install github.com/sigstore/cosign/v2/cmd/cosign"
        )
    outer = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "LANG"))}
    env = {
        **outer,
        "HOME": str(tmp_path),
        "DOCKER_CONFIG": str(tmp_path),
        "COSIGN_PASSWORD": "",
        "COSIGN_EXPERIMENTAL": "1",  # the referrers mode wants it
    }

    def call(*words: str) -> str:
        done = run(found, *words, env=env, cwd=tmp_path)
        return done.stdout + done.stderr

    return call


def test_cosign_signs_what_is_demanded_to_be_signed(cosign: Cosign, tmp_path: Path) -> None:
    cosign("generate-key-pair")
    with opened(tmp_path / "data") as office:
        host = office.served.url.removeprefix("http://")
        at = office.admin.at
        at.post("/projects", {"name": "team"}).raise_for_status()
        key = {"pem": (tmp_path / "cosign.pub").read_text()}
        at.put("/signers/team/ci", {"key": key}).raise_for_status()
        at.put("/demands?pattern=team/*", {}).raise_for_status()
        writer, reader = office.person("writer:team/*"), office.person("reader:team/*")
        cosign("login", host, "-u", writer.name, "-p", writer.token)
        ways = [[], ["--registry-referrers-mode=oci-1-1"], ["--new-bundle-format"]]
        for number, way in enumerate(ways):
            with httpx.Client(base_url=office.served.url, auth=("x", writer.token)) as client:
                digest = put_image(client, "team/app", str(number), b"%d" % number)
            pulled = partial(
                httpx.get,
                f"{office.served.url}/v2/team/app/manifests/{number}",
                auth=("x", reader.token),
                headers={"accept": MANIFESTS},
            )
            assert pulled().status_code == 403
            cosign(
                "sign", "-y", "--key", "cosign.key", "--tlog-upload=false", *way,
                f"{host}/team/app@{digest}",
            )  # fmt: skip
            assert pulled().status_code == 200
            said = at.get("/signatures", repository="team/app", digest=digest).json()
            assert said["signers"] == ["ci"]
        cosign("login", host, "-u", reader.name, "-p", reader.token)
        verified = cosign(
            "verify", "--key", "cosign.pub", "--insecure-ignore-tlog", f"{host}/team/app:0"
        )
        assert "The signatures were verified against the specified public key" in verified
