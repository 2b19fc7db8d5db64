"""How many files a server may have open."""

import resource
from pathlib import Path

import pytest
from tests.registry import StartRegistry


def of(pid: int) -> tuple[int, int]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (words,) = [each.split() for each in lines if each.startswith("Max open files")]
    return int(words[3]), int(words[4])


@pytest.mark.parametrize("workers", [1, 2])
def test_as_many_as_it_may(start_registry: StartRegistry, workers: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = min(hard, 65_536)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        served = start_registry(workers=workers, afresh=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert of(served.pid)[0] >= least
