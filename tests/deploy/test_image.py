"""The image: whose it is, and what is in it."""

import json
import tarfile

import pytest
from tests.clients.image import Image, layout_blob

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def files(own_image: Image) -> set[str]:
    """All that the layers above the base bring."""
    found: set[str] = set()
    for each in json.loads(own_image.manifest)["layers"][1:]:
        layer = own_image.layout / "blobs" / "sha256" / each["digest"].partition(":")[2]
        with tarfile.open(layer) as tar:
            found |= {entry.name.strip("/") for entry in tar}
    return found


def test_config(own_image: Image) -> None:
    digest = json.loads(own_image.manifest)["config"]["digest"]
    config = json.loads(layout_blob(own_image.layout, digest))["config"]
    assert config["User"] == "65532:65532", "a number: only of one a kubelet knows it is not root"
    assert config["Entrypoint"] == ["entrepot"]
    assert config["Cmd"] == ["serve"]
    assert list(config["Volumes"]) == ["/var/lib/entrepot"]
    assert not {name for name in config["Env"] if "PIP" in name}


def test_it_has_what_it_needs(files: set[str]) -> None:
    packages = "opt/entrepot/lib/python3.11/site-packages"
    for name in ("entrepot", "psycopg", "obstore", "boto3"):
        assert f"{packages}/{name}/__init__.py" in files
    assert "opt/entrepot/bin/entrepot" in files
    assert f"{packages}/entrepot/__pycache__/__init__.cpython-311.pyc" in files, (
        "none is made later"
    )


def test_it_has_no_tools_to_build(files: set[str]) -> None:
    names = {name.rpartition("/")[2] for name in files}
    assert not names & {"gcc", "cc", "ld", "make", "pip", "hatchling", "setuptools"}
    assert not {name for name in files if name.startswith(("src", "wheels/", "tmp/"))}
