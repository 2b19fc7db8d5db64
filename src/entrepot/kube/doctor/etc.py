"""`Etc`: a copy of what a node has under /etc, by the names that things have there.

It is the folder of `entrepot kube connect --node-files`, a copy of a node's root, or of its /etc.
"""

from dataclasses import dataclass
from pathlib import Path

_ROOT = "/etc/"


@dataclass(frozen=True, slots=True)
class Etc:
    """Reads it; what is not there, or cannot be read, is None or nothing."""

    folder: Path

    def path(self, name: str) -> Path:
        """Where the copy of a file of the node lies, that is named from the node's root."""
        if not (self.folder / "etc").is_dir() and name.startswith(_ROOT):
            return self.folder / name.removeprefix(_ROOT)
        return self.folder / name.lstrip("/")

    def name(self, path: Path) -> str:
        """What a file of the copy is called on the node."""
        inner = path.relative_to(self.folder).as_posix()
        return f"/{inner}" if inner.startswith("etc/") else f"{_ROOT}{inner}"

    def text(self, name: str) -> str | None:
        """What is in a file."""
        try:
            return self.path(name).read_text()
        except (OSError, UnicodeDecodeError):
            return None

    def holds(self, name: str) -> bool:
        """Whether there is such a file or folder."""
        return self.path(name).exists()

    def each(self, name: str, pattern: str) -> list[str]:
        """Files of a folder, by their names on the node, in order."""
        return sorted(self.name(path) for path in self.path(name).glob(pattern) if path.is_file())
