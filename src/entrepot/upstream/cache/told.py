"""What became of asking an upstream, as whoever pulls is told."""

from entrepot.db.upstreams import Kind, Upstream
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Reference, Repository, Tag
from entrepot.upstream.cache.remote import BUSY, Remote
from entrepot.upstream.place import Blob, BrokenError, RefusedError, UnknownError, UpstreamError

NOT_THERE = {Code.MANIFEST_UNKNOWN, Code.BLOB_UNKNOWN}
"""Codes of what upstream lacks, or does not let us have."""
NO_REGISTRY = "answers 404, but not as a registry does"
_LATER = 5
"""Seconds until to try again, where the upstream has not said."""


class DoubtError(OCIError):
    """It is not there, as far as we may see; but no registry has said so."""


def unknown(
    row: Upstream,
    repository: Repository,
    reference: Reference,
    why: str = "",
    *,
    sure: bool = True,
) -> OCIError:
    """The error for what is not there, as far as we may see; in words that were told before."""
    what = "tag" if isinstance(reference, Tag) else "manifest"
    kind = OCIError if sure else DoubtError
    return kind(
        Code.MANIFEST_UNKNOWN,
        why or f"{row.url} has no {what} {reference} for {repository}",
        detail={what: str(reference)},
    )


def check(remote: Remote, repository: Repository) -> None:
    """Raise DENIED for a repository that is not to be fetched."""
    row = remote.row
    if not row.permits(remote.name_there(repository).name):
        why = "its upstream's patterns leave it out"
        raise OCIError(Code.DENIED, f"project {row.project} does not fetch {repository}: {why}")


def too_large(row: Upstream, size: int) -> OCIError:
    """The error for an image over the limit."""
    return OCIError(
        Code.DENIED,
        f"the image has {size} bytes, and project {row.project} fetches up to {row.largest}",
    )


def no_room(blob: Blob) -> OCIError:
    """The error for what no disk here can take: a manifest may say any size."""
    why = f"the registry's disk has no room for the {blob.size} bytes of {blob.digest}"
    return OCIError(Code.UNAVAILABLE, why, status=507)


def failure(
    row: Upstream,
    repository: Repository,
    error: UpstreamError,
    unknown: Code = Code.MANIFEST_UNKNOWN,
) -> OCIError:
    """The error for what could not be had; `unknown` where that is since it is not there."""
    if isinstance(error, RefusedError):
        nobody = row.kind is Kind.PLAIN and not row.login
        why = "it has no login" if nobody else "its login may end"
        refused = f"{row.url} does not let project {row.project} have {repository}"
        return DoubtError(unknown, f"{refused}: {why}, or it is not there")
    if isinstance(error, UnknownError) and not error.sure:
        return DoubtError(unknown, f"{error}; {row.url} {NO_REGISTRY}")
    if isinstance(error, UnknownError):
        return OCIError(unknown, str(error))
    if not isinstance(error, BrokenError):
        return OCIError(Code.UNAVAILABLE, str(error), status=502)
    later = (b"retry-after", b"%d" % max(1, round(error.wait or _LATER)))
    code = Code.TOOMANYREQUESTS if error.status == BUSY else Code.UNAVAILABLE
    return OCIError(code, f"not kept here, and {error}", headers=(later,))
