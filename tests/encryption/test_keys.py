"""Keys as they are written, and which of a ring is meant."""

import base64
import secrets

import pytest

from entrepot.encryption.keys import (
    Keyring,
    MalformedKeyError,
    MasterKey,
    MissingKeyError,
    fingerprint,
)

SECRET = secrets.token_bytes(32)
BASE64 = base64.b64encode(SECRET).decode()
OTHER = base64.b64encode(secrets.token_bytes(32)).decode()

WRITTEN = {
    "base64": BASE64,
    "base64 without its end": BASE64.rstrip("="),
    "base64 for URLs": base64.urlsafe_b64encode(SECRET).decode(),
    "hex": SECRET.hex(),
    "hex in capitals": SECRET.hex().upper(),
    "with space around it": f"  {BASE64}\n",
}

MALFORMED = {
    "nothing": ("", "0 bytes"),
    "no base64": ("!" * 44, "32 random bytes"),
    "too short": (base64.b64encode(b"x" * 31).decode(), "31 bytes"),
    "too long": (base64.b64encode(b"x" * 33).decode(), "33 bytes"),
    "a password": ("correct horse battery staple", "32 random bytes"),
    "all the same": ("00" * 32, "not random"),
    "hardly different": ("01020304" * 8, "not random"),
    "an id with a space": (f"my key:{BASE64}", "the id of a key"),
    "an id with a colon": (f"a:b:{BASE64}", "the id of a key"),
    "no id": (f":{BASE64}", "the id of a key"),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_one_key(text: str) -> None:
    assert MasterKey.parse(text) == MasterKey(fingerprint(SECRET), SECRET)


def test_named() -> None:
    assert MasterKey.parse(f"2026-11:{BASE64}") == MasterKey("2026-11", SECRET)


@pytest.mark.parametrize(("text", "why"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(text: str, why: str) -> None:
    with pytest.raises(MalformedKeyError, match=why) as caught:
        MasterKey.parse(text)
    assert BASE64 not in str(caught.value)
    assert not text or text.rsplit(":", maxsplit=1)[-1] not in str(caught.value)


def test_new_keys_are_read_again() -> None:
    first, second = MasterKey.new(), MasterKey.new()
    assert first != second
    assert MasterKey.parse(first.line) == first


def test_a_key_is_not_shown_by_accident() -> None:
    key = MasterKey.parse(f"a:{BASE64}")
    for text in (repr(key), str(key), f"{Keyring((key,))}"):
        assert BASE64 not in text
        assert SECRET.hex() not in text
        assert repr(SECRET) not in text


def test_the_first_is_current() -> None:
    ring = Keyring.parse(f"# changed in November\n\nnew:{BASE64}  # random\nold:{OTHER}\n")
    assert [key.id for key in ring.keys] == ["new", "old"]
    assert ring.current == ring.find("new")
    assert ring.find("old") != ring.current


def test_without_keys() -> None:
    assert Keyring().current is None
    assert not Keyring().has("a")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no key"),
        ("# none\n", "no key"),
        (f"a:{BASE64}\nb:short", "line 2"),
        (f"a:{BASE64}\n\na:{OTHER}", "line 3: there is a key a"),
    ],
    ids=["nothing", "a remark", "short", "twice"],
)
def test_malformed_rings(text: str, why: str) -> None:
    with pytest.raises(MalformedKeyError, match=why):
        Keyring.parse(text)


def test_a_key_that_was_given_a_name_is_still_found() -> None:
    """What was sealed while it had none opens."""
    named = Keyring.parse(f"main:{BASE64}")
    assert named.find(fingerprint(SECRET)).id == "main"
    with pytest.raises(MissingKeyError, match="gone"):
        named.find("gone")
