"""Mounts where there are accounts: nobody brings in what they, or their token, may not pull."""

from base64 import b64encode
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests.accounts import Accounts, Credential, first_start
from tests.content import digest, put_blob
from tests.served import Served, name, serving

CONTENT = b"a layer of theirs"
PROJECTS = ("seen", "hidden", "open")
MOUNT = "registry:blobs:mount"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("mounts")
    first_start(folder)
    with serving(folder, "own", dangerously_without_accounts=False) as served:
        yield served


@pytest.fixture(scope="module")
def carol(served: Served) -> Credential:
    """She pushes to one project, reads another, and knows nothing of a third."""
    accounts = Accounts(served.folder)
    accounts.project("open", public=True)
    owner = accounts.user("owner", *(f"writer:{name}/*" for name in PROJECTS))
    carol = accounts.user("carol", "writer:mine/*", "reader:seen/*")
    with httpx.Client(base_url=served.url, auth=owner.pair) as client:
        for project in PROJECTS:
            put_blob(client, f"{project}/app", CONTENT + project.encode())
    return carol


def of(project: str) -> str:
    """The digest of what lies in a project."""
    return digest(CONTENT + project.encode())


@pytest.fixture
def target() -> str:
    """A repository that has nothing yet."""
    return name("mine/app")


Begin = Callable[..., httpx.Response]


@pytest.fixture
def begin(served: Served, target: str) -> Begin:
    def begin(authorization: str, project: str, source: str = "") -> httpx.Response:
        """Ask for a mount of what lies in a project."""
        wanted = {"mount": of(project)} | ({"from": source} if source else {})
        given = {"Authorization": authorization} if authorization else {}
        return served.client.post(f"/v2/{target}/blobs/uploads/", params=wanted, headers=given)

    return begin


def own(target: str) -> str:
    """What a token has to be asked for, to push there."""
    return f"repository:{target}:pull,push"


def token(served: Served, who: Credential, scope: str) -> str:
    answer = served.client.get("/token", params={"scope": scope}, auth=who.pair)
    return f"Bearer {answer.json()['token']}"


def basic(who: Credential) -> str:
    return f"Basic {b64encode(':'.join(who.pair).encode()).decode()}"


@pytest.mark.parametrize("named", [True, False], ids=["named", "from anywhere"])
@pytest.mark.parametrize(
    ("project", "status"), [("seen", 201), ("open", 201), ("hidden", 202), ("nowhere", 202)]
)
def test_with_a_password(
    begin: Begin, carol: Credential, project: str, status: int, named: bool
) -> None:
    answer = begin(basic(carol), project, f"{project}/app" if named else "")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("project", "more", "named", "status"),
    [
        ("seen", "repository:seen/app:pull", True, 201),
        ("seen", MOUNT, True, 401),
        ("seen", MOUNT, False, 201),
        ("seen", "repository:seen/app:pull", False, 401),
        ("seen", "", True, 401),
        ("seen", "", False, 401),
        ("open", "", True, 201),
        ("open", MOUNT, False, 201),
        ("hidden", "repository:hidden/app:pull", True, 202),
        ("hidden", "", True, 202),
        ("hidden", MOUNT, False, 202),
        ("nowhere", "", True, 202),
        ("nowhere", "", False, 401),
        ("nowhere", MOUNT, False, 202),
    ],
)
def test_with_a_registry_token(
    served: Served,
    begin: Begin,
    carol: Credential,
    target: str,
    project: str,
    more: str,
    named: bool,
    status: int,
) -> None:
    """It is good for what it was asked for; the answer says what to ask for, where that helps."""
    source = f"{project}/app" if named else ""
    answer = begin(token(served, carol, f"{own(target)} {more}"), project, source)
    assert answer.status_code == status
    if status == 401:
        challenge = answer.headers["www-authenticate"]
        wanted = f"repository:{source}:pull" if named else MOUNT
        assert f'scope="{own(target)} {wanted}",error="insufficient_scope"' in challenge
        better = token(served, carol, f"{own(target)} {wanted}")
        assert begin(better, project, source).status_code != 401


def test_a_grant_taken_back_ends_mounts_from_anywhere(
    served: Served, begin: Begin, carol: Credential, target: str
) -> None:
    """At once, though the token lives on."""
    accounts = Accounts(served.folder)
    dora = accounts.user("dora", f"writer:{target}", "reader:seen/*")
    bearer = token(served, dora, f"{own(target)} {MOUNT}")
    accounts.revoke("user:dora", "reader:seen/*")
    assert begin(bearer, "seen").status_code == 202


def test_a_limited_token_mounts_within_its_limits(
    served: Served, begin: Begin, carol: Credential, target: str
) -> None:
    accounts = Accounts(served.folder)
    accounts.user("erin", f"writer:{target}", "reader:seen/*")
    limited = accounts.token("erin", f"writer:{target}")
    bearer = token(served, limited, f"{own(target)} {MOUNT} repository:seen/app:pull")
    assert begin(bearer, "seen").status_code == 202
    assert begin(bearer, "seen", "seen/app").status_code == 202
    assert begin(basic(limited), "seen", "seen/app").status_code == 202


@pytest.mark.parametrize(
    ("source", "more"),
    [
        ("seen/app", " repository:seen/app:pull"),
        ("Not A Name", ""),
        ('x"y', ""),
        ("", f" {MOUNT}"),
    ],
)
def test_whoever_is_not_logged_in_is_told_what_to_ask_for(
    begin: Begin, carol: Credential, target: str, source: str, more: str
) -> None:
    answer = begin("", "seen", source)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].endswith(f'scope="{own(target)}{more}"')
