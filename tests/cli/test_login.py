"""`entrepot login`, `logout`, `whoami`, `context`: the file behind them, what goes before it."""

import json
import stat
from pathlib import Path

import pytest
from tests.admin.office import PASSWORD, made
from tests.cli.desk import Desk
from tests.warm import entrepot


def test_as_it_is_written(empty: Desk) -> None:
    """In a process of its own, as a shell runs it."""
    kept = str(empty.contexts)
    words = ("login", empty.url, "-u", "admin", "--password-stdin")
    done = entrepot(*words, stdin=f"{PASSWORD}\n", ENTREPOT_CONTEXTS=kept)
    assert (done.status, done.error) == (0, "")
    assert done.output == f"user:admin is logged in to {empty.url}\n"
    done = entrepot("whoami", "--json", ENTREPOT_CONTEXTS=kept)
    assert json.loads(done.output)["subject"] == "user:admin"


def test_the_file_is_its_owners_alone_and_has_no_password(empty: Desk) -> None:
    empty.login()
    assert stat.S_IMODE(empty.contexts.stat().st_mode) == 0o600
    assert stat.S_IMODE(empty.contexts.parent.stat().st_mode) == 0o700
    text = empty.contexts.read_text()
    assert PASSWORD not in text
    assert "entrepot_ses_" in text
    assert list(empty.contexts.parent.iterdir()) == [empty.contexts]
    empty.login()
    assert stat.S_IMODE(empty.contexts.stat().st_mode) == 0o600


def test_what_login_says_has_no_secret(empty: Desk) -> None:
    words = ("login", empty.url, "--username", "admin", "--password-stdin")  # as docker's is called
    document = empty.json(*words, stdin=PASSWORD)
    assert document == {
        "context": empty.url.removeprefix("http://"),
        "url": empty.url,
        "subject": "user:admin",
    }


def test_the_password_is_no_argument() -> None:
    """Arguments are seen by every user of the machine."""
    for words in (["login", "--password", "x"], ["user", "create", "a", "--password", "x"]):
        done = entrepot(*words)
        assert done.status == 2
        assert "No such option" in done.error


def test_logout_revokes_what_login_made(empty: Desk) -> None:
    empty.login()
    token = json.loads(empty.contexts.read_text())["contexts"]
    [secret] = [each["token"] for each in token.values()]
    given = {"ENTREPOT_URL": empty.url, "ENTREPOT_TOKEN": secret}
    assert empty.json("whoami", **given)["subject"] == "user:admin"
    assert empty.good("logout") == f"logged out from {empty.url}\n"
    assert secret not in empty.contexts.read_text()
    assert "log in first" in empty.bad("whoami")
    assert "entrepot login" in empty.bad("whoami", **given)


def test_by_a_robots_secret(empty: Desk) -> None:
    robot = empty.accounts.robot("desk-robot", "reader:team/*")
    words = ("login", empty.url, "-u", "robot/desk-robot", "--password-stdin")
    assert "robot:desk-robot is logged in" in empty.good(*words, stdin=robot.secret)
    shown = empty.good("whoami")
    assert "robot:desk-robot" in shown
    assert "reader on team/*" in shown
    assert empty.good("logout")
    given = {"ENTREPOT_URL": empty.url, "ENTREPOT_TOKEN": robot.secret}
    assert empty.json("whoami", **given)["subject"] == "robot:desk-robot", "its secret was ended"


def test_several_registries(empty: Desk) -> None:
    empty.login()
    user = empty.accounts.user("desk-user", password=PASSWORD)
    words = ("login", empty.url, "-u", user.name, "--password-stdin", "--name", "second")
    empty.good(*words, stdin=PASSWORD)
    first = empty.url.removeprefix("http://")
    assert empty.json("whoami")["subject"] == "user:desk-user"
    assert empty.json("--context", first, "whoami")["subject"] == "user:admin"
    assert empty.json("whoami", ENTREPOT_CONTEXT=first)["subject"] == "user:admin"
    rows = empty.json("context", "list")
    assert [(row["name"], row["current"]) for row in rows] == [(first, False), ("second", True)]
    assert empty.good("context", "use", first) == f"{empty.url} is in use\n"
    assert empty.json("whoami")["subject"] == "user:admin"
    assert "known: " in empty.bad("context", "use", "third")
    assert "there is no context third" in empty.bad("--context", "third", "whoami")
    empty.good("logout")
    assert empty.json("whoami")["subject"] == "user:desk-user"


