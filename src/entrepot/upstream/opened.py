"""`Places`: what the words on a command line mean: a registry's image, a folder, an archive.

Written as skopeo does: `HOST/REPOSITORY:TAG` (also behind `docker://`), `oci:FOLDER[:NAME]`,
`oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from entrepot.addresses import is_this_machine
from entrepot.oci.image_name import Image, ImageError
from entrepot.oci.layout import MARK
from entrepot.oci.names import Repository
from entrepot.upstream.access import Credential
from entrepot.upstream.docker_archive import DockerArchive, NewDockerArchive
from entrepot.upstream.folder import FolderFiles
from entrepot.upstream.http import Http
from entrepot.upstream.layout import Layout
from entrepot.upstream.place import Source, Target, UpstreamError
from entrepot.upstream.registry import RegistryRepository
from entrepot.upstream.tar import NewTarFiles, TarFiles

KINDS = ("oci", "oci-archive", "docker-archive")

Login = Callable[[str, str], Credential | None]
"""For a host and a repository."""


@dataclass(frozen=True, slots=True)
class At:
    """A place, and which image of it is meant."""

    kind: str
    """One of `KINDS`, or "" for a registry."""
    where: str
    """A path, or HOST/REPOSITORY."""
    name: str
    """A tag, a digest, a name in an archive; "" where none is said."""

    @classmethod
    def parse(cls, text: str) -> "At":
        """Read it. Raises `UpstreamError`."""
        kind, colon, rest = text.partition(":")
        if colon and kind in KINDS:
            path, _, name = rest.partition(":")
            if not path:
                raise UpstreamError(f"{text!r} names no file: write {kind}:PATH[:NAME]")
            return cls(kind, path, name)
        plain = text.removeprefix("docker://")
        try:
            image = Image.parse(plain)
        except ImageError as error:
            raise UpstreamError(f"{text!r} is no image: {error}") from None
        named = "@" in plain or ":" in plain.rpartition("/")[2]
        return cls("", f"{image.host}/{image.repository}", image.reference if named else "")

    def __str__(self) -> str:
        """As it is parsed."""
        by_digest = not self.kind and ":" in self.name
        end = f"{'@' if by_digest else ':'}{self.name}" if self.name else ""
        return f"{self.kind}{':' if self.kind else ''}{self.where}{end}"


class Places:
    """Those that one command has open: each registry once, each archive once."""

    def __init__(
        self, login: Login, *, ca: str | None = None, plain: tuple[str, ...] = (), replace: bool
    ) -> None:
        self._login, self._ca, self._plain, self._replace = login, ca, plain, replace
        self._https: dict[tuple[str, Credential | None], Http] = {}
        self._listed: dict[str, frozenset[str]] = {}
        self._layouts: dict[tuple[str, str, bool], Layout] = {}
        self._archives: dict[str, DockerArchive] = {}
        self._written: dict[str, NewTarFiles | NewDockerArchive] = {}
        self._finish: list[Callable[[], None]] = []
        self._lock = RLock()

    def source(self, at: At) -> tuple[Source, str]:
        """Where to read, and the reference there; any thread may ask."""
        with self._lock:
            return self._source(at)

    def _source(self, at: At) -> tuple[Source, str]:
        if at.kind == "docker-archive":
            if at.where not in self._archives:
                self._archives[at.where] = DockerArchive(_existing(at.where))
            return self._archives[at.where], at.name
        if at.kind:
            return self._layout(at, new=False).at(at.name), at.name
        found = self._registry(at)
        found.listed = self._listed.get(at.where)
        return found, at.name or "latest"

    def tags(self, at: At) -> list[str]:
        """All that a source has; who reads there from now on goes by that list."""
        source, _ = self.source(at)
        found = source.tags()
        if not at.kind:
            self._listed[at.where] = frozenset(found)
        return found

    def target(self, at: At) -> Target:
        """Where to write; it is so once `finish` was called. Any thread may ask."""
        with self._lock:
            return self._target(at)

    def _target(self, at: At) -> Target:
        if at.kind == "docker-archive":
            if at.where not in self._written:
                made = NewDockerArchive(Path(at.where), replace=self._replace)
                self._written[at.where] = made
                self._finish.append(made.finish)
            found = self._written[at.where]
            assert isinstance(found, NewDockerArchive)
            return found
        if at.kind:
            return self._layout(at, new=True).at(at.name)
        return self._registry(at)

    def repository(self, at: At) -> RegistryRepository:
        """One of a registry; any thread may ask."""
        with self._lock:
            return self._registry(at)

    def finish(self) -> None:
        """Write what names all that was copied."""
        while self._finish:
            self._finish.pop(0)()
        self._written.clear()

    def close(self) -> None:
        """Give back what is open; what was not finished goes."""
        for written in self._written.values():
            written.abandon()
        for archive in self._archives.values():
            archive.close()
        for http in self._https.values():
            http.close()

    def _layout(self, at: At, *, new: bool) -> Layout:
        key = at.kind, at.where, new
        if key not in self._layouts:
            made = self._open(at, new=new)
            self._layouts[key] = made
            if new:
                self._finish.append(made.finish)
        return self._layouts[key]

    def _open(self, at: At, *, new: bool) -> Layout:
        if at.kind == "oci":
            folder = FolderFiles(Path(at.where) if new else _existing(at.where))
            return Layout(folder, str(at.where), new=new and folder.size(MARK) is None)
        if not new:
            return Layout(TarFiles(_existing(at.where)), at.where)
        files = NewTarFiles(Path(at.where), replace=self._replace)
        self._written[at.where] = files
        return Layout(files, at.where, new=True)

    def _registry(self, at: At) -> RegistryRepository:
        image = Image.parse(at.where)
        credential = self._login(image.host, image.repository)
        key = image.host, credential
        if key not in self._https:
            local = is_this_machine(image.host) and self._ca is None
            scheme = "http" if local or image.host in self._plain else "https"
            self._https[key] = Http(f"{scheme}://{image.server}", credential, self._ca)
        return RegistryRepository(self._https[key], Repository.parse(image.repository))


def _existing(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise UpstreamError(f"there is no {text}")
    return path
