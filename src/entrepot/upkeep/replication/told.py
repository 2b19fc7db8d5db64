"""What another Entrepot tells of itself by its admin API: its log of changes, and when tags moved.

Whatever it says is somebody else's word: what does not read as it should makes it one of the other
registries, which tell nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from entrepot.db.changes import Row
from entrepot.db.replicated import Stands
from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.upstream.answer import Answer
from entrepot.upstream.http import Http
from entrepot.upstream.place import BrokenError, UpstreamError, parsed

_API = "/api/v1"
_MOST = 2**62


class OtherError(UpstreamError):
    """It is no Entrepot, an older one, or does not let this login read its log."""


class AwayError(OtherError):
    """It answers what may be otherwise in a moment: an Entrepot that restarts, behind a proxy."""


class EndsError(UpstreamError):
    """Its log ends before the cursor: it was restored from a backup."""


def log(http: Http, path: str) -> tuple[list[Row], int]:
    """A page of its log, and the cursor behind that. Raises as `Far.log` does."""
    answer = _asked(http, path)
    if answer.status == 409:
        raise EndsError(f"the log of {http.host} ends before what was read of it")
    try:
        document = _document(answer)
        rows = [_row(each) for each in document["items"]]
        cursor = int(document["next"])
    except (ValueError, KeyError, TypeError, AttributeError):
        raise OtherError(f"{http.host} has no log of changes") from None
    if not 0 <= cursor < _MOST:
        raise OtherError(f"{http.host} has no log of changes")
    return rows, cursor


def stands(http: Http, path: str, *, known: bool) -> Stands | None:
    """What a tag is there, and since when; None where nothing says so. One that is `known` to say
    such things is asked again: raises `AwayError` then.
    """
    try:
        document = _document(_asked(http, path))
        digest = document["digest"]
        found = None if digest is None else str(Digest.parse(digest))
        return Stands(found, None if document["at"] is None else _seconds(document["at"]))
    except AwayError:
        if known:
            raise
        return None
    except (OtherError, OCIError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _asked(http: Http, path: str) -> Answer:
    try:
        return http.plain(f"{_API}{path}")
    except BrokenError as error:
        if not error.status:
            raise
        raise AwayError(str(error)) from None
    except UpstreamError as error:
        raise OtherError(str(error)) from None


def _document(answer: Answer) -> Any:
    if answer.status != 200:
        raise OtherError(f"HTTP status {answer.status}")
    return parsed(answer.body)


def _row(each: Mapping[str, Any]) -> Row:
    return Row(
        int(each["id"]),
        _seconds(each["at"]),
        "",
        str(each["kind"]),
        str(each["repository"]),
        str(each["reference"]),
        None,
        None if each["new"] is None else str(each["new"]),
        "",
    )


def _seconds(text: str) -> float:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time without its zone")
    return found.timestamp()
