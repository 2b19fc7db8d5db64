"""`Rival`: a client that pushes, mounts, pulls, deletes, restores and collects what all the others
do at the same time, until the registry dies under it; and says at once what must not be.
"""

import json
import random
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash.connection import CUT, Answer, Connection
from tests.crash.content import MANIFEST, Content, digest_of, image
from tests.crash.ways import WAYS, forget, uploads

INDEX = "application/vnd.oci.image.index.v1+json"
_ACCEPT = {"Accept": f"{MANIFEST}, {INDEX}"}

POOL = [
    Content(seed, size) for seed, size in enumerate((300, 2_000, 9_000, 20_000, 40_000, 90_000))
]
"""What all of them push."""

LASTING, PASSING = ("race/a", "race/b"), "race/c"
"""Repositories; the last is deleted as a whole now and then."""
TAGS = ("t0", "t1", "t2")


@dataclass
class Own:
    """What one client was told about tags that are its own, and so must find again."""

    tags: dict[tuple[str, str], list[str | None]] = field(default_factory=dict)
    """By repository and tag: the digest acknowledged last, then what was asked for since."""


class Rival(threading.Thread):
    def __init__(self, address: str, password: str, number: int, grace: float) -> None:
        super().__init__(daemon=True)
        self.own = Own()
        self.did: Counter[str] = Counter()
        self.error: BaseException | None = None
        self._address = address
        self._number = number
        self._grace = grace
        self._stopping = False
        self._random = random.Random(number)
        self._login = {"Authorization": f"Basic {b64encode(f'admin:{password}'.encode()).decode()}"}
        self._sure: dict[tuple[str, str], float] = {}
        """By repository and digest, until when a blob was promised to stay."""
        self._runs: tuple[str, bytes] | None = None
        """A repository, and a manifest there that a cluster runs."""

    def run(self) -> None:
        try:
            with self.connect() as at:
                while not self._stopping:
                    self._step(at)
        except CUT:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever joins
            self.error = error

    def connect(self) -> Connection:
        return Connection(self._address, headers=self._login)

    def stop(self) -> None:
        """Let the step under way be the last."""
        self._stopping = True

    def _step(self, at: Connection) -> None:
        steps: dict[Callable[[Connection], str], int] = {
            self._push: 12,
            self._push_own: 6,
            self._push_index: 3,
            self._rely: 2,
            self._sign: 2,
            self._run: 4,
            self._pull: 10,
            self._retag: 3,
            self._untag: 3,
            self._remove: 4,
            self._drop: 1,
            self._restore: 6,
            self._purge: 1,
            self._collect: 1,
        }
        [step] = self._random.choices(list(steps), list(steps.values()))
        self.did[step(at)] += 1

    # One request

    def _ask(
        self,
        at: Connection,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        answer = at.ask(method, target, body, headers)
        assert answer.status < 500, (method, target, answer.status, answer.body)
        return answer

    def _put(
        self, at: Connection, repository: str, reference: str, content: bytes, kind: str = MANIFEST
    ) -> bool:
        """Push a manifest; where a part of it is not there, that must not have been promised."""
        path = f"/v2/{repository}/manifests/{reference}"
        answer = self._ask(at, "PUT", path, content, {"Content-Type": kind})
        if answer.status == 201:
            return True
        assert answer.error["code"] == "MANIFEST_BLOB_UNKNOWN", answer.body
        for each in answer.error["detail"]:
            promised = self._sure.get((repository, each["digest"]), 0)
            if repository != PASSING:
                late = time.time() - promised
                assert late > 0, f"{each['digest']} of {repository} went {-late:.3f} s too early"
        return False

    # Pushing

    def _repository(self) -> str:
        return self._random.choice([*LASTING, PASSING])

    def _parts(self) -> tuple[Content, Content]:
        config, layer = self._random.sample(POOL, 2)
        return config, layer

    def _bring(self, at: Connection, repository: str, content: Content) -> None:
        """As clients do: ask whether it is here, then mount it, then push it."""
        began = time.time()
        path = f"/v2/{repository}/blobs/{content.digest}"
        if self._ask(at, "HEAD", path).status == 200:
            promise = self._grace / 2
            before = self._sure.get((repository, content.digest), 0)
            self._sure[repository, content.digest] = max(before, began + promise)
            return
        began = time.time()
        source = self._repository()
        query = f"?mount={content.digest}&from={source}"
        if self._ask(at, "POST", f"{uploads(repository)}{query}", b"").status != 201:
            began = time.time()
            self._random.choice(WAYS)(at, repository, content, forget)
        self._sure[repository, content.digest] = began + self._grace

    def _push(self, at: Connection) -> str:
        repository, parts = self._repository(), self._parts()
        for part in parts:
            self._bring(at, repository, part)
        self._dawdle()
        tagged = self._random.random() < 0.7
        manifest = image(*parts)
        reference = self._random.choice(TAGS) if tagged else digest_of(manifest)
        return "pushed" if self._put(at, repository, reference, manifest) else "pushed in vain"

    def _dawdle(self) -> None:
        """Some take as long as a grace between the blobs and the manifest."""
        if self._random.random() < 0.1:
            time.sleep(self._random.random() * self._grace * 1.5)

    def _push_own(self, at: Connection) -> str:
        """A manifest that is nobody else's, of blobs that are everybody's."""
        repository, parts = self._random.choice(LASTING), self._parts()
        for part in parts:
            self._bring(at, repository, part)
        manifest = self._unique(parts)
        tag = f"own{self._number}-{self._random.randrange(3)}"
        states = self.own.tags.setdefault((repository, tag), [None])
        states.append(digest_of(manifest))
        if not self._put(at, repository, tag, manifest):
            states.pop()
            return "pushed in vain"
        self.own.tags[repository, tag] = [digest_of(manifest)]
        return "pushed own"

    def _unique(self, parts: tuple[Content, Content]) -> bytes:
        unique = f"{self._number}-{self._random.getrandbits(60)}"
        document = json.loads(image(*parts)) | {"annotations": {"of": unique}}
        return json.dumps(document).encode()

    def _run(self, at: Connection) -> str:
        """Have a cluster run something else, that no tag names; what it ran until now is there."""
        self._verify_running(at)
        repository, parts = self._random.choice(LASTING), self._parts()
        for part in parts:
            self._bring(at, repository, part)
        manifest = self._unique(parts)
        self._runs = None
        self._report(at, repository, digest_of(manifest))
        if not self._put(at, repository, digest_of(manifest), manifest):
            return "pushed in vain"
        self._runs = repository, manifest
        return "ran"

    def _verify_running(self, at: Connection) -> None:
        """Rounds may not take it, and hands only if they say that they know."""
        if self._runs is None:
            return
        repository, manifest = self._runs
        path = f"/v2/{repository}/manifests/{digest_of(manifest)}"
        assert self._ask(at, "GET", path, headers=_ACCEPT).status == 200, f"{path} runs"
        self.whole(at, repository, manifest)
        assert self._ask(at, "DELETE", path).status == 403

    def _report(self, at: Connection, repository: str = "", digest: str = "") -> None:
        """Say that a cluster of this rival's own has this, and nothing else."""
        name = f"rival{self._number}"
        words = dict.fromkeys(("namespace", "kind", "workload", "container"), name)
        has = {"host": "race.test", "repository": repository, "digest": digest, "pinned": True}
        images = [{**words, "image": f"race.test/{repository}@{digest}", **has}]
        body = json.dumps({"hosts": ["race.test"], "images": images if digest else []}).encode()
        kind = {"Content-Type": "application/json"}
        answer = self._ask(at, "PUT", f"/api/v1/clusters/{name}/images", body, kind)
        assert answer.status == 200, answer.body

    def _rely(self, at: Connection) -> str:
        """Push a blob that nobody else has, ask for it or bring it again when most of its grace is
        over, and need it when all of that would be.
        """
        repository = self._random.choice(LASTING)
        content = Content(self._random.getrandbits(60), self._random.choice([500, 30_000]))
        self._bring(at, repository, content)
        time.sleep(self._grace * 0.7)
        if self._random.random() < 0.5:
            self._bring(at, repository, content)
        else:
            began = time.time()
            self._random.choice(WAYS)(at, repository, content, forget)
            self._sure[repository, content.digest] = began + self._grace
        time.sleep(self._grace * 0.4)
        manifest = image(content, content)
        done = self._put(at, repository, digest_of(manifest), manifest)
        return "relied" if done else "pushed in vain"

    def _push_index(self, at: Connection) -> str:
        """Its children may be deleted by others before it comes; then it does not."""
        repository = self._repository()
        children = []
        for _ in range(2):
            parts = self._parts()
            for part in parts:
                self._bring(at, repository, part)
            child = image(*parts)
            if not self._put(at, repository, digest_of(child), child):
                return "pushed in vain"
            children.append(child)
        entries = [
            {"mediaType": MANIFEST, "digest": digest_of(each), "size": len(each)}
            for each in children
        ]
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
        content = json.dumps(document).encode()
        done = self._put(at, repository, self._random.choice(TAGS), content, INDEX)
        return "pushed an index" if done else "pushed in vain"

    def _sign(self, at: Connection) -> str:
        """A referrer of whatever a tag names."""
        repository = self._repository()
        path = f"/v2/{repository}/manifests/{self._random.choice(TAGS)}"
        found = self._ask(at, "GET", path, headers=_ACCEPT)
        if found.status != 200:
            return "signed nothing"
        subject = {
            "mediaType": found.headers["Content-Type"],
            "digest": digest_of(found.body),
            "size": len(found.body),
        }
        parts = self._parts()
        for part in parts:
            self._bring(at, repository, part)
        document = json.loads(image(*parts)) | {"subject": subject}
        content = json.dumps(document).encode()
        self._put(at, repository, digest_of(content), content)
        return "signed"

    # Pulling

    def _pull(self, at: Connection) -> str:
        repository = self._repository()
        path = f"/v2/{repository}/manifests/{self._random.choice(TAGS)}"
        found = self._ask(at, "GET", path, headers=_ACCEPT)
        if found.status == 404:
            return "pulled nothing"
        self.whole(at, repository, found.body)
        return "pulled"

    def whole(self, at: Connection, repository: str, manifest: bytes) -> None:
        """All that a manifest needs is there, or the manifest has gone meanwhile."""
        document = json.loads(manifest)
        own = f"/v2/{repository}/manifests/{digest_of(manifest)}"
        for child in document.get("manifests", ()):
            path = f"/v2/{repository}/manifests/{child['digest']}"
            part = self._part(at, own, path)
            if part is None:
                return
            assert digest_of(part) == child["digest"]
            self.whole(at, repository, part)
        for each in (*document.get("layers", ()), document.get("config")):
            if each is None:
                continue
            part = self._part(at, own, f"/v2/{repository}/blobs/{each['digest']}")
            if part is None:
                return
            assert digest_of(part) == each["digest"]

    def _part(self, at: Connection, manifest: str, part: str) -> bytes | None:
        """Its bytes; None where the manifest has gone."""
        for _ in range(20):
            found = self._ask(at, "GET", part, headers=_ACCEPT)
            if found.status == 200:
                return found.body
            assert found.status == 404
            if self._ask(at, "HEAD", manifest, headers=_ACCEPT).status == 404:
                return None
            # It may have been deleted and been restored between the two requests.
        raise AssertionError(f"{manifest} is here, {part} is not")

    def verify(self, at: Connection) -> None:
        """After a crash: what is this client's own is there, and whole."""
        self._verify_running(at)
        for (repository, tag), states in self.own.tags.items():
            path = f"/v2/{repository}/manifests/{tag}"
            found = self._ask(at, "GET", path, headers=_ACCEPT)
            digest = digest_of(found.body) if found.status == 200 else None
            assert digest in states, (path, digest, states)
            self.own.tags[repository, tag] = [digest]
            if digest is not None:
                self.whole(at, repository, found.body)
                # Nobody deletes it, so it cannot have gone meanwhile.
                assert self._ask(at, "HEAD", path, headers=_ACCEPT).status == 200

    # Changing one's mind

    def _retag(self, at: Connection) -> str:
        repository = self._repository()
        path = f"/v2/{repository}/manifests/{self._random.choice(TAGS)}"
        found = self._ask(at, "GET", path, headers=_ACCEPT)
        if found.status != 200:
            return "retagged nothing"
        kind = found.headers["Content-Type"]
        done = self._put(at, repository, self._random.choice(TAGS), found.body, kind)
        return "retagged" if done else "pushed in vain"

    def _untag(self, at: Connection) -> str:
        if self.own.tags and self._random.random() < 0.5:
            (repository, tag), states = self._random.choice(list(self.own.tags.items()))
            if states == [None]:
                return "untagged nothing"
            states.append(None)
            path = f"/v2/{repository}/manifests/{tag}"
            assert self._ask(at, "DELETE", path).status == 202
            self.own.tags[repository, tag] = [None]
            return "untagged own"
        path = f"/v2/{self._repository()}/manifests/{self._random.choice(TAGS)}"
        return "untagged" if self._ask(at, "DELETE", path).status == 202 else "untagged nothing"

    def _remove(self, at: Connection) -> str:
        repository = self._repository()
        path = f"/v2/{repository}/manifests"
        found = self._ask(at, "HEAD", f"{path}/{self._random.choice(TAGS)}", headers=_ACCEPT)
        if found.status != 200:
            return "deleted nothing"
        status = self._ask(at, "DELETE", f"{path}/{found.digest}").status
        assert status in (202, 403, 404)
        return {202: "deleted", 403: "was not let delete", 404: "deleted nothing"}[status]

    def _drop(self, at: Connection) -> str:
        path = f"/api/v1/repositories/{PASSING}?confirm={PASSING}"
        return "dropped" if self._ask(at, "DELETE", path).status == 200 else "dropped nothing"

    def _trash(self, at: Connection) -> int | None:
        path = f"/api/v1/trash?repository={self._repository()}&limit=20"
        found = json.loads(self._ask(at, "GET", path).body)["items"]
        foreign = [each["id"] for each in found if not self._is_own(each)]
        return self._random.choice(foreign) if foreign else None

    @staticmethod
    def _is_own(item: dict[str, object]) -> bool:
        """A tag that is somebody's own comes back by nobody else's hand."""
        return str(item["reference"]).startswith("own")

    def _restore(self, at: Connection) -> str:
        number = self._trash(at)
        if number is None:
            return "restored nothing"
        body = json.dumps({"move": self._random.random() < 0.5}).encode()
        kind = {"Content-Type": "application/json"}
        answer = self._ask(at, "POST", f"/api/v1/trash/{number}/restore", body, kind)
        if answer.status == 400:  # somebody has purged what it would bring back
            assert b"gone for good" in answer.body, answer.body
            return "restored too late"
        assert answer.status in (200, 404), answer.body
        if answer.status == 404:
            gone_for_good = b"gone for good" in answer.body
            return "restored in vain" if gone_for_good else "restored nothing"
        return "restored"

    def _purge(self, at: Connection) -> str:
        number = self._trash(at)
        if number is None:
            return "purged nothing"
        status = self._ask(at, "DELETE", f"/api/v1/trash/{number}").status
        assert status in (204, 404)
        return "purged" if status == 204 else "purged nothing"

    def _collect(self, at: Connection) -> str:
        status = self._ask(at, "POST", "/api/v1/gc", b"").status
        assert status in (200, 429)
        return "collected" if status == 200 else "collected nothing"
