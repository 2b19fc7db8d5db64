"""Errors as the distribution spec writes them: a code, a message, a detail.

Whoever finds a fault raises `OCIError`; one function in `distribution` renders it.
Source: OCI Distribution Specification, "Error Codes".
"""

from enum import Enum
from typing import Any


class Code(Enum):
    """An error code of the spec, with the HTTP status it usually travels with."""

    BLOB_UNKNOWN = (404, "blob unknown to registry")
    BLOB_UPLOAD_INVALID = (400, "blob upload invalid")
    BLOB_UPLOAD_UNKNOWN = (404, "blob upload unknown to registry")
    DIGEST_INVALID = (400, "provided digest did not match uploaded content")
    MANIFEST_BLOB_UNKNOWN = (400, "manifest references a manifest or blob unknown to registry")
    MANIFEST_INVALID = (400, "manifest invalid")
    MANIFEST_UNKNOWN = (404, "manifest unknown to registry")
    NAME_INVALID = (400, "invalid repository name")
    NAME_UNKNOWN = (404, "repository name not known to registry")
    SIZE_INVALID = (400, "provided length did not match content length")
    UNAUTHORIZED = (401, "authentication required")
    DENIED = (403, "requested access to the resource is denied")
    UNSUPPORTED = (405, "the operation is unsupported")
    TOOMANYREQUESTS = (429, "too many requests")
    # The spec's own list ends above; its text allows a registry more of them.
    NOT_FOUND = (404, "nothing is served at this address")
    RANGE_INVALID = (416, "requested range not satisfiable")
    TAG_INVALID = (400, "invalid tag name")
    PAGINATION_NUMBER_INVALID = (400, "invalid number of results requested")
    UNAVAILABLE = (503, "the registry cannot do this right now")
    UNKNOWN = (500, "the registry failed to answer; its log says why")

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def meaning(self) -> str:
        """The sentence used when nobody has a better one."""
        return self.value[1]


class OCIError(Exception):
    """A fault to be told to the client.

    `message` says what to do about it. `status` replaces the code's usual one; `headers` are
    added to the answer.
    """

    def __init__(
        self,
        code: Code,
        message: str = "",
        *,
        detail: Any = None,
        status: int | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message or code.meaning)
        self.code = code
        self.message = message or code.meaning
        self.detail = detail
        self.status = status or code.status
        self.headers = headers

    def document(self) -> dict[str, Any]:
        """The body of the answer, before it becomes JSON."""
        error: dict[str, Any] = {"code": self.code.name, "message": self.message}
        if self.detail is not None:
            error["detail"] = self.detail
        return {"errors": [error]}
