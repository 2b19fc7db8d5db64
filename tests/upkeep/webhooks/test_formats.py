"""What is sent for each change, in each format, as its specification says."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest

from entrepot.db.changes import Kind
from entrepot.db.webhooks import Webhook
from entrepot.upkeep.webhooks import message, signature
from entrepot.upkeep.webhooks.event import KINDS, PING, Event
from entrepot.upkeep.webhooks.message import Format

OLD, NEW = "sha256:" + "0" * 64, "sha256:" + "1" * 64
IMAGE = "application/vnd.oci.image.manifest.v1+json"
BASE = "https://registry.test"

EVENT = Event(
    "7", 1790000000.5, Kind.TAGGED, "team/app", "1.2", OLD, NEW, "user:alice", "", IMAGE, 512
)
EVENTS = {
    "tag made": replace(EVENT, old=None),
    "tag moved": EVENT,
    "tag deleted": replace(EVENT, kind=Kind.UNTAGGED, new=None, media_type=None, size=None),
    "manifest pushed": replace(EVENT, kind=Kind.PUSHED, reference=NEW, old=None),
    "manifest deleted": replace(EVENT, kind=Kind.DELETED, reference=OLD, new=None, media_type=None),
    "repository deleted": replace(
        EVENT, kind=Kind.REPOSITORY_DELETED, reference="", old=None, new=None, media_type=None
    ),
    "tag restored": replace(EVENT, kind=Kind.RESTORED, old=None),
    "repository restored": replace(
        EVENT, kind=Kind.RESTORED, reference="", old=None, new=None, media_type=None
    ),
    "promoted": replace(EVENT, kind=Kind.PROMOTED, reference="prod", reason="tests passed"),
    "rolled back": replace(EVENT, kind=Kind.ROLLED_BACK, reference="prod"),
    "blob deleted": replace(
        EVENT, kind=Kind.BLOB_DELETED, reference=OLD, new=None, media_type=None
    ),
    "quarantined": replace(EVENT, kind=Kind.QUARANTINED, reference=OLD, new=None, media_type=None),
    "described": replace(EVENT, kind=Kind.DESCRIBED, old=None),
    "planned": replace(EVENT, kind=Kind.PLANNED, old=None),
    "scheme": replace(EVENT, kind=Kind.SCHEME, reference="", old=None, new=None, media_type=None),
    "of a later version": replace(EVENT, kind="signed off"),
    "ping": Event("ping-1", 1790000000, PING, "", "", None, None, "user:alice", ""),
}
TYPES = {
    "tag made": "entrepot.tag.created",
    "tag moved": "entrepot.tag.moved",
    "tag deleted": "entrepot.tag.deleted",
    "manifest pushed": "entrepot.manifest.pushed",
    "manifest deleted": "entrepot.manifest.deleted",
    "repository deleted": "entrepot.repository.deleted",
    "tag restored": "entrepot.tag.restored",
    "repository restored": "entrepot.repository.restored",
    "promoted": "entrepot.channel.promoted",
    "rolled back": "entrepot.channel.rolled-back",
    "blob deleted": "entrepot.blob.deleted",
    "quarantined": "entrepot.content.quarantined",
    "described": "entrepot.version.described",
    "planned": "entrepot.version.planned",
    "scheme": "entrepot.repository.scheme",
    "of a later version": "entrepot.signed.off",
    "ping": "entrepot.ping",
}
SENTENCES = {
    "tag made": "user:alice set team/app:1.2 to sha256:111111111111",
    "tag moved": "user:alice moved team/app:1.2 from sha256:000000000000 to sha256:111111111111",
    "tag deleted": "user:alice deleted team/app:1.2, which was sha256:000000000000",
    "manifest pushed": "user:alice pushed sha256:111111111111 to team/app",
    "manifest deleted": "user:alice deleted sha256:000000000000 from team/app",
    "repository deleted": "user:alice deleted the repository team/app",
    "tag restored": "user:alice restored team/app:1.2",
    "repository restored": "user:alice restored team/app",
    "promoted": "user:alice promoted sha256:111111111111 to team/app:prod (tests passed)",
    "rolled back": "user:alice rolled team/app:prod back from sha256:000000000000 to "
    "sha256:111111111111",
    "blob deleted": "user:alice deleted the blob sha256:000000000000 from team/app",
    "quarantined": "user:alice found sha256:000000000000 of team/app damaged",
    "described": "user:alice described team/app:1.2",
    "planned": "user:alice planned what becomes of team/app:1.2",
    "scheme": "user:alice said how the tags of team/app are read",
    "of a later version": "user:alice did this to team/app:1.2: signed off",
    "ping": "Entrepot: user:alice tries this webhook",
}
ACTIONS = {
    "tag made": ("push", "1.2", NEW),
    "tag moved": ("push", "1.2", NEW),
    "tag deleted": ("delete", "1.2", OLD),
    "manifest pushed": ("push", None, NEW),
    "manifest deleted": ("delete", None, OLD),
    "repository deleted": ("delete", None, None),
    "tag restored": ("push", "1.2", NEW),
    "promoted": ("push", "prod", NEW),
    "rolled back": ("push", "prod", NEW),
    "blob deleted": ("delete", None, OLD),
}


def hook(form: Format, *kinds: str) -> Webhook:
    return Webhook("0badc0de", "https://x.test", "0123456789abcdef", "*", frozenset(kinds), form)


def written(form: Format, event: Event, base: str = BASE) -> Any:
    return json.loads(message.write(hook(form), event, base, 1.0).content)


@pytest.mark.parametrize("what", EVENTS)
def test_cloudevents(what: str) -> None:
    found = written(Format.CLOUDEVENTS, EVENTS[what])
    assert {"specversion", "id", "source", "type"} <= set(found)
    assert all(name.islower() and name.isalnum() and name.isascii() for name in found)
    assert (found["specversion"], found["type"]) == ("1.0", TYPES[what])
    assert found["id"] == EVENTS[what].id
    assert found.get("subject", None) != ""


def test_a_cloudevent_whole() -> None:
    assert written(Format.CLOUDEVENTS, EVENT) == {
        "specversion": "1.0",
        "id": "7",
        "source": "https://registry.test/v2/team/app",
        "type": "entrepot.tag.moved",
        "subject": "1.2",
        "time": "2026-09-21T14:13:20.500000Z",
        "datacontenttype": "application/json",
        "data": {
            "kind": "tagged",
            "repository": "team/app",
            "tag": "1.2",
            "digest": NEW,
            "previous": OLD,
            "mediaType": IMAGE,
            "size": 512,
            "actor": "user:alice",
            "reason": "",
        },
    }


@pytest.mark.parametrize("form", Format)
def test_without_an_address_of_its_own(form: Format) -> None:
    assert BASE not in json.dumps(written(form, EVENT, ""))


@pytest.mark.parametrize("what", ACTIONS)
def test_docker(what: str) -> None:
    (event,) = written(Format.DOCKER, EVENTS[what])["events"]
    target = event["target"]
    assert (event["action"], target.get("tag"), target.get("digest")) == ACTIONS[what]
    assert target["repository"] == "team/app"
    assert event["actor"] == {"name": "alice"}
    assert ("mediaType" in target) == (EVENTS[what].media_type is not None)


@pytest.mark.parametrize("what", EVENTS)
def test_slack(what: str) -> None:
    assert written(Format.SLACK, EVENTS[what]) == {"text": SENTENCES[what]}


def test_nothing_that_was_pushed_is_a_mention_or_a_link() -> None:
    event = replace(EVENT, reason="<!channel> & <https://evil.test|here>")
    said = written(Format.SLACK, event)["text"]
    assert said.endswith("(&lt;!channel&gt; &amp; &lt;https://evil.test|here&gt;)")


@pytest.mark.parametrize("form", Format)
def test_what_each_format_can_say(form: Format) -> None:
    docker = {Kind.QUARANTINED, Kind.DESCRIBED, Kind.PLANNED, Kind.SCHEME}
    silent = docker if form is Format.DOCKER else set()
    assert message.kinds(hook(form)) == set(KINDS) - silent
    assert message.kinds(hook(form, "tagged", "quarantined")) == {"tagged", "quarantined"} - silent


def test_the_signature_of_the_specification() -> None:
    """The example of Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks."""
    found = signature.headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert found["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert found["webhook-timestamp"] == "1614265330"


def test_while_a_secret_is_replaced_both_sign() -> None:
    both = replace(hook(Format.SLACK), secret_before="fedcba9876543210", before_until=100.0)
    headers = message.write(both, EVENT, BASE, 99.0)
    signed = f"7.99.{headers.content.decode()}".encode()
    wanted = []
    for secret in (b"0123456789abcdef", b"fedcba9876543210"):
        digest = hmac.new(secret, signed, hashlib.sha256).digest()
        wanted.append(f"v1,{base64.b64encode(digest).decode()}")
    assert headers.headers["webhook-signature"].split() == wanted
    after = message.write(both, EVENT, BASE, 100.0).headers["webhook-signature"]
    assert len(after.split()) == 1


@pytest.mark.parametrize(
    ("secret", "good"),
    [
        (signature.make(), True),
        ("a secret of sixteen", True),
        ("short", False),
        ("whsec_not*base64*at*all", False),
        ("ß" * 20, False),
        ("a" * 513, False),
        ("with a\nline break in", False),
    ],
    ids=["made", "words", "short", "no base64", "no ASCII", "long", "two lines"],
)
def test_secrets_that_are_taken(secret: str, *, good: bool) -> None:
    if good:
        assert signature.check(secret) == secret
    else:
        with pytest.raises(ValueError, match=r"secret|base64"):
            signature.check(secret)
