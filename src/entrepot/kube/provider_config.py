"""What a node needs to pull with no stored secret: the plugin, its config, and the CA it trusts.

Source: kubelet.config.k8s.io/v1, CredentialProviderConfig; KEP-4412.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

NAME = "entrepot-credential-provider"
CONFIG = "credential-provider.yaml"
CA = "ca.pem"
PYTHON = "/usr/bin/python3"


class InUseError(Exception):
    """The folder has a config that says something else."""


@dataclass(frozen=True, slots=True)
class Installation:
    """How the nodes of a cluster ask one registry."""

    folder: str
    """Where it lies on the nodes."""
    registry: str
    """What images begin with: a host, and its port where there is one."""
    audience: str
    """For whom the kubelet asks tokens of service accounts."""
    ca: str | None = None
    """The CA of the registry, in PEM, where the node's own do not suffice."""
    server: str | None = None
    """Where the registry is asked, if not by its name."""
    python: str = PYTHON

    def files(self) -> dict[str, str]:
        """By name, what is in the folder."""
        found = {NAME: self._program(), CONFIG: self._config()}
        return found | ({CA: self.ca} if self.ca else {})

    def write(self, into: Path, *, replace: bool = False) -> list[str]:
        """Write the files, each as a whole, and name those that were not so already.

        Raises `InUseError` where that would change a config that is there, and OSError.
        """
        config = into / CONFIG
        if not replace and config.exists() and config.read_text() != self._config():
            raise InUseError(f"{config} says something else")
        return write(self.files(), into)

    def flags(self) -> list[str]:
        """What the kubelet is started with."""
        return [
            f"--image-credential-provider-bin-dir={self.folder}",
            f"--image-credential-provider-config={self.folder}/{CONFIG}",
        ]

    def _program(self) -> str:
        text = (resources.files("entrepot.kube") / "credential_provider.py").read_text()
        return text.replace(PYTHON, self.python, 1)

    def _config(self) -> str:
        """The config; strings are quoted as JSON, which YAML takes."""
        words = ["--ca", f"{self.folder}/{CA}"] if self.ca else []
        words += ["--server", self.server] if self.server else []
        return _CONFIG.format(
            name=NAME,
            images=json.dumps([self.registry]),
            words=json.dumps(words),
            audience=json.dumps(self.audience),
        )


_CONFIG = """\
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: {name}
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  matchImages: {images}
  defaultCacheDuration: "5m"
  args: {words}
  tokenAttributes:
    serviceAccountTokenAudience: {audience}
    cacheType: ServiceAccount
    requireServiceAccount: true
"""


def write(files: dict[str, str], into: Path) -> list[str]:
    """Write files below a folder, and name those that were not so already. Raises OSError."""
    return [name for name, text in files.items() if _write(into / name, text)]


def _write(path: Path, text: str) -> bool:
    """Whether it had to be written; the kubelet may read it meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o755 if path.name == NAME else 0o644
    if path.exists() and path.read_text() == text and path.stat().st_mode & 0o777 == mode:
        return False
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(text)
    beside.chmod(mode)
    beside.replace(path)
    return True
