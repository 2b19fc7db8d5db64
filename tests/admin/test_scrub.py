"""The scrub over the API: how it stands, a pass at once, and pages of what lies in quarantine."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import Office, opened, problem
from tests.content import digest, put_blob, put_image
from tests.upkeep.spoilt import DAMAGE, passed, spoil

from entrepot.db import place

APP = "team/app"
LAYERS = [bytes([number]) * 50_000 for number in range(1, 4)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path / "data", scrub_rate=1e9) as office:
        office.served.settle()
        yield office


def pushed(office: Office, *layers: bytes) -> None:
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, APP, "1", *layers)


def scrubbed(office: Office) -> Any:
    """How it stands after a pass that was asked for."""
    at = office.admin.at
    before = at.get("/scrub").json()["ended_at"]
    asked = at.post("/scrub", None)
    assert asked.status_code == 200, asked.text
    return passed(lambda: at.get("/scrub").json(), before)


def test_a_pass_over_what_is_whole(office: Office) -> None:
    pushed(office, *LAYERS)
    found = scrubbed(office)
    assert (found["state"], found["damaged"], found["error"]) == ("waiting", 0, "")
    assert found["note"] == "5 compared, 0 damaged"
    assert found["bytes"] == found["total"] > 150_000
    assert office.admin.at.get("/scrub/quarantine").json() == {"items": [], "next": None}


def test_damage_is_listed_in_pages_until_it_is_healed(office: Office) -> None:
    pushed(office, *LAYERS)
    for layer in LAYERS:
        spoil(office.served.folder, layer)
    assert scrubbed(office)["damaged"] == 3
    at = office.admin.at
    pages = at.pages("/scrub/quarantine", limit=2)
    assert [row["digest"] for row in pages] == [digest(each) for each in reversed(LAYERS)]
    first = pages[0]
    assert (first["kind"], first["size"], first["healed"]) == ("blob", 50_000, False)
    assert (first["why"], first["repositories"]) == (DAMAGE, [APP])
    assert len(first["objects"]) == 1
    with httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30) as client:
        put_blob(client, APP, LAYERS[-1])
    healed = [row["healed"] for row in at.get("/scrub/quarantine").json()["items"]]
    assert healed == [True, False, False]
    assert at.get("/scrub").json()["damaged"] == 2


def test_who_asked_for_a_pass_is_in_the_audit(office: Office) -> None:
    scrubbed(office)
    with closing(place.find(office.served.folder).connect()) as db:
        rows = db.execute("select count(*) from audit where action = 'scrub run'").fetchone()
    assert rows == (1,)


@pytest.mark.parametrize("path", ["/scrub", "/scrub/quarantine"])
def test_it_is_for_admins_alone(office: Office, path: str) -> None:
    problem(office.person().at.get(path), 403)
