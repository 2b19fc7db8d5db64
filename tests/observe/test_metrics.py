"""Metrics, read as Prometheus reads them."""

import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.content import begin, put_blob, put_image
from tests.registry import StartRegistry
from tests.served import Serve, read
from tests.waiting import until

from entrepot.distribution.router import Kind
from entrepot.observe.tally import Tally

Sample = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def sample(client: httpx.Client) -> Sample:
    answer = client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (found.name, tuple(sorted(found.labels.items()))): found.value
        for family in text_string_to_metric_families(answer.text)
        for found in family.samples
    }


def value(found: Sample, name: str, **labels: str) -> float:
    return found.get((name, tuple(sorted(labels.items()))), 0)


def requests(found: Sample, method: str, route: str, status: int) -> float:
    name = "entrepot_request_seconds_count"
    return value(found, name, method=method, route=route, status=str(status))


@pytest.mark.parametrize(
    ("method", "target", "route", "status"),
    [
        ("GET", "/v2/", "base", 200),
        ("GET", "/v2/a/manifests/t", "manifest", 200),
        ("HEAD", "/v2/a/manifests/t", "manifest", 200),
        ("GET", "/v2/a/manifests/none", "manifest", 404),
        ("GET", "/v2/a/tags/list", "tags", 200),
        ("GET", "/v2/_catalog", "catalog", 200),
        ("DELETE", "/v2/a/manifests/none", "manifest", 404),
        ("POST", "/v2/a/blobs/uploads/", "uploads", 202),
        ("PATCH", "/livez", "livez", 405),
        ("GET", "/nowhere", "nowhere", 404),
        ("GET", "/v2/A/manifests/t", "nowhere", 400),
    ],
)
def test_requests_are_counted(
    serve: Serve, method: str, target: str, route: str, status: int
) -> None:
    client = serve().client
    put_image(client, "a", "t")
    client.get("/v2/a/manifests/t")
    before = sample(client)
    for _ in range(3):  # the later ones may come from what lies ready
        assert client.request(method, target).status_code == status
    after = sample(client)
    counted = requests(after, method, route, status) - requests(before, method, route, status)
    assert counted == 3
    labels = {"method": method, "route": route, "status": str(status)}
    name = "entrepot_request_seconds_bucket"
    assert value(after, name, le="+Inf", **labels) == requests(after, method, route, status)
    assert value(after, "entrepot_request_seconds_sum", **labels) > 0


@pytest.mark.parametrize("size", [100, 200_000])
def test_bytes_are_counted(serve: Serve, size: int) -> None:
    client = serve().client
    before = sample(client)
    found = put_blob(client, "a", b"x" * size)
    location = begin(client, "a")
    client.patch(location, content=b"y" * size)
    for _ in range(2):
        client.get(f"/v2/a/blobs/{found}")
        client.head(f"/v2/a/blobs/{found}")
    client.get(f"/v2/a/blobs/{found}", headers={"range": "bytes=0-9"})
    after = sample(client)

    def grown(name: str, route: str) -> float:
        return value(after, name, route=route) - value(before, name, route=route)

    assert grown("entrepot_received_bytes_total", "uploads") == size
    assert grown("entrepot_received_bytes_total", "upload") == size
    assert grown("entrepot_sent_bytes_total", "blob") == 2 * size + 10


def test_labels_are_bounded(serve: Serve) -> None:
    """Neither methods nor names nor ids of a client's choice become labels."""
    served = serve()
    for method in (b"PROPFIND", b"MKCOL", b"LOCK", b"TRACE", b"SEARCH"):
        for number in range(5):
            served.ask(b"/v2/name-%d/manifests/tag-%d" % (number, number), method=method)
    for number in range(5):
        served.client.get(f"/{number}")
        served.client.get(f"/v2/a/blobs/uploads/{number:032x}")
    found = sample(served.client)
    labels = {pair for _, pairs in found for pair in pairs if pair[0] != "le"}
    assert {value for name, value in labels if name == "route"} <= {kind.value for kind in Kind}
    methods = {value for name, value in labels if name == "method"}
    assert methods <= {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "other"}
    assert requests(found, "other", "manifest", 405) == 25
    assert {name for name, _ in labels} <= {"method", "route", "status", "job", "result"}


def test_uploads_under_way(serve: Serve) -> None:
    served = serve()
    location = begin(served.client, "a").encode()
    with served.connect() as slow:
        slow.sendall(b"PATCH %b HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n" % location)
        until(lambda: value(sample(served.client), "entrepot_uploads_active") == 1)
        slow.sendall(b"123456789")
        assert read(slow).status == 202
    until(lambda: value(sample(served.client), "entrepot_uploads_active") == 0)
    with served.connect() as cut:
        cut.sendall(b"PATCH %b HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n1" % location)
        until(lambda: value(sample(served.client), "entrepot_uploads_active") == 1)
    until(lambda: value(sample(served.client), "entrepot_uploads_active") == 0)


def test_what_is_kept(serve: Serve) -> None:
    client = serve(upkeep_pause=0.05).client
    put_blob(client, "a", b"x" * 1000)
    put_blob(client, "b", b"x" * 1000)
    put_blob(client, "b", b"y" * 50_000)
    begin(client, "a")

    def measured() -> bool:
        found = sample(client)
        names = ("entrepot_store_bytes", "entrepot_store_blobs", "entrepot_uploads_open")
        return [value(found, name) for name in names] == [51_000, 2, 1]

    until(measured)


def test_jobs(serve: Serve) -> None:
    client = serve(upkeep_pause=0.05).client
    now = time.time()

    def ran() -> bool:
        return value(sample(client), "entrepot_job_runs_total", job="collect", result="ok") > 2

    until(ran)
    found = sample(client)
    success = value(found, "entrepot_job_last_success_timestamp_seconds", job="collect")
    assert success == pytest.approx(now, abs=120)
    assert value(found, "entrepot_job_last_seconds", job="collect") < 60
    assert value(found, "entrepot_job_running", job="collect") in (0, 1)


def test_workers_are_added_up(start_registry: StartRegistry) -> None:
    registry = start_registry(workers=2)
    clients = [httpx.Client(base_url=registry.url) for _ in range(8)]
    try:
        before = sample(clients[0])
        for client in clients * 5:
            client.get("/v2/")
        for client in clients:
            until(
                lambda client=client: (  # type: ignore[misc]
                    requests(sample(client), "GET", "base", 200)
                    == requests(before, "GET", "base", 200) + 40
                )
            )
        put_blob(clients[0], "a", b"x" * 1000)
        until(
            lambda: (
                value(sample(clients[0]), "entrepot_received_bytes_total", route="uploads") == 1000
            )
        )
    finally:
        for client in clients:
            client.close()


def test_of_what_several_workers_know_the_worst_counts() -> None:
    together = Tally()
    for seconds in (3.0, 7.0, 5.0):
        together.add(Tally(states={"resting": {"hub": seconds}}), alive=True)
    together.add(Tally(states={"resting": {"hub": 9.0}}), alive=False)
    assert together.states == {"resting": {"hub": 7.0}}
