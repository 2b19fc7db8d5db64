"""skopeo reads a backup without us."""

import json
import subprocess
from pathlib import Path

from tests.content import digest, dump, image, put_blob, put_manifest
from tests.tools import tool
from tests.upkeep.backup.site import Site


def test_skopeo_copies_an_image_out_of_it(site: Site, tmp_path: Path) -> None:
    rootfs = {"type": "layers", "diff_ids": list[str]()}
    config = dump({"architecture": "amd64", "os": "linux", "rootfs": rootfs})
    put_blob(site.http, "team/app", config)
    wanted = put_manifest(site.http, "team/app", "1.0", image(config=config))
    made = site.create()
    subprocess.run(
        [
            tool("skopeo"),
            "copy",
            "--insecure-policy",
            f"--src-shared-blob-dir={site.dest}/blobs",
            f"oci:{site.dest}/backups/{made['id']}:team/app:1.0",
            f"dir:{tmp_path}/out",
        ],
        check=True,
        timeout=60,
        capture_output=True,
    )
    found = (tmp_path / "out" / "manifest.json").read_bytes()
    assert digest(found) == wanted.headers["docker-content-digest"]


def test_the_index_names_every_tag(site: Site) -> None:
    made = site.create()
    index = json.loads((Path(site.dest) / "backups" / made["id"] / "index.json").read_text())
    names = {
        each["annotations"]["org.opencontainers.image.ref.name"]: each["digest"]
        for each in index["manifests"]
    }
    assert names.items() >= {f"team/app:{tag}": d for tag, d in site.digests.items()}.items()
    assert "team/app:gone" not in names
