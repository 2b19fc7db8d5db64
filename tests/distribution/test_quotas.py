"""What does not fit is refused before it is sent, as far as anybody can know that then."""

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.office import Office, fresh, opened
from tests.content import begin, digest, put_blob

LARGE = bytes(200_000)
SIZE = len(LARGE)


class Project:
    """A project with a quota, and the admin who pushes to it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.name = fresh("full")
        self.app = f"{self.name}/app"
        office.admin.at.post("/projects", {"name": self.name}).raise_for_status()
        self.http = httpx.Client(base_url=office.served.url, auth=ADMIN.pair, timeout=30)

    def limit(self, size: int) -> None:
        self.office.admin.at.put(f"/quotas/{self.name}", {"bytes": size}).raise_for_status()

    @property
    def used(self) -> int:
        used: int = self.office.admin.at.get(f"/quotas/{self.name}").json()["bytes"]
        return used

    def announce(self, method: str, target: str, size: int, **more: str) -> tuple[int, Any]:
        """Say that so many bytes will come, and send none of them; what is answered."""
        host, port = self.office.served.address
        connection = http.client.HTTPConnection(host, port, timeout=60)
        connection.putrequest(method, target)
        connection.putheader("authorization", self.office.admin.at.authorization)
        connection.putheader("content-length", str(size))
        for name, value in more.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("quotas") / "data"
    with opened(folder) as office:
        yield office


@pytest.fixture
def project(office: Office) -> Iterator[Project]:
    project = Project(office)
    yield project
    project.http.close()


def way_in(project: Project, way: str) -> tuple[str, str]:
    """Method and target by which a blob of LARGE comes in."""
    if way == "post":
        return "POST", f"/v2/{project.app}/blobs/uploads/?digest={digest(LARGE)}"
    location = begin(project.http, project.app)
    if way == "put":
        return "PUT", f"{location}?digest={digest(LARGE)}"
    return "PATCH", location


@pytest.mark.parametrize("way", ["post", "put", "patch"])
def test_what_cannot_fit_need_not_be_sent(project: Project, way: str) -> None:
    method, target = way_in(project, way)
    project.limit(SIZE - 1)
    status, body = project.announce(method, target, SIZE)
    assert status == 403
    assert b"project " + project.name.encode() + b" may have 195.3 KiB and has 0 B" in body
    project.limit(SIZE)
    status_ = project.http.request(method, target, content=LARGE).status_code
    assert status_ == (202 if way == "patch" else 201)


@pytest.mark.parametrize("way", ["post", "put", "patch"])
def test_what_the_project_has_comes_in_once_more(project: Project, way: str) -> None:
    put_blob(project.http, f"{project.name}/other", LARGE)
    project.limit(SIZE)
    method, target = way_in(project, way)
    answer = project.http.request(method, target, content=LARGE)
    if way == "patch":
        location = answer.headers["location"]
        answer = project.http.put(location, params={"digest": digest(LARGE)})
    assert answer.status_code == 201, answer.text
    assert project.used == SIZE


def test_several_chunks_are_counted_together(project: Project) -> None:
    project.limit(SIZE)
    location = begin(project.http, project.app)
    assert project.http.patch(location, content=LARGE).status_code == 202
    assert project.announce("PATCH", location, 1)[0] == 403
    answer = project.http.put(location, params={"digest": digest(LARGE)})
    assert answer.status_code == 201


def test_what_was_not_announced_is_refused_in_the_end(project: Project) -> None:
    project.limit(SIZE - 1)
    location = begin(project.http, project.app)
    answer = project.http.patch(location, content=iter([LARGE]))
    assert answer.status_code == 202
    answer = project.http.put(location, params={"digest": digest(LARGE)})
    assert answer.status_code == 403
    project.limit(SIZE)
    answer = project.http.put(location, params={"digest": digest(LARGE)})
    assert answer.status_code == 201


def test_a_mount_must_fit(project: Project) -> None:
    elsewhere = fresh("elsewhere")
    put_blob(project.http, f"{elsewhere}/app", LARGE)
    project.limit(SIZE - 1)
    mount = {"mount": digest(LARGE), "from": f"{elsewhere}/app"}
    uploads = f"/v2/{project.app}/blobs/uploads/"
    assert project.http.post(uploads, params=mount).status_code == 403
    project.limit(SIZE)
    assert project.http.post(uploads, params=mount).status_code == 201


def test_of_many_at_once_no_more_comes_in_than_fits(project: Project) -> None:
    """Each fits alone; all of them were let in before the first was counted."""
    fit, size = 7, 20_000
    project.limit(fit * size + size // 2)

    def push(number: int) -> int:
        content = number.to_bytes(4) * (size // 4)
        with httpx.Client(base_url=project.office.served.url, auth=ADMIN.pair) as client:
            repository = f"{project.app}{number % 3}"
            location = begin(client, repository)
            target = {"digest": digest(content)}
            return client.put(location, params=target, content=content).status_code

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(push, range(40)))
    assert sorted(set(found)) == [201, 403]
    assert found.count(201) == fit
    assert project.used == fit * size
