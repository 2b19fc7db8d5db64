"""Issuers: whose tokens workloads may bring. Named by their address, so it is never in a path."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import AfterValidator, Field, model_validator

from entrepot.admin.caller import Called
from entrepot.admin.page import After, Limit, Model, Page, moment, paged
from entrepot.admin.problem import Problem
from entrepot.auth.oidc import issuer as oidc
from entrepot.auth.oidc.answer import OutboundError
from entrepot.auth.oidc.outbound import trust
from entrepot.db import issuers
from entrepot.db.connection import Connection

router = APIRouter(prefix="/issuers", tags=["workloads"])

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""Members of a JWK that nobody but the issuer should have."""


def _is_ca(text: str) -> str:
    if "PRIVATE KEY" in text:
        raise ValueError("a private key stands beside the CA: send the certificate alone")
    try:
        trust(text)
    except OutboundError as error:
        raise ValueError(str(error)) from None
    return text


def _is_public(jwks: Mapping[str, Any]) -> Mapping[str, Any]:
    listed = jwks.get("keys")
    for key in listed if isinstance(listed, list) else ():
        if isinstance(key, dict) and _PRIVATE & key.keys():
            raise ValueError("a key of the JWKS is private or shared: send the public ones alone")
    return jwks


class NewIssuer(Model):
    """An issuer to be trusted, or what is to be said of it anew."""

    url: str
    """The `iss` of its tokens, to the letter."""
    ca: Annotated[str, Field(max_length=64 * 1024), AfterValidator(_is_ca)] | None = None
    """PEM of a private CA that its certificate comes from."""
    jwks: Annotated[dict[str, Any], AfterValidator(_is_public)] | None = None
    """Its keys; without them they are found by discovery."""

    @model_validator(mode="after")
    def _check(self) -> "NewIssuer":
        oidc.Issuer(self.url, self.ca, self.jwks)
        return self


class Issuer(Model):
    """An issuer as shown."""

    url: str
    ca: str | None
    jwks: dict[str, Any] | None
    """Its keys; null where they are found by discovery."""
    created_at: datetime | None
    created_by: str


def shown(found: issuers.Issuer) -> Issuer:
    """An issuer as the API shows it."""
    return Issuer(
        url=found.url,
        ca=found.ca,
        jwks=None if found.jwks is None else dict(found.jwks),
        created_at=moment(found.created_at),
        created_by=found.created_by,
    )


@router.get("")
async def index(caller: Called, after: After = "", limit: Limit = 100) -> Page[Issuer]:
    """Issuers by address."""
    every = await caller.read(issuers.issuers)
    found = [shown(each) for each in every if each.url > after]
    return Page.model_validate(paged(found[: limit + 1], limit, "url"))


@router.put("")
async def put(caller: Called, wanted: Annotated[NewIssuer, Body()]) -> Issuer:
    """Trust an issuer, or say anew how its keys are had."""
    issuer = issuers.Issuer(wanted.url, wanted.ca, wanted.jwks)

    def write(db: Connection) -> Issuer:
        issuers.put_issuer(db, issuer, caller.actor.subject)
        return next(shown(each) for each in issuers.issuers(db) if each.url == issuer.url)

    keys = "uploaded" if issuer.jwks is not None else "by discovery"
    detail = {"keys": keys, "ca": "private" if issuer.ca else "system"}
    return await caller.change("issuer", f"issuer:{issuer.url}", write, **detail)


@router.delete("", status_code=204)
async def delete(caller: Called, url: Annotated[str, Query(max_length=512)]) -> Response:
    """Trust an issuer no more; its rules go with it, and their grants."""

    def write(db: Connection) -> None:
        if not issuers.remove_issuer(db, url):
            raise Problem(404, f"there is no issuer {url!r}")

    await caller.change("issuer delete", f"issuer:{url}", write)
    return Response(status_code=204)
