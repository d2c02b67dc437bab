import json
import re
from collections import Counter
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app.contract import USER_ID
from infra.clusters.cluster import Access, ServiceAccount
from infra.clusters.gpu import GPU_RESOURCE
from infra.namespaces.network import peer
from infra.preview import Plan
from infra.preview.checks import check_plan, check_resource
from infra.settings.training import TrainingSettings
from infra.training.job import TrainingJob, TrainingJobArgs
from infra.training.job_spec import COMMAND, MODELS, USAGE_STATUS
from infra.training.tracking import Tracking
from tests.infra.samples import children, waits_for
from tests.infra.training.cloud_cluster import ASSOCIATION, on_cloud

ROOT = Path(__file__).parents[3]
IMAGE = "registry.example.com/training@sha256:" + "1" * 64
CRON_JOB, POLICY = "kubernetes:batch/v1:CronJob", "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ACCOUNT, OTHER = "kubernetes:core/v1:ServiceAccount", "random:index/randomId:RandomId"
CLAIM, VOLUME = "kubernetes:core/v1:PersistentVolumeClaim", "kubernetes:core/v1:PersistentVolume"
PRIORITY = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
TRACKING = Tracking(url="http://mlflow.mlflow.svc", peer=peer("mlflow", {"app": "mlflow"}), port=5000)
NFS = {"server": "nfs.example.com", "path": "/models"}
BUCKET = "s3://data-of-digits/scans"


def preview(
    *,
    tracking: Tracking | None = None,
    cluster: dict[str, object] | None = None,
    asked: list[tuple[ServiceAccount, Access]] | None = None,
    **changes: object,
) -> Plan:
    settings = TrainingSettings.model_validate(changes)

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        gpus = random.RandomId("gpus", byte_length=1)
        namespace = random.RandomId("namespace", byte_length=1)
        args = TrainingJobArgs(
            settings=settings, cluster=cluster, image=IMAGE, namespace=namespace, tracking=tracking, after=[gpus]
        )
        pulumi.export("start", TrainingJob("training", args, opts).start)

    return on_cloud(build, asked=[] if asked is None else asked, **(cluster or {}))


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def cron_job(plan: Plan) -> Any:
    return plan.one(CRON_JOB).inputs["spec"]


def job(plan: Plan) -> Any:
    return cron_job(plan)["jobTemplate"]["spec"]


def pod(plan: Plan) -> Any:
    return job(plan)["template"]["spec"]


def run(plan: Plan) -> Any:
    (container,) = pod(plan)["containers"]
    return container


def failures(plan: Plan) -> list[str]:
    return [str(failure) for failure in check_plan(plan).failures]


def test_the_training_owns_all_its_objects_in_one_namespace_which_is_there_before(plan: Plan) -> None:
    placed = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    assert children(plan, "inference:training:TrainingJob") == Counter([CRON_JOB, ACCOUNT, CLAIM, PRIORITY, POLICY])
    assert {each.inputs["metadata"]["namespace"] for each in placed} == {"training"}
    assert all(waits_for(plan, each, plan.one(OTHER, "namespace")) for each in placed)
    assert failures(plan) == []


def test_the_job_runs_what_make_train_runs_and_so_does_the_image(plan: Plan) -> None:
    makefile = (ROOT / "Makefile").read_text()
    (line,) = re.findall(r"^train:.*\n\t\.venv-training/bin/(python -m \S+ pipeline) ", makefile, re.MULTILINE)
    dockerfile = (ROOT / "inference_app/training/Dockerfile").read_text()

    (start,) = re.findall(r"^ENTRYPOINT (.*)$", dockerfile, re.MULTILINE)
    (arguments,) = re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)
    assert run(plan)["command"] == list(COMMAND) == json.loads(start) + json.loads(arguments)
    assert [*COMMAND[:4]] == line.split()
    assert COMMAND[-3:] == ("--repository", MODELS, "--promote")
    assert run(plan)["image"] == IMAGE


def test_up_trains_nothing_and_says_how_to(plan: Plan) -> None:
    assert cron_job(plan)["suspend"] is True
    assert plan.exports["start"] == "kubectl -n training create job --from=cronjob/train train-1"
    assert plan.one(CRON_JOB).inputs["metadata"]["name"] == "train"
    assert [each.type for each in plan.resources if each.type.endswith((":Job", ":Pod"))] == []


def test_a_schedule_starts_runs_one_at_a_time() -> None:
    spec = cron_job(preview(schedule="0 3 * * 1"))

    assert (spec["schedule"], spec["timeZone"], spec["suspend"]) == ("0 3 * * 1", "Etc/UTC", False)
    assert spec["concurrencyPolicy"] == "Forbid"


