"""A certified OpenID Provider in a process of its own, and a browser that signs people on there."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
from tests.auth.oidc.elsewhere import LOOPBACK
from tests.tools import packages, tool

from entrepot.auth.oidc.discovery import Discovery
from entrepot.auth.oidc.issuer import Issuer
from entrepot.auth.oidc.outbound import Outbound
from entrepot.auth.oidc.provider import Provider
from entrepot.auth.oidc.sso import SignOn

SERVER = Path(__file__).parent / "provider" / "server.mjs"
REDIRECT = "https://registry.test/sso/callback"
SECRET = "se:cret%2B+/=?"
SCOPES = ("openid", "profile", "email", "groups")


@dataclass(frozen=True, slots=True)
class Running:
    """A provider that runs, and what we need to ask it."""

    url: str
    process: "subprocess.Popen[str]"
    outbound: Outbound = field(default_factory=lambda: Outbound(LOOPBACK))

    def sign_on(self, client: str = "registry", secret: str | None = SECRET, **more: Any) -> SignOn:
        provider = Provider(Issuer(self.url), client, secret, **{"scopes": SCOPES, **more})
        return SignOn(provider, self.outbound, Discovery(self.outbound))

    def account(self, login: str, **claims: Any) -> None:
        """Have someone there, with these claims from now on."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({login: claims}) + "\n")
        self.process.stdin.flush()
        assert "changed\n" in iter(self.process.stdout.readline, "")  # behind its warnings


@contextmanager
def running(**configuration: Any) -> Iterator[Running]:
    """Run a provider until the block ends."""
    command: list[str | Path] = [
        tool("node"),
        SERVER,
        packages("oidc-provider"),
        json.dumps(configuration),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Running(process.stdout.readline().strip(), process)
        finally:
            process.stdin.close()
            process.wait(60)


def browse(url: str, login: str) -> dict[str, str]:
    """Log in and consent, as a browser does; return what the provider sends back with it."""
    with httpx.Client(timeout=60) as browser:
        location = log_in(browser, url, login, REDIRECT)
    return dict(parse_qsl(urlsplit(location).query))


def log_in(browser: httpx.Client, url: str, login: str, back: str) -> str:
    """The same in a browser that is there: the address below `back` that it is sent to."""
    answer = browser.get(url)
    for prompt in ("login", "consent"):
        answer = _follow(browser, answer, back)
        if answer.is_redirect:
            break
        form = {"prompt": prompt, "login": login, "password": "any"}
        answer = browser.post(answer.url, data=form)
    answer = _follow(browser, answer, back)
    assert answer.is_redirect, answer.text
    return answer.headers["location"]


def _follow(browser: httpx.Client, answer: httpx.Response, back: str) -> httpx.Response:
    """Go where the provider sends the browser, up to the redirect that leads back to us."""
    while answer.is_redirect and not answer.headers["location"].startswith(back):
        answer = browser.get(answer.url.join(answer.headers["location"]))
    return answer
