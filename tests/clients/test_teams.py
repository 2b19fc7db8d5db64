"""Two teams and a public project: each sees, pulls and pushes exactly what it may.

All of it is set up by the command line, as the documents have it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.accounts import ADMIN, Credential
from tests.cli.command import Done
from tests.clients.carriers import Crane, Skopeo
from tests.clients.client import Reach
from tests.clients.helm import Helm
from tests.clients.image import Image
from tests.registry import serving
from tests.warm import entrepot

from entrepot.auth.ca_folder import Folder

PASSWORD = "a password of theirs"
REPOSITORIES = ["blue/api", "blue/web", "commons/base", "red/app"]

denied = pytest.raises(pytest.fail.Exception, match=r"(?i)denied|unauthorized|log in first|403")


@dataclass(frozen=True, slots=True)
class Member:
    """What someone may pull, and push a new tag to."""

    pulls: list[str]
    pushes: list[str]


MEMBERS = {
    "ada": Member(["blue/api", "blue/web", "commons/base"], ["blue/api", "blue/web"]),
    "bob": Member(["commons/base", "red/app"], ["red/app"]),
    "eve": Member(["commons/base"], []),
    "both": Member(REPOSITORIES, ["blue/api", "blue/web", "red/app"]),
    "ci-blue": Member(["blue/api", "commons/base"], ["blue/api"]),
    "cluster": Member(REPOSITORIES, []),
    "curator": Member(["commons/base"], ["commons/base"]),
    "nobody": Member(["commons/base"], []),
}
"""ada and bob are in their teams' groups, both is in both; eve has an account and nothing else."""


@dataclass(frozen=True, slots=True)
class Company:
    """A registry, and what its people log in with."""

    reach: Reach
    command: "Command"
    credentials: dict[str, Credential]

    def enter(self, who: str, client: Crane | Skopeo | Helm) -> None:
        if who in self.credentials:
            client.login(self.reach.address, self.credentials[who])


@pytest.fixture(scope="module")
def company(
    tmp_path_factory: pytest.TempPathFactory,
    certificates: Folder,
    new_image: Callable[[], Image],
    folder: Callable[[str], Path],
) -> Iterator[Company]:
    with serving(
        tmp_path_factory.mktemp("company"),
        dangerously_without_accounts=False,
        admin_password=ADMIN.secret,
        workers=2,
        tls_cert=certificates.server.cert,
        tls_key=certificates.server.key,
    ) as registry:
        reach = Reach(registry.address, certificates.ca.cert)
        command = Command(registry.url, certificates.ca.cert, folder("home"))
        company = Company(reach, command, found(command))
        admin = Crane(folder("crane"), company.reach)
        admin.login(registry.address, company.credentials["root"])
        image = new_image()
        for repository in REPOSITORIES:
            admin.push(image, f"{registry.address}/{repository}:1")
        yield company


class Command:
    """`entrepot`, logged in as admin."""

    def __init__(self, url: str, ca: Path, home: Path) -> None:
        self.home = home
        self(
            "login", url, "-u", ADMIN.name, "--password-stdin", "--ca", str(ca), stdin=ADMIN.secret
        )

    def __call__(self, *arguments: str, stdin: str = "") -> Any:
        """What it prints as JSON."""
        home = str(self.home)
        done = entrepot(*arguments, "--json", stdin=stdin, HOME=home, XDG_CONFIG_HOME=home)
        assert done.status == 0, done.error
        return json.loads(done.output) if done.output.strip() else None

    def ask(self, *arguments: str) -> Done:
        """The same for what may end with another status than 0."""
        return entrepot(*arguments, HOME=str(self.home), XDG_CONFIG_HOME=str(self.home))

    def user(self, name: str) -> Credential:
        self("user", "create", name, "--password-stdin", stdin=PASSWORD)
        return Credential(name, PASSWORD)

    def robot(self, name: str, grant: str) -> Credential:
        return Credential(name, self("robot", "create", name, "--grant", grant)["secret"])


def found(command: Command) -> dict[str, Credential]:
    """Found the company."""
    for name in ("blue", "red"):
        command("project", "create", name, "--private")
    command("project", "create", "commons", "--public")
    credentials = {
        "root": ADMIN,
        **{name: command.user(name) for name in ("ada", "bob", "eve", "both")},
        "ci-blue": command.robot("ci-blue", "writer:blue/api"),
        "cluster": command.robot("cluster", "reader:*"),
        "curator": command.robot("curator", "maintainer:commons/*"),
    }
    teams = {"blue-team": ("ada", "both"), "red-team": ("bob", "both")}
    for name, members in teams.items():
        command("group", "create", name)
        for member in members:
            command("group", "add", name, member)
    command("grant", "add", "group:blue-team", "writer", "blue/*")
    command("grant", "add", "group:red-team", "maintainer", "red/*")
    return credentials


