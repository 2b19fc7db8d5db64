"""Webhooks over HTTP, past what the command line's tests show."""

from tests.admin.office import Office, fresh, made, problem

from entrepot.admin.webhooks import MOST
from entrepot.db import webhooks
from entrepot.db.connection import Connection
from entrepot.db.engine import connect
from entrepot.db.webhooks import Webhook

URL = "https://127.0.0.1:9/hook"


def test_a_project_has_so_many_and_no_more(office: Office) -> None:
    project = fresh("team")
    maintainer = office.person(f"maintainer:{project}/*")
    db: Connection = connect(office.served.folder)
    with db.exclusive():
        for number in range(MOST - 1):
            name = webhooks.new_id()
            hook = Webhook(name, URL, "s" * 20, f"{project}/{number}", frozenset(), "slack")
            webhooks.add(db, hook)
    db.close()
    last = made(maintainer.at.post("/webhooks", {"url": URL, "pattern": f"{project}/*"}))
    wanted = {"url": URL, "pattern": f"{project}/one-more"}
    assert "remove one" in problem(maintainer.at.post("/webhooks", wanted), 409)
    assert maintainer.at.delete(f"/webhooks/{last['id']}").status_code == 204
    made(maintainer.at.post("/webhooks", wanted))
    assert len(maintainer.at.pages("/webhooks", 7)) == MOST
    assert office.person().at.get("/webhooks").json()["items"] == []


def test_what_was_changed_meanwhile_is_not_changed(office: Office) -> None:
    wanted = {"url": URL, "pattern": f"{fresh('team')}/*"}
    path = f"/webhooks/{made(office.admin.at.post('/webhooks', wanted))['id']}"
    tag = office.admin.at.get(path).headers["etag"]
    assert office.admin.at.patch(path, {"about": "one"}, tag).status_code == 200
    problem(office.admin.at.patch(path, {"about": "two"}, tag), 412)
    assert office.admin.at.get(path).json()["about"] == "one"


def test_it_is_in_the_audit_without_its_secret(office: Office) -> None:
    project = fresh("team")
    wanted = {"url": f"{URL}?token=planted", "pattern": f"{project}/*"}
    hook = made(office.admin.at.post("/webhooks", wanted))
    made_ = office.admin.at.post(f"/webhooks/{hook['id']}/rotate", {}).json()
    rows = office.admin.at.get("/audit", limit=20).json()["items"]
    mine = [row for row in rows if row["reference"] == f"webhook:{hook['id']}"]
    assert [row["action"] for row in mine] == ["webhook rotate", "webhook create"]
    assert mine[1]["detail"] == {"url": f"{URL}?…", "pattern": f"{project}/*"}
    assert not any(each in str(rows) for each in (hook["secret"], made_["secret"], "planted"))


def test_a_project_that_goes_takes_its_webhooks_with_it(office: Office) -> None:
    project = fresh("team")
    made(office.admin.at.post("/projects", {"name": project}))
    wanted = {"url": URL, "pattern": f"{project}/*"}
    path = f"/webhooks/{made(office.admin.at.post('/webhooks', wanted))['id']}"
    assert office.admin.at.delete(f"/projects/{project}").status_code == 204
    problem(office.admin.at.get(path), 404)
