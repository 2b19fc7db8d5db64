"""The FastAPI app: one router per noun, one dependency that lets in, problems as RFC 9457."""

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from entrepot import __version__
from entrepot.admin import (
    approvals,
    audit,
    bad_versions,
    can,
    certificates,
    changes,
    channels,
    clusters,
    demands,
    encryption,
    floating_tags,
    gc,
    grants,
    groups,
    images,
    immutable_tags,
    issuers,
    jobs,
    keys,
    problem,
    projects,
    promotions,
    quotas,
    replications,
    reports,
    repositories,
    retention,
    robot_secrets,
    robots,
    scrub,
    session,
    signatures,
    signers,
    sso,
    sso_pickup,
    tag_diff,
    tag_history,
    tag_moves,
    tag_rollback,
    tags,
    tokens,
    trash,
    trusts,
    upstreams,
    users,
    version_choices,
    version_notes,
    versions,
    webhook_deliveries,
    webhooks,
)
from entrepot.admin.caller import PREFIX, admit
from entrepot.admin.problem import Problem
from entrepot.distribution.registry import Registry
from entrepot.oci.errors import OCIError

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}

NOUNS = (
    session,
    sso,
    sso_pickup,
    users,
    groups,
    robots,
    robot_secrets,
    tokens,
    projects,
    repositories,
    tags,
    versions,
    version_choices,
    version_notes,
    changes,
    immutable_tags,
    tag_diff,
    floating_tags,
    tag_history,
    tag_moves,
    tag_rollback,
    trash,
    gc,
    retention,
    signers,
    demands,
    signatures,
    jobs,
    scrub,
    quotas,
    grants,
    channels,
    promotions,
    approvals,
    reports,
    bad_versions,
    certificates,
    keys,
    encryption,
    can,
    issuers,
    trusts,
    clusters,
    images,
    upstreams,
    replications,
    webhooks,
    webhook_deliveries,
    audit,
)

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": {"application/problem+json": {"schema": _PROBLEM}}}
    for status, text in problem.TITLES.items()
}
PROBLEMS[431] = {
    "description": "The server's own: the request's head is too large",
    "content": {"application/json": {"schema": {"type": "object", "required": ["errors"]}}},
}


def build(registry: Registry) -> FastAPI:
    """The app over a furnished registry."""
    app = FastAPI(
        title="Entrepot",
        version=__version__,
        summary="Accounts, grants, projects and the audit of an image registry.",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=PROBLEMS,
    )
    app.state.registry = registry
    for noun in NOUNS:
        app.include_router(noun.router, prefix=PREFIX, dependencies=[Depends(admit)])
    app.add_exception_handler(Problem, problem.on_problem)
    app.add_exception_handler(OCIError, problem.on_oci)
    app.add_exception_handler(RequestValidationError, problem.on_invalid)
    app.add_exception_handler(HTTPException, problem.on_http)
    app.add_exception_handler(Exception, problem.on_failure)
    return app
