"""What a login costs: the manifest that anyone may pull, asked for by someone known; and tokens."""

import json
from statistics import median
from urllib.parse import urlencode

from . import wrk
from .peers import PRIVATE
from .pushes import put_image
from .server import Server
from .stock import ACCEPT, REPOSITORY

TURNS = 5
HIDDEN = f"{PRIVATE}/app"


def with_token(server: Server, path: str) -> dict[str, float]:
    """Measure GETs with a registry token, as clients send it."""
    return _beside(server, path, _token(server, REPOSITORY))


def with_basic(server: Server, path: str) -> dict[str, float]:
    """Measure GETs with name and password each time."""
    return _beside(server, path, server.peer.authorization)


def _beside(server: Server, path: str, authorization: str) -> dict[str, float]:
    """Measure with a login and without one in turn: a few per cent are soon lost in the noise."""
    turns, times = [], []
    for _ in range(TURNS):
        plain = wrk.get(server, path, 1, ACCEPT)
        turns.append(wrk.get(server, path, 1, ACCEPT + authorization))
        times.append(turns[-1]["cpu_us"] / plain["cpu_us"])
    figures = {name: median(turn[name] for turn in turns) for name in turns[0]}
    return figures | {"times": median(times)}


def private(server: Server, seconds: float) -> dict[str, float]:
    """Measure GETs of a manifest that not everybody may pull, so each is written down."""
    with server.connect() as connection:
        put_image(connection, HIDDEN, "1.0")
    path = f"/v2/{HIDDEN}/manifests/1.0"
    return wrk.get(server, path, seconds, ACCEPT + _token(server, HIDDEN))


def tokens(server: Server, seconds: float) -> dict[str, float]:
    """Measure the token endpoint; the password was checked a moment ago."""
    return wrk.get(server, _ask(REPOSITORY), seconds, server.peer.authorization)


def _ask(repository: str) -> str:
    query = {"service": "entrepot", "scope": f"repository:{repository}:pull"}
    return f"/token?{urlencode(query)}"


def _token(server: Server, repository: str) -> str:
    with server.connect() as connection:
        answer = connection.request("GET", _ask(repository)).require(200)
    return f"authorization: Bearer {json.loads(answer.body)['token']}\r\n"
