"""A client of several replicas that does what Docker does: where something fails, it tries again.

What was acknowledged it writes down. From then on a pull may fail, and be tried again; but it must
never say that this is not there, nor bring other bytes.
"""

import hashlib
import json
import random
import threading
import time
from dataclasses import dataclass, field

import httpx
from tests.crash.content import MANIFEST

TRIES_FOR = 60.0
"""Seconds after which a client gives up."""

RETRIED = {408, 409, 416, 429, 500, 502, 503, 504}
"""Statuses of an upload that is begun anew, or of something that is away."""


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Pushed:
    """What was acknowledged: tags with their manifests' digests, and layers by digest."""

    tags: dict[str, str] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    """The seed of each."""


class Client(threading.Thread):
    """Pushes image after image into a repository of its own, and pulls what it has pushed."""

    def __init__(self, url: str, number: int, size: int = 120_000) -> None:
        super().__init__(name=f"client-{number}", daemon=True)
        self.repository = f"faults/client-{number}"
        self.pushed = Pushed()
        self.retries = 0
        self.error: BaseException | None = None
        self._url = url
        self._random = random.Random(number)
        self._size = size
        self._over = threading.Event()

    def stop(self) -> None:
        """End after the image under way; raises what went wrong."""
        self._over.set()
        self.join(TRIES_FOR + 10)
        assert not self.is_alive()
        if self.error is not None:
            raise self.error

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self._url, timeout=20) as http:
                self._http = http
                while not self._over.is_set():
                    self._image()
        except BaseException as error:  # noqa: BLE001 - raised again by `stop`
            self.error = error

    def _image(self) -> None:
        seed = self._random.randrange(2**40)
        layer = random.Random(seed).randbytes(self._size)
        self._blob(layer)
        self.pushed.layers[digest(layer)] = seed
        config = json.dumps({"seed": seed}).encode()
        self._blob(config)
        body = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
                "layers": [_descriptor(layer, "application/vnd.oci.image.layer.v1.tar")],
            }
        ).encode()
        tag = f"v{len(self.pushed.tags)}"
        self._ask("PUT", f"manifests/{tag}", 201, content=body, headers={"content-type": MANIFEST})
        self.pushed.tags[tag] = digest(body)
        self.pull(*self._random.choice(list(self.pushed.tags.items())))

    def pull(self, tag: str, wanted: str) -> None:
        """A manifest and its layer, as they were pushed."""
        found = self._ask("GET", f"manifests/{tag}", 200, headers={"accept": MANIFEST})
        assert digest(found.content) == wanted
        for layer in found.json()["layers"]:
            assert (
                digest(self._ask("GET", f"blobs/{layer['digest']}", 200).content)
                == (layer["digest"])
            )

    def _blob(self, content: bytes) -> None:
        """POST, PATCH, PUT; where one of them fails, all of it again."""
        deadline = time.monotonic() + TRIES_FOR
        while True:
            try:
                if self._upload(content):
                    return
            except httpx.TransportError:
                pass
            self._again(deadline, "an upload")

    def _upload(self, content: bytes) -> bool:
        started = self._http.post(f"/v2/{self.repository}/blobs/uploads/")
        if started.status_code != 202:
            return self._retried(started)
        location = started.headers["location"]
        sent = self._http.patch(location, content=content)
        if sent.status_code != 202:
            return self._retried(sent)
        ended = self._http.put(location, params={"digest": digest(content)})
        return ended.status_code == 201 or self._retried(ended)

    def _retried(self, answer: httpx.Response) -> bool:
        lost = answer.status_code == 404 and "BLOB_UPLOAD_UNKNOWN" in answer.text
        assert answer.status_code in RETRIED or lost, (answer.status_code, answer.text)
        return False

    def _ask(self, method: str, path: str, wanted: int, **given: object) -> httpx.Response:
        deadline = time.monotonic() + TRIES_FOR
        while True:
            try:
                url = f"/v2/{self.repository}/{path}"
                answer = self._http.request(method, url, **given)  # type: ignore[arg-type]
                if answer.status_code == wanted:
                    return answer
                assert answer.status_code in RETRIED, (method, path, answer.text)
            except httpx.TransportError:
                pass
            self._again(deadline, f"{method} {path}")

    def _again(self, deadline: float, what: str) -> None:
        self.retries += 1
        assert time.monotonic() < deadline, f"{what} failed for {TRIES_FOR} s"
        time.sleep(0.2)


def _descriptor(content: bytes, kind: str) -> dict[str, str | int]:
    return {"mediaType": kind, "digest": digest(content), "size": len(content)}
