"""Whom CRI-O asks, by files of a node."""

from pathlib import Path
from typing import Any

import pytest
from tests.kube.doctor.etc_folder import written

from entrepot.kube.doctor.containerd_hosts import ConfigError
from entrepot.kube.doctor.crio_registries import BlockedError, endpoints
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.oci.image_name import Image

CONFIG = "etc/containers/registries.conf"
IMAGE = Image.parse("r.test:5000/team/app:1")


def seen(folder: Path, *texts: str, **files: str) -> tuple[Endpoint, ...]:
    named = {CONFIG: texts[0], **{f"{CONFIG}.d/{n}.conf": t for n, t in enumerate(texts[1:])}}
    return endpoints(written(folder, {**named, **files}), IMAGE)


def at(server: str, repository: str = "team/app", **more: Any) -> Endpoint:
    return Endpoint(server, repository, pins=True, **more)


PRIMARY = at("r.test:5000")
TABLE: dict[str, tuple[list[str], tuple[Endpoint, ...]]] = {
    "nothing": ([""], (PRIMARY,)),
    "of another": (['[[registry]]\nlocation = "r.test"'], (PRIMARY,)),
    "a mirror": (
        [
            (
                '[[registry]]\nlocation = "r.test:5000"\n'
                '[[registry.mirror]]\nlocation = "m.test/r"\npull-from-mirror = "digest-only"'
            )
        ],
        (at("m.test", "r/team/app", foreign=True, tags=False), PRIMARY),
    ),
    "of a project": (
        [
            (
                '[[registry]]\nlocation = "r.test:5000"\n[[registry.mirror]]\nlocation = "no"\n'
                '[[registry]]\nprefix = "r.test:5000/team"\nlocation = "o.test/x"\ninsecure = true'
            )
        ],
        (at("o.test", "x/app", foreign=True, unverified=True),),
    ),
    "what comes later goes before": (
        [
            '[[registry]]\nlocation = "r.test:5000"\nblocked = true',
            '[[registry]]\nlocation = "r.test:5000"',
        ],
        (PRIMARY,),
    ),
    "digests alone": (
        [
            (
                '[[registry]]\nlocation = "r.test:5000"\nmirror-by-digest-only = true\n'
                '[[registry.mirror]]\nlocation = "m.test"'
            )
        ],
        (at("m.test", foreign=True, tags=False), PRIMARY),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_whom_it_asks(tmp_path: Path, name: str) -> None:
    texts, wanted = TABLE[name]
    assert seen(tmp_path, *texts) == wanted


def test_a_domain(tmp_path: Path) -> None:
    text = '[[registry]]\nprefix = "*.test"\n[[registry.mirror]]\nlocation = "m.lan"'
    etc = written(tmp_path, {CONFIG: text})
    found = endpoints(etc, Image.parse("a.test/team/app"))
    assert [(each.server, each.repository) for each in found] == [
        ("m.lan", "team/app"),
        ("a.test", "team/app"),
    ]


def test_what_it_trusts(tmp_path: Path) -> None:
    name = "etc/containers/certs.d/r.test:5000/ca.crt"
    [found] = seen(tmp_path, "", **{name: "PEM"})
    assert (found.ca, found.ca_names) == ("PEM", (f"/{name}",))


def test_what_it_blocks(tmp_path: Path) -> None:
    with pytest.raises(BlockedError, match=r"blocks r.test:5000/team"):
        seen(tmp_path, '[[registry]]\nprefix = "r.test:5000/team"\nblocked = true')


def test_what_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"registries.conf is no TOML"):
        seen(tmp_path, "]")
