"""The job that makes backups: where it runs, what it may reach, and what it says to the program."""

from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_documents import parse
from tests.deploy.chart import DATABASE, MATRIX, STORAGE, Manifest, Rendered, refusal, render

FOLDER = MATRIX["backed up to a volume"]
BUCKET = MATRIX["backed up to a bucket"]


def job(found: Rendered) -> Manifest:
    """The spec of its pod."""
    return dict(found.one("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"])


@pytest.mark.parametrize("values", [FOLDER, BUCKET], ids=["volume", "bucket"])
def test_the_program_understands_it(values: dict[str, Any]) -> None:
    (container,) = job(render(values))["containers"]
    parse(" ".join(["entrepot", *container["args"]]))


def test_its_key_is_a_file() -> None:
    pod = job(render(BUCKET))
    (container,) = pod["containers"]
    file = Path(container["args"][container["args"].index("--key-file") + 1])
    (mount,) = [each for each in container["volumeMounts"] if each["name"] == "backup-key"]
    (volume,) = [each["secret"] for each in pod["volumes"] if each["name"] == "backup-key"]
    assert (Path(mount["mountPath"]), volume["items"][0]["path"]) == (file.parent, file.name)
    assert (volume["secretName"], volume["defaultMode"]) == ("backup-key", 0o440)


@pytest.mark.parametrize("values", [FOLDER, BUCKET], ids=["volume", "bucket"])
def test_its_volumes_are_there(values: dict[str, Any]) -> None:
    pod = job(render(values))
    (container,) = pod["containers"]
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def test_one_at_a_time_and_none_that_must_be_mended_again() -> None:
    spec = render(FOLDER).one("CronJob")["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    (rule,) = spec["jobTemplate"]["spec"]["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [2, 3])
    assert job(render(FOLDER))["restartPolicy"] == "Never"


@pytest.mark.parametrize(
    ("more", "beside"),
    [
        ({}, True),
        ({"database": DATABASE}, True),
        ({"storage": STORAGE}, True),
        ({"database": DATABASE, "storage": STORAGE}, False),
    ],
    ids=["volume", "database alone", "bucket alone", "no volume"],
)
def test_it_runs_where_the_volume_is(more: dict[str, Any], beside: bool) -> None:
    """A volume that one node at a time has."""
    found = render({**FOLDER, **more})
    pod, registry = job(found), found.one("Deployment")["spec"]["template"]
    (data,) = [each for each in pod["volumes"] if each["name"] == "data"]
    assert ("persistentVolumeClaim" in data) == beside == ("affinity" in pod)
    if beside:
        assert data in registry["spec"]["volumes"]
        (term,) = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        labels = registry["metadata"]["labels"]
        assert term["labelSelector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("values", [FOLDER, BUCKET], ids=["volume", "bucket"])
def test_no_client_is_led_to_it(values: dict[str, Any]) -> None:
    found = render(values)
    labels = found.pods[1]["metadata"]["labels"].items()
    assert not found.one("Service")["spec"]["selector"].items() <= labels
    assert not found.one("Deployment")["spec"]["selector"]["matchLabels"].items() <= labels


def test_it_reaches_what_it_needs() -> None:
    found = render(BUCKET)
    labels = found.pods[1]["metadata"]["labels"].items()
    (policy,) = [
        each["spec"]
        for each in found.all("NetworkPolicy")
        if each["spec"]["podSelector"]["matchLabels"].items() <= labels
    ]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [5432], [443], [9000]]
    (container,) = job(found)["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "both"}}]


@pytest.mark.parametrize("values", [FOLDER, BUCKET], ids=["volume", "bucket"])
def test_a_registry_comes_back_from_them(values: dict[str, Any]) -> None:
    found = render({**values, "backup": {**values["backup"], "restore": True}})
    (first,) = found.pod["initContainers"]
    parse(" ".join(["entrepot", *first["args"]]))
    assert "--if-empty" in first["args"]
    mounts = {mount["name"] for mount in first["volumeMounts"]}
    assert mounts == {volume["name"] for volume in found.pod["volumes"]}
    (policy,) = [
        each["spec"]["egress"]
        for each in found.all("NetworkPolicy")
        if not each["metadata"]["name"].endswith("-backup")
    ]
    ports = [port["port"] for rule in policy for port in rule["ports"]]
    assert (9000 in ports) == ("url" in values["backup"])


def test_backups_outlive_the_release() -> None:
    claims = {
        each["metadata"]["name"]: each for each in render(FOLDER).all("PersistentVolumeClaim")
    }
    assert claims["entrepot-backup"]["metadata"]["annotations"] == {
        "helm.sh/resource-policy": "keep"
    }
    given = {"backup": {**FOLDER["backup"], "persistence": {"existingClaim": "tape"}}}
    found = render(given)
    assert [each["metadata"]["name"] for each in found.all("PersistentVolumeClaim")] == ["entrepot"]
    assert {"claimName": "tape"} in [
        each.get("persistentVolumeClaim") for each in job(found)["volumes"]
    ]


@pytest.mark.parametrize("release", ["a", "r" * 53])
def test_its_name_leaves_room_for_those_of_its_jobs(release: str) -> None:
    name = render(FOLDER, release).one("CronJob")["metadata"]["name"]
    assert name.endswith("-backup")
    assert len(name) <= 52


@pytest.mark.parametrize(
    ("backup", "why"),
    [
        ({"schedule": "at night"}, "/backup/schedule"),
        ({"url": "/mnt"}, "/backup/url"),
        ({"keep": 0}, "/backup/keep"),
        ({"destination": "/mnt"}, "'destination' not allowed"),
    ],
    ids=["schedule", "url", "keep", "unknown"],
)
def test_refused(backup: dict[str, Any], why: str) -> None:
    assert why in refusal({"backup": {"enabled": True, **backup}})
