from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app import settings as server
from inference_app.contract import Env
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving import guard, job_queue, pod
from infra.serving.job_queue import JobQueue, JobQueueArgs
from infra.serving.limits import serving_limits
from infra.serving.track import LABELS, WORKER_LABELS
from infra.settings.asynchronous import AsynchronousSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import on_cluster

LOGIN = "kubernetes:keda.sh/v1alpha1:ClusterTriggerAuthentication"


def serving(jobs: dict[str, object] | None = None, **changes: object) -> ServingSettings:
    return ServingSettings.model_validate({"namespace": "predictions", "asynchronous": jobs, **changes}, strict=False)


@pytest.fixture(scope="module")
def plan() -> Plan:
    def build(_: object, opts: pulumi.ResourceOptions) -> None:
        args = JobQueueArgs(
            settings=serving({}),
            asynchronous=AsynchronousSettings(),
            storage_class="encrypted",
            scaler_namespace="scalers",
            after=[random.RandomId("namespace", byte_length=1)],
        )
        JobQueue("jobs", args, opts)

    return on_cluster(build)


def test_redis_evicts_no_job_and_writes_each_to_a_volume(plan: Plan) -> None:
    (container,) = plan.one("kubernetes:apps/v1:Deployment").inputs["spec"]["template"]["spec"]["containers"]
    command = " ".join(container["command"])
    claim = plan.one("kubernetes:core/v1:PersistentVolumeClaim").inputs["spec"]

    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes --appendfsync always" in command
    assert (claim["storageClassName"], claim["resources"]["requests"]["storage"]) == ("encrypted", "5Gi")
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_servers_workers_and_the_autoscaler_alone_reach_it(plan: Plan) -> None:
    (opening,) = plan.one("kubernetes:networking.k8s.io/v1:NetworkPolicy").inputs["spec"]["ingress"]
    own, workers, scaler = opening["from"]

    assert own["podSelector"]["matchLabels"] == LABELS
    assert workers["podSelector"]["matchLabels"] == WORKER_LABELS
    assert list(scaler["namespaceSelector"]["matchLabels"].values()) == ["scalers"]


def test_keda_finds_the_password_in_its_own_namespace_and_nowhere_else(plan: Plan) -> None:
    login = plan.one(LOGIN).inputs
    secrets = {secret.inputs["metadata"]["namespace"]: secret for secret in plan.of_type("kubernetes:core/v1:Secret")}
    (parameter,) = login["spec"]["secretTargetRef"]

    assert secrets["scalers"].inputs["metadata"]["name"] == parameter["name"]
    assert list(secrets["scalers"].inputs["stringData"]) == [parameter["key"]]
    assert login["metadata"]["name"] == job_queue.login_name(serving({}))


def test_the_server_understands_what_it_is_told(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = serving({"maxBodyKib": 64, "timeoutSeconds": 5, "concurrency": 8})
    told = pod.environment(ModelSettings(name="digits"), settings)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    understood = server.load()
    service = plan.one("kubernetes:core/v1:Service").inputs["metadata"]

    assert understood.jobs_url == f"redis://{service['name']}.{service['namespace']}.svc:6379/0"
    assert (understood.jobs_max_body_bytes, understood.jobs_timeout_seconds) == (65536, 5)
    assert understood.jobs_concurrency == 8
    assert {name for name in Env if name.startswith("JOBS_")} - set(told) == {Env.JOBS_PASSWORD}


def test_a_stack_without_jobs_says_nothing_of_them_and_opens_no_way() -> None:
    settings = serving()
    told = pod.environment(ModelSettings(name="digits"), settings)
    assert not [name for name in told if name.startswith("JOBS_")]
    assert job_queue.password(settings) == []
    assert guard.ways(settings, None) == []


def test_servers_may_reach_redis_and_what_tells_its_name() -> None:
    (names, redis) = guard.ways(serving({}), None)
    destination: Any = redis.get("to")
    assert names != redis
    assert [each["pod_selector"]["match_labels"] for each in destination] == [{"app.kubernetes.io/name": "job-queue"}]


def test_the_namespace_has_room_for_redis_its_volume_and_the_workers() -> None:
    without, with_jobs = serving_limits(serving()), serving_limits(serving({"replicas": {"max": 3}}))
    assert with_jobs.pods - without.pods == 2 * (3 + 1 + 1)
    assert with_jobs.volume_claims - without.volume_claims == 1
