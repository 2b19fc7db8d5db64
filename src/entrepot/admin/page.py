"""Pages of lists, and entity tags against lost updates."""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Header, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from entrepot.admin.problem import Problem
from entrepot.auth import actor, pattern
from entrepot.auth.roles import Role
from entrepot.oci.errors import OCIError
from entrepot.oci.names import Repository

T = TypeVar("T")

MOST = 1000
_USE = ("seen_at", "used_at", "trouble", "trouble_since", "pulls_left")


def printable(text: str) -> str:
    """Check a text. Raises ValueError."""
    if not text.isprintable():
        raise ValueError("use letters, digits, signs and spaces")
    return text


def _repository(text: str) -> str:
    try:
        return Repository.parse(text).name
    except OCIError as error:
        raise ValueError(error.message) from None


_glob = re.compile(r"(?:[A-Za-z0-9_.*?-]|\[!?[A-Za-z0-9_.-]+\])+").fullmatch


def _tag_pattern(text: str) -> str:
    if not _glob(text):
        raise ValueError("write tags as a shell does: v*, release-?, [0-9]*")
    return text


After = Annotated[str, Query(max_length=255, description="Go on behind this one.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Entries of the page.")]
IfMatch = Annotated[
    str | None, Header(description="The entity tag that the object must still have.")
]

EvenIfRunning = Annotated[
    bool, Query(description="Also where a connected cluster has it, or had it of late.")
]

RepositoryName = Annotated[str, AfterValidator(_repository)]

Label = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(printable)]
Text = Annotated[str, Field(max_length=1000)]
"""A description, say. That it is Unicode is checked where there is something to check."""

Reason = Annotated[str, Field(max_length=500), AfterValidator(printable)]
"""Why something is done, in a sentence."""

Name = Annotated[str, AfterValidator(actor.parse_name)]
Subject = Annotated[str, AfterValidator(actor.parse_subject)]
Pattern = Annotated[str, AfterValidator(pattern.parse)]
Glob = Annotated[str, Field(max_length=128), AfterValidator(_tag_pattern)]
"""Which tags are meant, as v* or release-?."""


class Model(BaseModel):
    """What comes and goes; fields that nobody knows are refused."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Page(BaseModel, Generic[T]):
    """Some entries of a list."""

    items: list[T]
    next: str | None = None
    """What to give as `after` for the next page; null where this is the last."""


class Allowance(Model):
    """A role on what a pattern means."""

    role: Role
    pattern: Pattern


def moment(at: float | None) -> datetime | None:
    """Seconds since 1970 as JSON shows them."""
    return None if at is None else datetime.fromtimestamp(at, UTC)


def etag(document: BaseModel) -> str:
    """The entity tag of what is shown; what changes by mere use does not count."""
    text = json.dumps(_lasting(document.model_dump(mode="json")))
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(each) for key, each in value.items() if key not in _USE}
    return [_lasting(each) for each in value] if isinstance(value, list) else value


def tagged(response: Response, document: T) -> T:
    """Show an object with its entity tag."""
    assert isinstance(document, BaseModel)
    response.headers["etag"] = etag(document)
    return document


def check_match(given: str | None, document: BaseModel) -> None:
    """Raise a problem where the object is not what the caller has seen."""
    if given is None or given == "*":
        return
    if etag(document) not in {each.strip().removeprefix("W/") for each in given.split(",")}:
        raise Problem(412, "it was changed since you read it: read it again, then decide")


def paged(items: list[Any], limit: int, key: str) -> dict[str, Any]:
    """A page from one entry more than fits."""
    more = len(items) > limit
    shown = items[:limit]
    return {"items": shown, "next": str(getattr(shown[-1], key)) if more else None}
