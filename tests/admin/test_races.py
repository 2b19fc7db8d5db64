"""Lost updates: of several who change what they have all read, one does (RFC 9110, 13.1.1)."""

from functools import partial
from typing import Any

import pytest
from tests.admin.office import Office, at_once, fresh, made, problem

MAKERS: dict[str, dict[str, Any]] = {
    "/users": {},
    "/groups": {},
    "/robots": {},
    "/projects": {},
}


@pytest.fixture(params=MAKERS)
def path(request: pytest.FixtureRequest, office: Office) -> str:
    """An object of each kind that has entity tags."""
    name = fresh("raced")
    made(office.admin.at.post(request.param, {"name": name, **MAKERS[request.param]}))
    return f"{request.param}/{name}"


def test_of_many_changes_at_once_one_is_made(office: Office, path: str) -> None:
    for _ in range(3):
        tag = office.admin.at.get(path).headers["etag"]
        texts = [fresh("text") for _ in range(4)]
        answers = at_once(
            *(partial(office.admin.at.patch, path, {"description": each}, tag) for each in texts)
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
        won = next(answer for answer in answers if answer.status_code == 200)
        assert office.admin.at.get(path).json() == won.json()


def test_a_stale_tag_changes_nothing(office: Office, path: str) -> None:
    stale = office.admin.at.get(path).headers["etag"]
    changed = office.admin.at.patch(path, {"description": "new"}, stale)
    assert changed.headers["etag"] != stale
    told = problem(office.admin.at.patch(path, {"description": "lost"}, stale), 412)
    assert told == "it was changed since you read it: read it again, then decide"
    problem(office.admin.at.delete(path, stale), 412)
    assert office.admin.at.get(path).json() == changed.json()


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_tags_as_clients_write_them(office: Office, path: str, form: str) -> None:
    tag = form.format(office.admin.at.get(path).headers["etag"])
    assert office.admin.at.patch(path, {"description": "x"}, tag).status_code == 200


@pytest.mark.parametrize("tag", ['"other"', "nonsense", "W/", ","])
def test_tags_that_are_none_match_nothing(office: Office, path: str, tag: str) -> None:
    problem(office.admin.at.patch(path, {"description": "x"}, tag), 412)


def test_what_has_been_deleted_is_not_changed(office: Office, path: str) -> None:
    tag = office.admin.at.get(path).headers["etag"]
    answers = at_once(*[partial(office.admin.at.delete, path, tag)] * 3)
    assert all(answer.status_code in (204, 404) for answer in answers)
    assert sum(answer.status_code == 204 for answer in answers) == 1
    assert office.admin.at.patch(path, {"description": "x"}, tag).status_code in (403, 404)
