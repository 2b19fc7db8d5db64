"""Where pods are, or why they are nowhere, as the API has it."""

from typing import Any

import pytest

from entrepot.kube.doctor.placement import Node, evicted, unscheduled


def node(pressure: str, **info: str) -> Any:
    conditions = [{"type": "DiskPressure", "status": pressure}]
    status = {"conditions": conditions, "nodeInfo": info}
    return {"metadata": {"name": "n"}, "status": status}


def test_a_node() -> None:
    known = {"operatingSystem": "linux", "architecture": "arm64"}
    assert Node.read(node("False", **known)) == Node("n", "linux/arm64")
    assert Node.read(node("True")) == Node("n", full=True)
    assert Node.read({"metadata": {"name": "n"}}) == Node("n")


@pytest.mark.parametrize(
    ("reason", "words", "wanted"),
    [
        ("Evicted", "The node was low on resource: ephemeral-storage. Threshold", True),
        ("Evicted", "The node was low on resource: inodes. ", True),
        ("Evicted", "Pod was rejected: The node had condition: [DiskPressure]. ", True),
        ("Evicted", "Usage of EmptyDir volume exceeds; container ephemeral local storage", True),
        ("Evicted", "The node was low on resource: memory. Threshold", False),
        ("", "ephemeral-storage", False),
    ],
)
def test_a_pod_that_was_thrown_out(reason: str, words: str, wanted: bool) -> None:
    status = {"phase": "Failed", "reason": reason, "message": words}
    assert evicted({"status": status}) == (words if wanted else "")


def test_a_pod_that_no_node_takes() -> None:
    waits = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}
    assert unscheduled({"status": {"conditions": [waits]}}) == "0/1 nodes are available"
    there = {"type": "PodScheduled", "status": "True"}
    assert unscheduled({"status": {"conditions": [there]}}) == ""
    assert unscheduled({}) == ""
