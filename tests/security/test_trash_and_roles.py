"""What others deleted: who may bring it back, who may end it, who may know of it."""

import pytest
from tests.content import put_image
from tests.security.cast import PRIVATE, Cast

from entrepot.admin.caller import PREFIX

CHANGED = {"restore": 200, "move": 200, "purge": 204}

MAY = {
    "maintainer": {"restore", "move"},
    "owner": {"restore", "move", "purge"},
    "admin": {"restore", "move", "purge"},
}
SEES = {"reader", "writer", "robot", "limited", "auditor", *MAY}
"""Who is told that they may not; the others, that there is nothing."""

WHO = ["anonymous", "nobody", "stranger", "creator", *sorted(SEES)]


@pytest.mark.parametrize("what", CHANGED)
@pytest.mark.parametrize("who", WHO)
def test_what_is_in_the_trash(cast: Cast, who: str, what: str) -> None:
    number = throw_away(cast)
    shown = cast.authorization(who)
    if what == "purge":
        answer = cast.ask("DELETE", f"{PREFIX}/trash/{number}", shown)
    else:
        body = b'{"move": true}' if what == "move" else b""
        answer = cast.ask("POST", f"{PREFIX}/trash/{number}/restore", shown, body)
    if who == "anonymous":
        wanted = 401
    elif what in MAY.get(who, ()):
        wanted = CHANGED[what]
    else:
        wanted = 403 if who in SEES else 404
    assert answer.status_code == wanted, answer.text
    after = cast.ask("GET", f"{PREFIX}/trash/{number}", cast.authorization("admin"))
    assert after.status_code == (404 if wanted in CHANGED.values() else 200)


@pytest.mark.parametrize("who", WHO[1:])
def test_the_list_has_what_one_may_delete(cast: Cast, who: str) -> None:
    number = throw_away(cast)
    found = cast.ask("GET", f"{PREFIX}/trash", cast.authorization(who)).json()["items"]
    if who in MAY or who == "auditor":
        assert number in [each["id"] for each in found]
    assert {each["repository"].partition("/")[0] for each in found} == {
        "stranger": {"other"},
        "auditor": {"team", "other", "open"},
        "admin": {"team", "other", "open"},
    }.get(who, {"team"} if who in MAY else set())


def test_the_trash_of_a_project_goes_to_no_one_who_makes_it_anew(cast: Cast) -> None:
    """Or a first push under an old name would show what others had deleted."""
    admin = cast.authorization("admin")
    cast.accounts.project("short")
    with cast.pushing() as pusher:
        put_image(pusher, "short/app", "1", b"secret")
        pusher.delete("/v2/short/app/manifests/1").raise_for_status()
    path = f"{PREFIX}/repositories/short/app?confirm=short/app"
    assert cast.ask("DELETE", path, admin).status_code == 200
    refused = cast.ask("DELETE", f"{PREFIX}/projects/short", admin)
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "the trash has 2 things of short: purge them first",
    )
    for each in cast.ask("GET", f"{PREFIX}/trash?repository=short/app", admin).json()["items"]:
        assert cast.ask("DELETE", f"{PREFIX}/trash/{each['id']}", admin).status_code == 204
    assert cast.ask("DELETE", f"{PREFIX}/projects/short", admin).status_code == 204


def test_a_hidden_repository_cannot_be_asked_for(cast: Cast) -> None:
    """What it is called is no name that the grammar knows."""
    admin = cast.authorization("admin")
    with cast.pushing() as pusher:
        put_image(pusher, "team/hidden", "1", b"hidden")
    path = f"{PREFIX}/repositories/team/hidden?confirm=team/hidden"
    number = cast.ask("DELETE", path, admin).json()["trash"]
    for name in (f"team/%23{number}", f"team/#{number}"):
        for path in (
            f"/v2/{name}/tags/list",
            f"/v2/{name}/manifests/1",
            f"{PREFIX}/repositories/{name}",
            f"{PREFIX}/tags?repository={name}",
        ):
            answer = cast.ask("GET", path, admin)
            assert answer.status_code in (400, 404, 422), (path, answer.text)
    assert "hidden" not in cast.ask("GET", "/v2/_catalog", admin).text
    assert "hidden" not in cast.ask("GET", f"{PREFIX}/projects/team/repositories", admin).text


def throw_away(cast: Cast) -> int:
    """Delete an image of the private project; where it is in the trash."""
    with cast.pushing() as pusher:
        digest = put_image(pusher, PRIVATE, "thrown", b"thrown away")
        pusher.delete(f"/v2/{PRIVATE}/manifests/{digest}").raise_for_status()
    path = f"{PREFIX}/trash?repository={PRIVATE}&limit=1"
    found = cast.ask("GET", path, cast.authorization("admin")).json()["items"]
    number: int = found[0]["id"]
    return number
