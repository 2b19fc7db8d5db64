"""Names of repositories and tags, and `Reference`: a tag or a digest.

Source: OCI Distribution Specification, "Pulling manifests", for both grammars.
"""

import re
from dataclasses import dataclass
from typing import Self, TypeAlias

from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError

_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY_PATTERN = rf"{_PART}(?:/{_PART})*"
TAG_PATTERN = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"

MAX_NAME = 255
"""Characters of a repository's name; clients count the host's name in, many stop at 255."""

_repository = re.compile(REPOSITORY_PATTERN).fullmatch
_tag = re.compile(TAG_PATTERN).fullmatch
_attached = re.compile(r"sha256-([0-9a-f]{64})\.(?:sig|att|sbom)").fullmatch


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's name, such as `team/app`."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name. Raises `OCIError` NAME_INVALID."""
        if len(text) > MAX_NAME or not _repository(text):
            raise OCIError(
                Code.NAME_INVALID,
                f"invalid repository name {text[:MAX_NAME]!r}: use at most {MAX_NAME} of a-z, 0-9, "
                "with single '.', '_', '__' or '-' inside a part and '/' between parts",
            )
        return cls(text)

    @property
    def project(self) -> str:
        """The project that it belongs to: the first part of its name."""
        return self.name.partition("/")[0]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag's name, such as `1.2.3`."""

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a tag. Raises `OCIError` TAG_INVALID."""
        if not _tag(text):
            raise OCIError(
                Code.TAG_INVALID,
                f"invalid tag {text[:140]!r}: use 1 to 128 of a-z, A-Z, 0-9, '.', '_', '-', "
                "not beginning with '.' or '-'",
            )
        return cls(text)

    @staticmethod
    def fits(text: str) -> bool:
        """Whether a text is the name of one."""
        return bool(_tag(text))

    def __str__(self) -> str:
        return self.name


def attached_to(tag: str) -> str | None:
    """The digest of the image that a tag of cosign's is about: `sha256-….sig` has its signatures.

    None for a tag that is an image's own. Source: cosign's "Signature Spec".
    """
    found = _attached(tag)
    return f"sha256:{found[1]}" if found else None


def covers(pattern: str, name: str) -> bool:
    """Whether a pattern such as team/*, team/app-* or team/app means a repository; team/* means the
    one that is called team, too.
    """
    if not pattern.endswith("*"):
        return pattern == name
    prefix = pattern[:-1]
    return name.startswith(prefix) or (prefix[-1:] == "/" and name == prefix[:-1])


Reference: TypeAlias = Tag | Digest
"""What a manifest is asked for by."""


def parse_reference(text: str) -> Reference:
    """A digest where there is a colon (no tag has one), else a tag."""
    return Digest.parse(text) if ":" in text else Tag.parse(text)
