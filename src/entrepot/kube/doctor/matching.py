"""Which credentials the kubelet tries for an image, and in what order: the longest pattern first.

Where any matches it never tries without one. Source: kubernetes, pkg/credentialprovider:
`BasicDockerKeyring.Lookup`, `URLsMatch`, `isDefaultRegistryMatch`.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from itertools import zip_longest

from entrepot.kube.doctor.pull_secret import Credential
from entrepot.oci.image_name import DOCKER, Image

_DEFAULT = "index.docker.io"


def matching(image: Image, credentials: Iterable[Credential]) -> list[Credential]:
    """Those for this image, each name and password once."""
    every = sorted(credentials, key=lambda each: each.pattern, reverse=True)
    found = [each for each in every if matches(each.pattern, image.name)]
    if not found and image.host == DOCKER:
        found = [each for each in every if each.pattern == _DEFAULT]
    once: dict[tuple[str, str], Credential] = {}
    for each in found:
        once.setdefault((each.user, each.password), each)
    return list(once.values())


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern means an image, given without tag and digest."""
    wanted, _, prefix = pattern.partition("/")
    host, _, path = name.partition("/")
    (wanted, port), (host, real) = _split(wanted), _split(host)
    parts = zip_longest(wanted.split("."), host.split("."))
    fits = all(a is not None and b is not None and fnmatchcase(b, a) for a, b in parts)
    return fits and port == real and path.startswith(prefix)


def _split(host: str) -> tuple[str, str]:
    name, _, port = host.partition(":")
    return name, port
