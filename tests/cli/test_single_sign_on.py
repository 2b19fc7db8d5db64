"""`entrepot login --sso` where nothing comes of it; and who is linked to whom.

What comes of it is in tests/admin/test_sso.py, at a real provider.
"""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from tests.cli.desk import Desk

from entrepot.auth.oidc.sso import challenge_of
from entrepot.cli import browser

IDENTITY = "https://login.example.com|1f0c"
CODE = base64.urlsafe_b64encode(b"x" * 32).decode()


@contextmanager
def waiting(url: str, contexts: Path, *more: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """A command that waits for the browser, and where that is to go."""
    outer = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
    command = [sys.executable, "-m", "entrepot", "login", url, "--sso", "--no-browser", *more]
    with subprocess.Popen(
        command,
        env={**outer, "ENTREPOT_CONTEXTS": str(contexts)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = "".join(process.stderr.readline() for _ in range(4))
        found = re.search(r"http://\S+/sso/start\S+", told)
        assert found is not None, told
        yield found[0], process


def end(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """What it says to its end. `communicate` does not know of what was read along with the lines
    before.
    """
    assert process.stdout is not None
    assert process.stderr is not None
    error, output = process.stderr.read(), process.stdout.read()
    process.wait()
    return output, error


def listener(where: str) -> str:
    port = dict(parse_qsl(urlsplit(where).query))["port"]
    return f"http://127.0.0.1:{port}/"


def test_the_secret_of_the_command_line_stays_there() -> None:
    assert browser._challenge("x" * 64) == challenge_of("x" * 64)


def test_links(desk: Desk) -> None:
    desk.accounts.user("linked")
    assert desk.good("user", "link", "linked", "--identity", IDENTITY) == "user linked is changed\n"
    assert IDENTITY in desk.good("user", "show", "linked")
    desk.accounts.user("other")
    assert "that is linked already" in desk.bad("user", "link", "other", "--identity", IDENTITY)
    assert "identity" in desk.bad("user", "link", "other", "--identity", "alice")
    desk.good("user", "unlink", "linked")
    assert desk.json("user", "show", "linked")["identity"] is None


@pytest.mark.parametrize("more", [["-u", "alice"], ["--password-stdin"]], ids=" ".join)
def test_no_name_and_no_password_beside_it(empty: Desk, more: list[str]) -> None:
    assert "the provider does" in empty.bad("login", empty.url, "--sso", *more)


def test_nobody_signs_on(empty: Desk) -> None:
    with waiting(empty.url, empty.contexts, "--wait", "1") as (_, process):
        output, error = end(process)
    assert (process.returncode, output) == (1, "")
    assert error == "entrepot: nobody signed on within 1 s\n"
    assert not empty.contexts.exists()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "no\x1b[31m such"}, r"nobody is signed on: no\x1b[31m such"),
        ({"code": CODE}, "there is no single sign-on here"),
    ],
    ids=["an error", "a code that nobody knows"],
)
def test_what_comes_instead(empty: Desk, answer: dict[str, str], said: str) -> None:
    with waiting(empty.url, empty.contexts) as (where, process):
        assert httpx.get(listener(where)).status_code == 404, "that is no answer yet"
        assert httpx.post(listener(where)).status_code == 501
        page = httpx.get(listener(where), params=answer)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "such" not in page.text
        output, error = end(process)
    assert (process.returncode, output) == (1, "")
    assert error.startswith(f"entrepot: {said}")
    assert not empty.contexts.exists()


def test_it_listens_for_this_machine_alone(empty: Desk) -> None:
    with waiting(empty.url, empty.contexts, "--wait", "1") as (where, process):
        other = listener(where).replace("127.0.0.1", "127.0.0.2")
        with pytest.raises(httpx.ConnectError):
            httpx.get(other)
        end(process)
