"""Variants: what a tag says of how an image was made, not of its version: alpine, jdk21. Pure.

To SemVer `1.2.3-alpine` is a pre-release of 1.2.3; to whoever pushed it, it is 1.2.3 on another
base. So a part behind a hyphen that one of the repository's patterns means is taken off first.
"""

import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from functools import lru_cache

VARIANTS = (
    *("alpine*", "slim*", "debian*", "ubuntu*", "distroless*", "busybox*", "scratch*", "wolfi*"),
    *("bullseye*", "bookworm*", "trixie*", "forky*", "focal*", "jammy*", "noble*", "buster*"),
    *("ubi*", "rhel*", "fedora*", "centos*", "rocky*", "almalinux*", "amazonlinux*", "photon*"),
    *("windows*", "nanoserver*", "linux*", "amd64*", "arm64*", "arm32*", "armv[67]*", "x86_64*"),
    *("jdk*", "jre*", "openjdk*", "eclipse-temurin*", "cuda*", "rocm*", "gpu*", "cpu*", "musl*"),
    *("fpm*", "apache*", "dind*", "rootless*", "nonroot*", "debug", "debug-*", "fips*", "full"),
)
"""As a shell has patterns: what is a variant, unless a repository says otherwise."""

_tail = re.compile(r"(.+?)(?:_([0-9A-Za-z.-]+)|-(r[0-9]+))?", re.DOTALL).fullmatch


def split(tag: str, patterns: Sequence[str] = VARIANTS) -> tuple[str, str, str]:
    """What is before the variant, the variant, and a packaging revision or build behind it.

    1.2.3-debian-12-r5 is 1.2.3, debian-12 and r5; where there is no variant the last two are "".
    """
    at = tag.find("-")
    means = _matcher(tuple(patterns)) if at > 0 else None
    while means and at > 0:
        if means(tag[at + 1 :]):
            found = _tail(tag[at + 1 :])
            assert found
            return tag[:at], found[1], found[2] or found[3] or ""
        at = tag.find("-", at + 1)
    return tag, "", ""


@lru_cache(maxsize=256)
def _matcher(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)").match