def test_a_run_ends_in_time_and_goes_away(plan: Plan) -> None:
    changed = preview(retries=4, deadlineSeconds=600, keepSeconds=60)

    assert (job(plan)["completions"], job(plan)["parallelism"]) == (1, 1)
    assert job(changed)["backoffLimit"] == 4
    assert job(changed)["activeDeadlineSeconds"] == 600
    assert job(changed)["ttlSecondsAfterFinished"] == 60


def test_a_lost_node_does_not_count_and_wrong_usage_is_not_repeated(plan: Plan) -> None:
    lost, usage = job(plan)["podFailurePolicy"]["rules"]

    assert lost == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert usage == {
        "action": "FailJob",
        "onExitCodes": {"containerName": run(plan)["name"], "operator": "In", "values": [USAGE_STATUS]},
    }
    assert pod(plan)["restartPolicy"] == "Never", "Kubernetes takes a failure policy with no other"
    assert job(plan)["podReplacementPolicy"] == "Failed", "two pods never write at once"


def test_a_run_goes_to_gpu_nodes_spot_first_and_gives_way_to_servers(plan: Plan) -> None:
    preferred = pod(plan)["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    priority = plan.one(PRIORITY).inputs

    assert run(plan)["resources"]["limits"][GPU_RESOURCE] == "1"
    assert pod(plan)["nodeSelector"] == {"inference-platform/gpu": "true"}
    assert [each["key"] for each in pod(plan)["tolerations"]] == [GPU_RESOURCE, "example.com/spot"]
    assert preferred[0]["preference"]["matchExpressions"][0]["key"] == "example.com/spot"
    assert (priority["value"], priority["preemptionPolicy"]) == (-1, "Never")
    assert pod(plan)["priorityClassName"] == "${training.metadata.name: string}"


def test_a_run_is_not_moved_to_save_a_node(plan: Plan) -> None:
    assert job(plan)["template"]["metadata"]["annotations"] == {
        "karpenter.sh/do-not-disrupt": "true",
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
    }


def test_without_gpus_it_asks_for_no_gpu_node() -> None:
    plan = preview(gpus=0)

    assert not {"nodeSelector", "tolerations", "affinity"} & pod(plan).keys()
    assert GPU_RESOURCE not in run(plan)["resources"]["limits"]
    assert failures(plan) == []


def test_the_pod_has_no_rights_and_writes_to_its_volumes_only(plan: Plan) -> None:
    assert run(plan)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod(plan)["securityContext"]["runAsNonRoot"] is True
    assert pod(plan)["securityContext"]["runAsUser"] == pod(plan)["securityContext"]["fsGroup"] == USER_ID
    assert pod(plan)["automountServiceAccountToken"] is False
    assert {mount["mountPath"] for mount in run(plan)["volumeMounts"]} == {"/tmp", MODELS}
    assert {"name": "HOME", "value": "/tmp"} in run(plan)["env"]


@pytest.mark.parametrize(
    ("shared", "expected"), [("shared", ("shared", "ReadWriteMany")), (None, ("encrypted", "ReadWriteOnce"))]
)
def test_the_model_volume_is_shared_where_the_cluster_has_such(shared: str | None, expected: tuple[str, str]) -> None:
    plan = preview(cluster={"shared_storage_class": shared}, model={"size": "3Gi"})
    claim = plan.one(CLAIM).inputs

    assert (claim["spec"]["storageClassName"], *claim["spec"]["accessModes"]) == expected
    assert claim["spec"]["resources"] == {"requests": {"storage": "3Gi"}}
    assert claims(plan) == {"models": (claim["metadata"]["name"], False)}


def claims(plan: Plan) -> dict[str, tuple[str, bool]]:
    return {
        volume["name"]: (claim["claimName"], claim["readOnly"])
        for volume in pod(plan)["volumes"]
        if (claim := volume.get("persistentVolumeClaim"))
    }


def test_existing_claims_are_mounted_and_the_data_cannot_be_changed() -> None:
    plan = preview(model={"claim": "trained"}, data={"claim": "scans"})

    assert claims(plan) == {"models": ("trained", False), "data": ("scans", True)}
    assert plan.of_type(CLAIM) == []
    assert {"name": "data", "mountPath": "/data", "readOnly": True} in run(plan)["volumeMounts"]
    assert {"name": "TRAINING_DATA", "value": "/data"} in run(plan)["env"]
    assert failures(plan) == []


def test_a_directory_of_an_nfs_server_is_a_volume_for_one_claim() -> None:
    plan = preview(model={"nfs": NFS}, data={"nfs": {**NFS, "path": "/scans"}})
    volume, claim = plan.one(VOLUME, "training-models").inputs["spec"], plan.one(CLAIM, "training-models").inputs

    assert (volume["nfs"], volume["persistentVolumeReclaimPolicy"]) == ({**NFS, "readOnly": False}, "Retain")
    assert volume["claimRef"] == {"namespace": "training", "name": claim["metadata"]["name"]}
    assert claim["spec"]["volumeName"] == "${training-models.metadata.name: string}"
    assert claim["spec"]["storageClassName"] == volume["storageClassName"] == ""
    assert claim["spec"]["accessModes"] == volume["accessModes"] == ["ReadWriteMany"]
    assert plan.one(VOLUME, "training-data").inputs["spec"]["accessModes"] == ["ReadOnlyMany"]
    assert claims(plan) == {"models": ("models", False), "data": ("data", True)}
    assert failures(plan) == []


@pytest.mark.parametrize("deletes", [True, False])
def test_trained_models_go_with_the_stack_only_if_the_settings_say_so(deletes: bool) -> None:
    assert bool(preview(deleteData=deletes).one(CLAIM).options.get("protect")) is not deletes


def test_data_at_a_url_is_read_with_an_identity_and_nothing_else_is() -> None:
    asked: list[tuple[ServiceAccount, Access]] = []
    plan = preview(data={"url": BUCKET}, asked=asked)
    labels = job(plan)["template"]["metadata"]["labels"]

    assert asked == [(ServiceAccount(namespace="training", name="train"), Access(reads=[BUCKET]))]
    assert plan.one(ACCOUNT).inputs["metadata"]["name"] == "train" == pod(plan)["serviceAccountName"]
    assert plan.one(ACCOUNT).inputs["metadata"]["annotations"] == {"example.com/role": "reader"}
    assert labels["example.com/use"] == "true"
    assert waits_for(plan, plan.one(CRON_JOB), plan.one(OTHER, ASSOCIATION))
    assert {"name": "TRAINING_DATA", "value": BUCKET} in run(plan)["env"]
    assert "data" not in claims(plan)


def test_without_a_url_nobody_asks_for_an_identity() -> None:
    asked: list[tuple[ServiceAccount, Access]] = []
    preview(asked=asked, data={"claim": "scans"})

    assert asked == []


def egress(plan: Plan) -> list[Any]:
    return plan.one(POLICY, "training").inputs["spec"].get("egress", [])


def test_a_run_that_needs_nobody_talks_to_nobody(plan: Plan) -> None:
    spec = plan.one(POLICY, "training").inputs["spec"]

    assert spec.keys() == {"podSelector", "policyTypes"}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["podSelector"]["matchLabels"].items() <= job(plan)["template"]["metadata"]["labels"].items()


def test_a_run_reaches_names_the_tracking_server_and_the_object_store_where_it_has_them() -> None:
    plan = preview(tracking=TRACKING, data={"url": BUCKET})
    dns, store, agent, tracking = egress(plan)

    assert {port["port"] for port in dns["ports"]} == {53}
    assert store["ports"] == [{"protocol": "TCP", "port": 443}]
    assert agent["to"][0] == {"ipBlock": {"cidr": "169.254.170.23/32"}}
    assert tracking["to"][0]["podSelector"] == {"matchLabels": {"app": "mlflow"}}
    assert tracking["ports"] == [{"protocol": "TCP", "port": 5000}]
    assert {"name": "MLFLOW_TRACKING_URI", "value": TRACKING.url} in run(plan)["env"]
    assert failures(plan) == []


def test_blob_storage_needs_no_agent_of_aws() -> None:
    plan = preview(data={"url": "https://scans.blob.core.windows.net/digits/all"})

    assert [rule["ports"][0]["port"] for rule in egress(plan)] == [53, 443]


def test_runs_are_possible_once_gpus_are(plan: Plan) -> None:
    for earlier in ("controllers", "gpus"):
        assert waits_for(plan, plan.one(CRON_JOB), plan.one(OTHER, earlier))


def planted(plan: Plan, **changes: object) -> list[str]:
    """What is wrong with the CronJob once its Job has these keys; None takes one away."""
    resource = plan.one(CRON_JOB)
    inputs: Any = deepcopy(dict(resource.inputs))
    spec = inputs["spec"]["jobTemplate"]["spec"] | changes
    inputs["spec"]["jobTemplate"]["spec"] = {key: value for key, value in spec.items() if value is not None}
    return [problem.path for problem in check_resource(replace(resource, inputs=inputs))]


def test_a_wrong_key_a_wrong_type_and_a_missing_input_are_caught(plan: Plan) -> None:
    assert planted(plan) == []
    assert planted(plan, backoffLimits=1) != []
    assert planted(plan, backoffLimit="two") != []
    assert planted(plan, template=None) != []


def test_the_model_has_the_name_that_the_settings_give_it() -> None:
    assert run(preview(name="faces"))["command"][-2:] == ["--name", "faces"]
