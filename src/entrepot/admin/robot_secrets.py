"""Robots' secrets: a new one in the place of older ones, which last a while; or none any more."""

from typing import Annotated

from fastapi import APIRouter, Body, Response

from entrepot.admin import credentials
from entrepot.admin.caller import Called
from entrepot.admin.credentials import Number, Rotation
from entrepot.admin.problem import Problem
from entrepot.admin.robot import Furnished, furnish, managed
from entrepot.db import secrets
from entrepot.db.connection import Connection

router = APIRouter(prefix="/robots", tags=["robots"])


@router.post("/{name}/rotate", status_code=201)
async def rotate(caller: Called, name: str, wanted: Annotated[Rotation, Body()]) -> Furnished:
    """Make a new secret; the older ones end after the overlap."""

    def write(db: Connection) -> Furnished:
        robot = managed(db, caller, name)
        older = secrets.of_account(db, robot.id, secrets.Kind.ROBOT)
        credentials.retire(db, older, wanted.overlap)
        life = credentials.life_after(older[-1] if older else None, wanted)
        return furnish(db, robot, life)

    return await caller.change("robot rotate", f"robot:{name}", write, overlap=wanted.overlap)


@router.delete("/{name}/secrets/{number}", status_code=204)
async def revoke(caller: Called, name: str, number: Number) -> Response:
    """End one of a robot's secrets at once."""

    def write(db: Connection) -> None:
        robot = managed(db, caller, name)
        known = secrets.of_account(db, robot.id, secrets.Kind.ROBOT)
        if number not in {each.id for each in known}:
            raise Problem(404, f"{name} has no secret {number}")
        secrets.remove(db, number)

    await caller.change("robot revoke", f"robot:{name}", write, secret=number)
    return Response(status_code=204)
