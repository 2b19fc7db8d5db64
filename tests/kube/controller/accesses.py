"""`PullAccess` documents, as the API server has them."""

from typing import Any

from entrepot.kube.controller.access import PullAccess

HOST = "registry.test"


def source(host: str = HOST, *repositories: str, **more: Any) -> dict[str, Any]:
    return {"host": host, "repositories": list(repositories or ("team/*",)), **more}


def document(name: str = "team", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 3},
        "spec": {"registries": [source()], **spec},
    }


def access(name: str = "team", **spec: Any) -> PullAccess:
    return PullAccess.parse(document(name, **spec))
