"""`said`: what an object store answered, or why nothing did, in a line that says what to do.

obstore gives the whole answer, and the reason of a connection's only among its own structures.
Source: Amazon S3 API, "Error responses"; rustls and hyper, which name what failed.
"""

import re

_MOST = 300
"""Characters."""

_query = re.compile(r"(://[^\s?]+)\?\S+")
_answer = re.compile(r"<Code>(\w+)</Code>(?:\s*<Message>([^<]*)</Message>)?").search
_asked = re.compile(r"Error performing ([A-Z]+ \S+)").search
_cause = re.compile(r'(?:message|error): "([^"]+)"').findall

_KEYS = "see AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile or role in their place"
_ADVICE = {
    "NoSuchBucket": "make the bucket first, or mend its name",
    "AccessDenied": "docs/storage.md has what these credentials must be allowed",
    "SignatureDoesNotMatch": _KEYS,
    "InvalidAccessKeyId": _KEYS,
    "ExpiredToken": _KEYS,
    "PermanentRedirect": "say the bucket's own region",
    "AuthorizationHeaderMalformed": "say the bucket's own region",
}
"""By the code of an answer."""
_WAYS = {
    "InvalidContentType": "no TLS is spoken there: write http://, if that is meant",
    "UnknownIssuer": "its certificate is of no CA that is known here: name that CA, too",
    "NotValidForName": "its certificate is for another name",
    "Expired": "its certificate has ended",
}
"""By what is among obstore's structures, where no answer came."""
_LACKS = {
    "Account must be specified": "give AZURE_STORAGE_ACCOUNT_NAME",
}
"""By obstore's own words, where nobody was asked."""


def said(error: BaseException) -> str:
    """Without signatures in URLs."""
    text, _, cause = str(error).partition("\n\nDebug source")
    text = _query.sub(r"\1", text)
    if answer := _answer(text):
        code, words = answer[1], (answer[2] or "").strip().rstrip(".")
        parts = [f"{code}: {words}" if words else code, _ADVICE.get(code, "")]
        return _short("; ".join(filter(None, parts)))
    if lacks := next((words for name, words in _LACKS.items() if name in text), ""):
        return _short(f"{text}; {lacks}")
    known = next((words for name, words in _WAYS.items() if name in cause), "")
    found = known or ", ".join(dict.fromkeys(_cause(cause)))
    if not found:
        return _short(text)
    asked = _asked(text)
    return _short(f"{asked[1]}: {found}" if asked else f"{text}: {found}")


def is_refusal(error: BaseException) -> bool:
    """Whether the same would be said again: where we say what to mend, that comes first."""
    text, _, cause = str(error).partition("\n\nDebug source")
    answer = _answer(text)
    if answer:
        return answer[1] in _ADVICE
    return any(name in cause for name in _WAYS) or any(name in text for name in _LACKS)


def _short(text: str) -> str:
    return _query.sub(r"\1", " ".join(text.split()))[:_MOST]
