"""Three replicas that tests share, and a fleet of a test's own."""

from collections.abc import Iterator

import pytest
from tests.postgres import Postgres
from tests.replicas import fleet as fleets
from tests.replicas.fleet import Fleet
from tests.seaweed import Seaweed


@pytest.fixture(scope="session")
def fleet(
    postgres: Postgres, seaweed: Seaweed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fleet]:
    """Three replicas without accounts."""
    url, folder = postgres.new(), tmp_path_factory.mktemp("fleet")
    with seaweed.bucket() as bucket, fleets.running(folder, url, bucket) as found:
        yield found
    postgres.drop(url)
