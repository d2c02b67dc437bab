"""A run of the training, and MLflow, as a real API server, its controllers and its scheduler take them."""

from collections.abc import Generator
from typing import Any

import pytest

from tests.cluster.api import Api
from tests.cluster.control_plane import ControlPlane
from tests.cluster.objects import applied
from tests.cluster.served import Served, serve
from tests.cluster.stacks import Stack
from tests.processes import until

NAMESPACE, JOB = "training", "train"


@pytest.fixture
def served(plane: ControlPlane, prod: Stack) -> Generator[Served]:
    """The model server's objects of prod on EKS, and those of the training, without nodes."""
    own = [each for each in prod.objects["eks"] if of_training(each)]
    (claim,) = (each for each in own if each["kind"] == "PersistentVolumeClaim")
    with applied(plane.api, [volume(claim), *(bound(each) for each in own)]):
        served = serve(plane.api, prod, "eks")
        yield next(served)
        stop(plane.api)
        next(served, None)


def of_training(document: dict[str, Any]) -> bool:
    name = document["metadata"]["name"]
    return (
        document["metadata"].get("namespace") == NAMESPACE
        or (document["kind"], name) == ("Namespace", NAMESPACE)
        or document["kind"] == "PriorityClass"
    )


def bound(document: dict[str, Any]) -> dict[str, Any]:
    """A claim that a volume is found for; no driver of shared storage runs here."""
    if document["kind"] != "PersistentVolumeClaim":
        return document
    return {**document, "spec": {**document["spec"], "storageClassName": "", "volumeName": "models"}}


def volume(claim: dict[str, Any]) -> dict[str, Any]:
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": claim["spec"]["accessModes"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "nfs": {"server": "files.example.com", "path": "/models"},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "models"}, "spec": spec}


def start(api: Api) -> dict[str, Any]:
    """What `kubectl create job --from=cronjob/train train-1` does."""
    cron = api.get("batch/v1 CronJob", JOB, NAMESPACE)
    template = cron["spec"]["jobTemplate"]
    metadata = {**template.get("metadata", {}), "name": "train-1", "namespace": NAMESPACE}
    return api.create({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]})


def stop(api: Api) -> None:
    """Take the Job away while its pods have nodes; without these they would be missed for a minute."""
    for job in api.list("batch/v1 Job", NAMESPACE):
        api.delete("batch/v1 Job", job["metadata"]["name"], NAMESPACE)
    until(lambda: not runs(api), "end of the runs", 60)


def runs(api: Api) -> list[dict[str, Any]]:
    return api.list("v1 Pod", NAMESPACE, f"app.kubernetes.io/name={JOB}")


def placed(api: Api) -> str:
    return next((str(pod["spec"]["nodeName"]) for pod in runs(api) if "nodeName" in pod["spec"]), "")


def test_a_run_starts_when_asked_on_a_spot_node_with_its_volume(served: Served) -> None:
    api = served.api
    served.add(served.on_demand, "zone-a")
    (spot,) = served.add(served.spot, "zone-b")
    asleep = runs(api)

    start(api)
    node = until(lambda: placed(api), "place for the run", 60)

    assert asleep == []
    assert node == spot


def test_a_server_that_finds_no_gpu_takes_a_runs_place_which_has_not_failed_then(served: Served) -> None:
    api = served.api
    (spot,) = served.add(served.spot, "zone-a")
    start(api)
    until(lambda: placed(api), "place for the run", 60)
    (run,) = runs(api)

    served.scale(1)
    until(lambda: "deletionTimestamp" in runs(api)[0]["metadata"], "run that gives way", 60)
    # A kubelet's last word on a pod that it ended; KWOK has none.
    api.patch("v1 Pod", run["metadata"]["name"], {"status": {"phase": "Failed"}}, NAMESPACE, "status")
    (server,) = served.running(1)
    waiting = until(lambda: [pod for pod in runs(api) if not pod["spec"].get("nodeName")], "run that waits", 60)
    job = api.get("batch/v1 Job", "train-1", NAMESPACE)

    assert server["spec"]["nodeName"] == spot
    assert len(waiting) == 1
    assert job["status"].get("failed", 0) == 0


def test_what_mlflow_runs_is_admitted_and_selected_by_its_services(plane: ControlPlane, prod: Stack) -> None:
    api, namespace = plane.api, "mlflow"
    own = [each for each in prod.objects["eks"]
           if each["metadata"].get("namespace") == namespace or each["metadata"]["name"] == namespace]  # fmt: skip
    api.warnings.clear()
    with applied(api, own):
        found = until(lambda: pods if len(pods := api.list("v1 Pod", namespace)) == 2 else None, "two pods", 60)

    assert api.warnings == []
    assert {pod["metadata"]["labels"]["app.kubernetes.io/name"] for pod in found} == {"mlflow", "mlflow-postgresql"}
