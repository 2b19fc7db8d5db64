"""`Pusher`: a client that pushes, moves tags and deletes until the registry dies under it."""

import random
import threading

from tests.crash.connection import CUT, Connection
from tests.crash.content import MANIFEST, Content, digest_of, image
from tests.crash.ledger import Ledger, Upload
from tests.crash.ways import WAYS, forget, uploads

COMMON = "load/common"
TAGS = 5


class Pusher(threading.Thread):
    def __init__(self, address: str, ledger: Ledger, seed: int) -> None:
        super().__init__(daemon=True)
        self.ledger = ledger
        self.acknowledged = threading.Event()
        self.error: BaseException | None = None
        self._address = address
        self._stopping = False
        self._random = random.Random(seed)

    def run(self) -> None:
        try:
            with Connection(self._address) as at:
                while not self._stopping:
                    self._step(at)
                    self.acknowledged.set()
        except CUT:
            pass
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever joins
            self.error = error
        finally:
            self.acknowledged.set()

    def stop(self) -> None:
        """Let the step under way be the last."""
        self._stopping = True

    def _step(self, at: Connection) -> None:
        steps = [self._push, self._push_common, self._tag, self._untag, self._delete_manifest]
        steps.append(self._delete_blob)
        [step] = self._random.choices(steps, [8, 3, 5, 1, 1, 1])
        step(at)

    def _content(self) -> Content:
        top = self._random.choice([100, 20_000, 70_000, 400_000, 1_500_000])
        return Content(self._random.getrandbits(60), self._random.randint(2, top))

    def _push(self, at: Connection) -> Content:
        content = self._content()
        ledger = self.ledger

        def follow(location: str, size: int, *, ending: bool = False) -> None:
            ledger.uploads[location] = Upload(content, size, ending)

        self._random.choice(WAYS)(at, ledger.repository, content, follow)
        ledger.uploads = {k: u for k, u in ledger.uploads.items() if u.content != content}
        ledger.blobs[ledger.repository, content.digest] = content
        return content

    def _push_common(self, at: Connection) -> None:
        """What others push at the same time; then it is mounted here."""
        content = Content(self._random.randrange(12), 30_000)
        self._random.choice(WAYS)(at, COMMON, content, forget)
        self.ledger.blobs[COMMON, content.digest] = content
        query = f"?mount={content.digest}&from={COMMON}"
        at.expect(201, "POST", uploads(self.ledger.repository) + query, b"")
        self.ledger.blobs[self.ledger.repository, content.digest] = content

    def _tag(self, at: Connection) -> None:
        config, layer = self._push(at), self._push(at)
        self.ledger.used |= {config.digest, layer.digest}
        tag = f"t{self._random.randrange(TAGS)}"
        manifest = image(config, layer)
        digest = digest_of(manifest)
        self.ledger.tags.setdefault(tag, [None]).append(digest)
        path = self.ledger.path("manifests", tag)
        at.expect(201, "PUT", path, manifest, {"Content-Type": MANIFEST})
        self.ledger.tags[tag] = [digest]
        self.ledger.manifests[digest] = manifest

    def _untag(self, at: Connection) -> None:
        tag = f"t{self._random.randrange(TAGS)}"
        if self.ledger.tags.get(tag, [None]) != [None]:
            self.ledger.tags[tag].append(None)
            at.expect(202, "DELETE", self.ledger.path("manifests", tag))
            self.ledger.tags[tag] = [None]

    def _delete_manifest(self, at: Connection) -> None:
        if not self.ledger.manifests:
            return
        digest = self._random.choice(sorted(self.ledger.manifests))
        del self.ledger.manifests[digest]
        tags = [tag for tag, states in self.ledger.tags.items() if states == [digest]]
        for tag in tags:
            self.ledger.tags[tag].append(None)
        path = self.ledger.path("manifests", digest)
        at.expect(202, "DELETE", path)
        self.ledger.gone.add(path)
        for tag in tags:
            self.ledger.tags[tag] = [None]

    def _delete_blob(self, at: Connection) -> None:
        own = [
            digest
            for repository, digest in self.ledger.blobs
            if repository == self.ledger.repository and digest not in self.ledger.used
        ]
        if own:
            digest = self._random.choice(sorted(own))
            content = self.ledger.blobs.pop((self.ledger.repository, digest))
            path = self.ledger.path("blobs", digest)
            at.expect(202, "DELETE", path)
            if content.size != 30_000:  # what is common may be mounted again
                self.ledger.gone.add(path)
