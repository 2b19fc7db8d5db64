"""`Operator`: an admin of a cluster and of its registry, at a shell."""

import json
from pathlib import Path
from typing import Any

from tests.accounts import ADMIN
from tests.cli.command import Done
from tests.cluster.cluster import Cluster
from tests.cluster.site import Site
from tests.warm import entrepot


class Operator:
    """Runs `entrepot` for them."""

    def __init__(self, cluster: Cluster, site: Site, home: Path) -> None:
        self.cluster = cluster
        self.site = site
        self.env: dict[str, Any] = {
            "KUBECONFIG": str(cluster.kubeconfig),
            "ENTREPOT_CONTEXTS": str(home / "contexts.json"),
        }
        site.accounts.password("admin", ADMIN.secret)
        url = f"https://{site.address}"
        words = ("login", url, "--ca", str(site.ca), "-u", "admin", "--password-stdin")
        done = entrepot(*words, stdin=ADMIN.secret, **self.env)
        assert done.status == 0, done.error

    def kube(self, command: str, *words: str) -> Done:
        where = ("--registry", self.site.address, "--name", "test")
        return entrepot("kube", command, *where, *words, **self.env)

    def said(self, *words: str) -> Any:
        done = entrepot(*words, "--json", **self.env)
        assert done.status == 0, done.error
        return json.loads(done.output)
