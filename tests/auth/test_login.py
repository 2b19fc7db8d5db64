"""Logging in by password: what comes at once with the same is one try, what differs is many."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.accounts import ADMIN, first_start

from entrepot.auth.directory import Directory
from entrepot.auth.login import Login, RefusedError
from entrepot.auth.providers import Providers
from entrepot.auth.throttle import FREE_ACCOUNT
from entrepot.auth.trail import Trail
from entrepot.db.audit import By
from entrepot.db.sqlite import SQLiteDatabase

MANY = 10 * FREE_ACCOUNT
BY = By(address="192.0.2.1")


@pytest.fixture
async def login(tmp_path: Path) -> AsyncIterator[Login]:
    first_start(tmp_path)
    database = SQLiteDatabase(tmp_path)
    directory = Directory(database)
    yield Login(database, directory, Trail(database), Providers(directory, ()))
    await database.close()


async def outcome(login: Login, password: str) -> str:
    """Who they are then, or why not."""
    try:
        session = await login.basic(ADMIN.name, password, BY)
    except RefusedError as error:
        return "wait" if error.wait else str(error)
    return session.actor.subject


async def at_once(login: Login, *passwords: str) -> set[str]:
    return set(await asyncio.gather(*(outcome(login, each) for each in passwords)))


async def test_many_with_the_right_password_come_in(login: Login) -> None:
    """As the nodes of a cluster do, all of which begin to pull."""
    assert await at_once(login, *[ADMIN.secret] * MANY) == {"user:admin"}


async def test_many_with_one_wrong_password_are_one_try(login: Login) -> None:
    """Whose secret was rotated away is refused, and locks nobody out."""
    assert await at_once(login, *["wrong"] * MANY) == {"wrong user name or password"}
    assert await outcome(login, ADMIN.secret) == "user:admin"


async def test_many_guesses_at_once_are_many(login: Login) -> None:
    found = await at_once(login, *(f"guess {number}" for number in range(MANY)))
    assert found == {"wrong user name or password", "wait"}


async def test_who_goes_away_takes_nobody_along(login: Login) -> None:
    first = asyncio.create_task(outcome(login, ADMIN.secret))
    second = asyncio.create_task(outcome(login, ADMIN.secret))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "user:admin"
