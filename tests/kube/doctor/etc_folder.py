"""A copy of a node's files, as tests write it."""

from collections.abc import Mapping
from pathlib import Path

from entrepot.kube.doctor.etc import Etc


def written(folder: Path, files: Mapping[str, str]) -> Etc:
    """One with these files, by their names from the node's root."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Etc(folder)