@pytest.mark.parametrize("who", MEMBERS)
def test_pull(who: str, company: Company, folder: Callable[[str], Path]) -> None:
    crane = Crane(folder("crane"), company.reach)
    company.enter(who, crane)
    for repository in REPOSITORIES:
        reference = f"{company.reach.address}/{repository}:1"
        if repository in MEMBERS[who].pulls:
            crane.pull(reference)
        else:
            with denied:
                crane.pull(reference)


@pytest.mark.parametrize("who", MEMBERS)
def test_list_tags(who: str, company: Company, folder: Callable[[str], Path]) -> None:
    skopeo = Skopeo(folder("skopeo"), company.reach)
    company.enter(who, skopeo)
    for repository in REPOSITORIES:
        command = ["list-tags", f"docker://{company.reach.address}/{repository}"]
        if repository in MEMBERS[who].pulls:
            assert "1" in json.loads(skopeo(*command))["Tags"]
        else:
            with denied:
                skopeo(*command)


@pytest.mark.parametrize("who", [who for who in MEMBERS if who != "nobody"])
def test_catalog(who: str, company: Company, folder: Callable[[str], Path]) -> None:
    crane = Crane(folder("crane"), company.reach)
    company.enter(who, crane)

    assert crane("catalog", company.reach.address).split() == MEMBERS[who].pulls


@pytest.mark.parametrize("who", MEMBERS)
def test_push(
    who: str, company: Company, folder: Callable[[str], Path], new_image: Callable[[], Image]
) -> None:
    crane = Crane(folder("crane"), company.reach)
    company.enter(who, crane)
    image = new_image()
    for repository in REPOSITORIES:
        reference = f"{company.reach.address}/{repository}:by-{who}"
        if repository in MEMBERS[who].pushes:
            crane.push(image, reference)
        else:
            with denied:
                crane.push(image, reference)


@pytest.mark.parametrize("who", MEMBERS)
def test_copy_between_teams(
    who: str, company: Company, folder: Callable[[str], Path], new_image: Callable[[], Image]
) -> None:
    """From where they may pull to where they may push, and no other way."""
    skopeo = Skopeo(folder("skopeo"), company.reach)
    company.enter(who, skopeo)
    source, target = "blue/web", "red/app"
    ends = [
        f"docker://{company.reach.address}/{name}"
        for name in (f"{source}:1", f"{target}:{who}-copied")
    ]
    if source in MEMBERS[who].pulls and target in MEMBERS[who].pushes:
        skopeo.copy(*ends)
    else:
        with denied:
            skopeo.copy(*ends)


@pytest.mark.parametrize(
    ("who", "project", "may"),
    [
        ("ada", "blue", True),
        ("ada", "red", False),
        ("cluster", "blue", True),
        ("ci-blue", "blue", False),
        ("nobody", "blue", False),
        ("nobody", "commons", True),
    ],
)
def test_helm_pull(
    who: str,
    project: str,
    may: bool,
    company: Company,
    folder: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    source = f"oci://{company.reach.address}/{project}/charts"
    admin, helm = (Helm(folder("helm"), company.reach) for _ in range(2))
    company.enter("root", admin)
    version = f"1.0.0-{who}"
    chart = admin.package("demo", version)
    admin("push", *admin.reach, chart, source)
    company.enter(who, helm)
    pull: list[str | Path] = [
        "pull",
        *helm.reach,
        f"{source}/demo",
        "--version",
        version,
        "--destination",
        tmp_path,
    ]
    if may:
        helm(*pull)
        assert (tmp_path / f"demo-{version}.tgz").read_bytes() == chart.read_bytes()
    else:
        with denied:
            helm(*pull)


def test_who_leaves_a_team_is_out_at_once(company: Company, folder: Callable[[str], Path]) -> None:
    command = company.command
    temp = command.user("temp")
    command("group", "add", "blue-team", "temp")
    crane = Crane(folder("crane"), company.reach)
    crane.login(company.reach.address, temp)
    reference = f"{company.reach.address}/blue/api:1"
    crane.pull(reference)

    command("group", "remove", "blue-team", "temp")

    with denied:
        crane.pull(reference)


@pytest.mark.parametrize("who", [who for who in MEMBERS if who != "nobody"])
def test_can_says_the_same(who: str, company: Company) -> None:
    subject = f"robot:{who}" if who in {"ci-blue", "cluster", "curator"} else f"user:{who}"
    for repository in REPOSITORIES:
        for action, may in (("pull", MEMBERS[who].pulls), ("push", MEMBERS[who].pushes)):
            done = company.command.ask("can", subject, action, repository, "--json")
            assert json.loads(done.output)["allowed"] == (repository in may), (action, repository)
