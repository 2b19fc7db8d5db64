"""`entrepot scrub`: a pass, what it found, and the exit status that scripts go by."""

import json

import httpx
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import digest, put_blob, put_image
from tests.upkeep.spoilt import DAMAGE, spoil

APP = "fruit/app"
LAYER = b"apple" * 20_000


def test_a_pass_finds_damage_and_a_push_ends_it(desk: Desk) -> None:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        put_image(client, APP, "1", LAYER)
        whole = desk.json("scrub", "run", "--wait")
        assert (whole["damaged"], whole["error"]) == (0, "")
        assert desk.json("scrub", "list") == []
        assert "compared, 0 damaged" in desk.good("scrub", "status")
        spoil(desk.served.folder, LAYER)
        found = desk.run("scrub", "run", "--wait", "--json")
        assert (found.status, found.error) == (1, "")
        assert json.loads(found.output)["damaged"] == 1
        for command in (["status"], ["status", "--json"]):
            assert desk.run("scrub", *command).status == 1
        [row] = desk.json("scrub", "list")
        assert (row["digest"], row["why"], row["healed"]) == (digest(LAYER), DAMAGE, False)
        shown = desk.good("scrub", "list")
        assert DAMAGE in shown
        assert APP in shown
        put_blob(client, APP, LAYER)
    assert desk.json("scrub", "status")["damaged"] == 0
    assert desk.json("scrub", "list")[0]["healed"] is True


def test_without_waiting_it_says_where_to_look(desk: Desk) -> None:
    assert desk.good("scrub", "run") == "it begins within seconds: see entrepot scrub status\n"
