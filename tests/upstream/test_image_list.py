"""Images that files name: lists of them, and Kubernetes manifests of all sorts of tools."""

from pathlib import Path

import pytest

from entrepot.upstream.image_list import images_in

POD = "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - image: nginx:1.29\n"
FILES = {
    "a list": ("images.txt", "# ours\nnginx:1.29  # web\n\nnginx:1.29\n"),
    "a list of an editor that marks it": ("images.txt", "\ufeffnginx:1.29\n"),
    "a pod": ("pod.yaml", POD),
    "what a shell calls a pipe": ("63", POD),
    "rendered by Helm": ("63", f"---\n# Source: web/pod.yaml\n{POD}"),
    "of several lines' ends": ("pod.yaml", POD.replace("\n", "\r\n")),
    "JSON without a suffix": ("63", '{"spec": {"initContainers": [{"image": "nginx:1.29"}]}}'),
    "a list of them": (
        "all.json",
        '{"items": [{"jobTemplate": {"spec": {"containers": [{"image": "nginx:1.29"}]}}}]}',
    ),
    "a definition before it": ("all.yaml", f"kind: X\nenum:\n- =\n- =~\n---\n{POD}"),
    "a date that is none": ("all.yaml", f"kind: X\nat: 2026-13-45\n---\n{POD}"),
    "merged": ("pod.yaml", "kind: Pod\nx: &x {image: 'nginx:1.29'}\ncontainers:\n- <<: *x\n"),
    "none, and one": ("pod.yaml", f"{POD}  - image: null\n  - image:\n"),
    "a volume": (
        "pod.yaml",
        "kind: Pod\nspec:\n  volumes:\n  - name: v\n    image: {reference: 'nginx:1.29'}\n",
    ),
}


@pytest.mark.parametrize(("name", "text"), FILES.values(), ids=FILES)
def test_images_are_found(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, newline="")
    assert images_in(tmp_path / name) == ["nginx:1.29"]


def test_an_image_may_be_called_as_a_manifest_begins(tmp_path: Path) -> None:
    (tmp_path / "images").write_text("kind:1.29\n")
    assert images_in(tmp_path / "images") == ["kind:1.29"]
