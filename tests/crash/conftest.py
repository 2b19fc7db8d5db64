"""What a registry keeps its things in, for tests that must pass whatever that is."""

import pytest
from tests.crash.backend import Backend

SQLITE, POSTGRES = "SQLite and disk", "PostgreSQL and SeaweedFS"


@pytest.fixture(params=[SQLITE, POSTGRES])
def behind(request: pytest.FixtureRequest) -> Backend:
    """Each of them, empty; to be asked for before the registry, which ends first."""
    if request.param == SQLITE:
        return Backend()
    url, bucket = request.getfixturevalue("database_url"), request.getfixturevalue("bucket")
    settings = {"database_url": url, **bucket.settings}
    return Backend(settings, url, bucket.place)
