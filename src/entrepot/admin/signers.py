"""Signers of a project: whose signatures count there, by key, by identity or by certificate."""

import asyncio
import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field, model_validator

from entrepot.admin.caller import Called, Caller
from entrepot.admin.page import Model, Name, Page, Pattern, moment
from entrepot.admin.problem import Problem
from entrepot.auth import pattern as patterns
from entrepot.db import projects, signers
from entrepot.db.audit import Event
from entrepot.db.changes import record_access
from entrepot.db.connection import Connection
from entrepot.signatures import terms
from entrepot.signatures.terms import Terms

router = APIRouter(prefix="/signers", tags=["signatures"])

Pem = Annotated[str, Field(min_length=1, max_length=64 * 1024)]


class Key(Model):
    """Whoever has the private half of a key."""

    pem: Pem
    """ECDSA on P-256 or P-384, Ed25519, or RSA of at least 2048 bits."""


class Identity(Model):
    """Whoever an issuer knew by a name when they signed, keyless."""

    issuer: Annotated[str, Field(min_length=1, max_length=1024)]
    """The address of the OpenID Connect issuer, exactly."""
    identity: Annotated[str, Field(min_length=1, max_length=1024)]
    """An e-mail address or a URI; `*` is any run of characters."""
    root: Annotated[str, Field(min_length=1, max_length=256 * 1024)]
    """JSON: sigstore's trusted root (trusted_root.json)."""


class Notation(Model):
    """Whoever has a certificate of an authority, by notation."""

    ca: Pem
    """One certificate or several."""
    subject: Annotated[str, Field(min_length=1, max_length=1024)]
    """What the certificate's subject must have, such as CN=ci,O=Example."""


class NewSigner(Model):
    """A signer to be named, or to take the place of the one of that name. Exactly one kind."""

    pattern: Pattern | None = None
    """The repositories that they sign for; all of the project, where it is not given."""
    key: Key | None = None
    identity: Identity | None = None
    notation: Notation | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "NewSigner":
        if len(self.given) != 1:
            raise ValueError(f"give exactly one of {', '.join(terms.KINDS)}")
        return self

    @property
    def given(self) -> dict[str, Model]:
        """What was said of each kind."""
        every = {kind: getattr(self, kind) for kind in terms.KINDS}
        return {kind: found for kind, found in every.items() if found is not None}

    def terms(self) -> Terms:
        """What a signature must show. Raises ValueError."""
        ((kind, said),) = self.given.items()
        return terms.read(kind, said.model_dump())


class Signer(Model):
    """A signer as shown."""

    project: str
    name: str
    pattern: str
    kind: str
    key: Key | None = None
    identity: Identity | None = None
    notation: Notation | None = None
    created_at: datetime | None
    created_by: str


def _shown(row: signers.Signer) -> Signer:
    said = {row.kind: json.loads(row.terms)}
    return Signer.model_validate(
        {
            "project": row.project,
            "name": row.name,
            "pattern": row.pattern,
            "kind": row.kind,
            "created_at": moment(row.created_at),
            "created_by": row.created_by,
            **said,
        }
    )


@router.get("")
async def index(
    caller: Called, project: Annotated[str, Query(max_length=255)] = ""
) -> Page[Signer]:
    """All signers that the caller may name, or see as an auditor; by project and name."""
    shows = await caller.overseen()
    every = await caller.read(signers.every)
    return Page(
        items=[
            _shown(each)
            for each in every
            if (not project or each.project == project) and shows(f"{each.project}/*")
        ]
    )


@router.put("/{project}/{name}")
async def put(
    caller: Called, project: str, name: Name, wanted: Annotated[NewSigner, Body()]
) -> Signer:
    """Name a signer, or change one; from then on signatures count by what is said here."""
    pattern = wanted.pattern or f"{project}/*"
    if patterns.project_of(pattern) != project:
        raise Problem(422, f"{pattern} is not in project {project[:255]}")
    try:
        meant = await asyncio.to_thread(wanted.terms)  # which may load a library
    except ValueError as error:
        raise Problem(422, str(error)) from None
    row = signers.Signer(project, name, pattern, terms.kind_of(meant), terms.text(meant))

    def write(db: Connection) -> Signer:
        check_project(db, project)
        made = _shown(signers.put(db, row, caller.actor.subject))
        detail = {"kind": row.kind, "pattern": pattern, "terms": str(meant)}
        _record(db, caller, "signer", project, name, **detail)
        return made

    return await caller.registry.database.write(write)


@router.delete("/{project}/{name}", status_code=204)
async def delete(caller: Called, project: str, name: str) -> Response:
    """Have a signer's signatures count no more, at once, also those that they made before."""

    def write(db: Connection) -> None:
        if not signers.remove(db, project, name):
            raise Problem(404, f"project {project[:255]} has no signer {name[:128]!r}")
        _record(db, caller, "signer delete", project, name)

    await caller.registry.database.write(write)
    return Response(status_code=204)


def check_project(db: Connection, project: str) -> None:
    """Raise a problem where there is no such project."""
    if projects.find(db, project) is None:
        raise Problem(404, f"there is no project {project[:255]!r}")


def _record(
    db: Connection, caller: Caller, what: str, project: str, name: str, **detail: str
) -> None:
    reference = f"signer:{project}/{name}"
    record_access(db, Event(what, caller.by(), reference=reference, detail=detail), project)
