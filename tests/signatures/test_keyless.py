"""Keyless signatures, verified by sigstore's library against roots of the test's own."""

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.signatures.keyless import BUILD, ISSUER, TIME, Sigstore, statement

from entrepot.signatures import identity, terms
from entrepot.signatures.evidence import Bundle, Simple
from entrepot.signatures.judge import judge

DIGEST, ANOTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
SIGSTORE, OTHERS = Sigstore(), Sigstore()

GOOD = SIGSTORE.bundle(statement(DIGEST))


def test_an_identity_signs_and_its_certificate_needs_not_last() -> None:
    assert judge(SIGSTORE.identity(), Bundle(GOOD), DIGEST).why == ""


@pytest.mark.parametrize("pattern", ["https://github.com/team/*", BUILD, "*@refs/tags/v*"])
def test_an_identity_may_be_a_pattern(pattern: str) -> None:
    assert judge(SIGSTORE.identity(pattern), Bundle(GOOD), DIGEST).why == ""


def spoilt(change: Callable[[Any], Any]) -> bytes:
    document = json.loads(GOOD)
    change(document)
    return json.dumps(document).encode()


def entry(document: Any) -> Any:
    return document["verificationMaterial"]["tlogEntries"][0]


BAD: dict[str, tuple[terms.Identity, bytes, str]] = {
    "another identity": (
        SIGSTORE.identity("https://github.com/other/*"),
        GOOD,
        f"{BUILD} signed it, not https://github.com/other/*",
    ),
    "another issuer": (
        SIGSTORE.identity(issuer="https://gitlab.com"),
        GOOD,
        "another issuer than https://gitlab.com knew who signed",
    ),
    "an issuer that only begins so": (
        SIGSTORE.identity(issuer=ISSUER[:-1]),
        GOOD,
        "another issuer",
    ),
    "another root": (OTHERS.identity(), GOOD, "certificate chain"),
    "another Rekor": (
        Sigstore(SIGSTORE.fulcio, SIGSTORE.certificates).identity(),
        GOOD,
        "invalid log entry",
    ),
    "another certificate log": (
        Sigstore(SIGSTORE.fulcio, rekor=SIGSTORE.rekor).identity(),
        GOOD,
        "SCT",
    ),
    "signed when the certificate had expired": (
        SIGSTORE.identity(),
        SIGSTORE.bundle(statement(DIGEST), at=TIME + timedelta(hours=1)),
        "certificate",
    ),
    "another image's": (
        SIGSTORE.identity(),
        SIGSTORE.bundle(statement(ANOTHER)),
        "it signs another digest",
    ),
    "a statement that signs nothing": (
        SIGSTORE.identity(),
        SIGSTORE.bundle(statement(DIGEST, "https://example.com/tests-failed/v1")),
        "tests-failed/v1' of the image, and signs it not",
    ),
    "truncated": (SIGSTORE.identity(), GOOD[: len(GOOD) // 2], "failed to load bundle"),
    "not in the log": (
        SIGSTORE.identity(),
        spoilt(lambda it: it["verificationMaterial"].update(tlogEntries=[])),
        "exactly one log entry",
    ),
    "in the log at another time": (
        SIGSTORE.identity(),
        spoilt(lambda it: entry(it).update(integratedTime=str(int(TIME.timestamp()) + 2))),
        "inclusion promise",
    ),
    "no proof": (
        SIGSTORE.identity(),
        spoilt(lambda it: entry(it).pop("inclusionProof")),
        "",
    ),
    "another payload in the envelope": (
        SIGSTORE.identity(),
        spoilt(lambda it: it["dsseEnvelope"].update(payload="e30=")),
        "",
    ),
    "no envelope": (SIGSTORE.identity(), spoilt(lambda it: it.pop("dsseEnvelope")), ""),
    "no bundle": (SIGSTORE.identity(), b"[]", ""),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_good(what: str) -> None:
    known, content, why = BAD[what]
    found = judge(known, Bundle(content), DIGEST).why
    assert found
    assert why in found


def test_an_entry_that_is_only_promised_is_told_how_to_be_proven() -> None:
    old = Simple(b"{}", "", certificate="-----BEGIN CERTIFICATE-----")
    assert "--new-bundle-format" in judge(SIGSTORE.identity(), old, DIGEST).why


@pytest.mark.parametrize("root", ["", "{}", "[1]", json.dumps({"mediaType": "x"})])
def test_what_is_no_root(root: str) -> None:
    given = {"issuer": ISSUER, "identity": BUILD, "root": root}
    with pytest.raises(ValueError, match="this is no trusted root of sigstore"):
        terms.read("identity", given)


def test_without_the_library_the_words_say_what_to_install(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "sigstore.errors", None)
    fresh = Sigstore()
    with pytest.raises(ValueError, match=r"pip install 'entrepot\[sigstore\]'"):
        identity.check_root(fresh.root())
    why = judge(fresh.identity(), Bundle(fresh.bundle(statement(DIGEST))), DIGEST).why
    assert why == identity.MISSING