def test_the_environment_goes_before_the_file(empty: Desk) -> None:
    empty.login()
    token = empty.accounts.token("admin", name="from the environment").secret
    given = {"ENTREPOT_URL": empty.url, "ENTREPOT_TOKEN": token}
    assert empty.json("whoami", **given)["via"] == "token from the environment"
    assert empty.json("whoami")["via"].startswith("session cli on ")
    named = ("--context", empty.url.removeprefix("http://"))
    assert empty.json(*named, "whoami", **given)["via"].startswith("session ")


def test_without_a_file_the_environment_is_enough(empty: Desk) -> None:
    token = empty.accounts.token("admin").secret
    given = {"ENTREPOT_URL": empty.url, "ENTREPOT_TOKEN": token}
    assert empty.json("user", "list", **given)
    assert not empty.contexts.exists()
    assert "entrepot login" in empty.bad("user", "list", ENTREPOT_URL=empty.url)


ADDRESSES = {
    "ftp://127.0.0.1": "write https://HOST[:PORT]",
    "http://127.0.0.1/team/app": "write https://HOST[:PORT]",
    "https://": "write https://HOST[:PORT]",
    "https://admin:secret@registry.test": "give the name by -u and the password",
    "http://127.0.0.1:1": "cannot reach http://127.0.0.1:1",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_addresses_that_are_none(empty: Desk, address: str) -> None:
    words = ("login", address, "-u", "admin", "--password-stdin")
    said = empty.bad(*words, stdin=PASSWORD)
    assert ADDRESSES[address] in said
    assert PASSWORD not in said
    assert not empty.contexts.exists()


def test_a_registry_without_tls(empty: Desk) -> None:
    address = empty.url.replace("http:", "https:")
    said = empty.bad("login", address, "-u", "admin", "--password-stdin", stdin=PASSWORD)
    assert said == f"cannot reach {address}: no TLS is spoken there, but plain http"


def test_a_wrong_password(empty: Desk) -> None:
    words = ("login", empty.url, "-u", "nobody", "--password-stdin")
    said = empty.bad(*words, stdin="wrong horse battery")
    assert "wrong user name or password" in said
    assert "wrong horse" not in said


@pytest.mark.parametrize("stdin", ["", "\n", "\r\n"], ids=["nothing", "a line", "a line of DOS"])
def test_no_password(empty: Desk, stdin: str) -> None:
    words = ("login", empty.url, "-u", "admin", "--password-stdin")
    assert empty.bad(*words, stdin=stdin) == "the password is empty"


def test_no_terminal_to_ask_at(empty: Desk) -> None:
    said = empty.bad("login", empty.url, "-u", "admin")
    assert said == "give the password by --password-stdin: there is no terminal to ask at"


SPOILT = {
    "no JSON": "{",
    "another shape": "[]",
    "no contexts": '{"current": ""}',
    "a field that nobody knows": '{"current": "", "contexts": {"a": {"x": 1}}}',
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_a_file_that_cannot_be_read(empty: Desk, text: str) -> None:
    empty.contexts.parent.mkdir()
    empty.contexts.write_text(text)
    said = empty.bad("whoami")
    assert str(empty.contexts) in said
    assert "mend it, or remove it and log in again" in said


def test_no_entrepot_at_the_other_end(empty: Desk, tmp_path: Path) -> None:
    """Where a proxy answers in HTML, say."""
    import http.server
    import threading

    class Page(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))  # else the end would be a reset
            self.send_response(502)
            self.end_headers()
            self.wfile.write(b"<h1>Bad gateway</h1>")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        words = ("login", f"http://127.0.0.1:{server.server_port}", "-u", "a", "--password-stdin")
        assert empty.bad(*words, stdin=PASSWORD) == "the answer was 502: is this an Entrepot?"
        thread.join()


def test_a_session_that_was_ended_says_how_to_start_another(empty: Desk) -> None:
    name = "ended-user"
    made(empty.at.post("/users", {"name": name, "password": PASSWORD}))
    empty.login(name)
    assert empty.at.patch(f"/users/{name}", {"disabled": True}).status_code == 200
    assert "entrepot login" in empty.bad("whoami")
