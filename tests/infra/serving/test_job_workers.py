from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app import asynchronous
from inference_app.contract import JOBS_OPEN, Env
from infra.monitoring import jobs
from infra.monitoring.jobs import JobMonitoring, JobMonitoringArgs
from infra.preview import Plan, Resource
from infra.preview.checks import check_plan
from infra.serving import job_queue, job_workers
from infra.serving.job_workers import Workers, scaled_object_spec
from infra.serving.model_server import ModelServer
from infra.serving.runtime import RuntimeArgs
from infra.serving.track import WORKER, WORKER_LABELS, deployments
from infra.settings.asynchronous import AsynchronousSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import on_cluster, waits_for

IMAGE = "registry.example.com/model-server@sha256:" + "1" * 64
DEPLOYMENT, SERVICE = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:Service"
POLICY, BUDGET = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:policy/v1:PodDisruptionBudget"
SCALED_OBJECT = "kubernetes:keda.sh/v1alpha1:ScaledObject"
KEYS: dict[str, Any] = {"asynchronous": {"replicas": {"min": 0, "max": 3}}, "grpc": True}


def preview(*, delivered: bool = False, **changes: object) -> Plan:
    settings = ServingSettings.model_validate({**KEYS, **changes}, strict=False)

    def build(cluster: Any, opts: pulumi.ResourceOptions) -> None:
        args = RuntimeArgs(
            model=ModelSettings(name="digits"),
            settings=settings,
            cluster=cluster,
            image=IMAGE,
            namespace=random.RandomId("namespace", byte_length=1),
            scrapers=["watchers"],
            after=[random.RandomId("queue", byte_length=1)],
            delivered=delivered,
        )
        ModelServer("server", args, opts)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview()


def worker(plan: Plan, kind: str) -> Resource:
    (found,) = [each for each in plan.of_type(kind) if each.inputs["metadata"]["name"].startswith(WORKER)]
    return found


def pod(plan: Plan, name: str) -> dict[str, Any]:
    (found,) = [each for each in plan.of_type(DEPLOYMENT) if each.inputs["metadata"]["name"] == name]
    return found.inputs["spec"]["template"]["spec"]


def test_a_worker_is_the_servers_pod_with_another_command(plan: Plan) -> None:
    (own,), (servers,) = pod(plan, WORKER)["containers"], pod(plan, "model-server")["containers"]
    differing = {key for key in {*own, *servers} if own.get(key) != servers.get(key)}

    assert differing == {"command", "envFrom", "ports"}  # of ports, gRPC's
    assert own["command"] == list(job_workers.COMMAND)
    assert own["command"][-1] == asynchronous.__name__
    assert {key for key in pod(plan, WORKER) if pod(plan, WORKER)[key] != pod(plan, "model-server")[key]} == {
        "containers",
        "topologySpreadConstraints",
    }


def test_a_worker_has_the_servers_settings_but_for_what_it_cannot_do() -> None:
    made = preview(workers=4, gpus=0)
    configs = [each.inputs for each in made.of_type("kubernetes:core/v1:ConfigMap")]
    own, servers = sorted((each["data"] for each in configs), key=len)

    assert set(servers.items()) - set(own.items()) == {(Env.GRPC_PORT, "8081"), (Env.WORKERS, "4")}
    assert set(own) < set(servers)


def test_workers_follow_all_jobs_without_an_answer(plan: Plan) -> None:
    spec = worker(plan, SCALED_OBJECT).inputs["spec"]
    (trigger,) = spec["triggers"]

    assert (spec["minReplicaCount"], spec["maxReplicaCount"], spec["cooldownPeriod"]) == (0, 3, 300)
    assert (trigger["type"], trigger["metadata"]["listName"]) == ("redis", JOBS_OPEN)
    assert trigger["metadata"]["listLength"] == "64"
    assert trigger["metadata"]["address"] == "job-queue.serving.svc:6379"
    assert trigger["authenticationRef"]["name"] == job_queue.login_name(ServingSettings.model_validate({}))
    assert spec["fallback"]["replicas"] == 1


def test_the_last_worker_stays_unless_it_may_go() -> None:
    spec = scaled_object_spec(ServingSettings.model_validate({}), AsynchronousSettings())
    assert spec["minReplicaCount"] == 1
    assert "cooldownPeriod" not in spec


def test_nobody_but_who_scrapes_reaches_a_worker(plan: Plan) -> None:
    spec = worker(plan, POLICY).inputs["spec"]
    ((source,),) = [each["from"] for each in spec["ingress"]]

    assert spec["podSelector"]["matchLabels"] == WORKER_LABELS
    assert list(source["namespaceSelector"]["matchLabels"].values()) == ["watchers"]


def test_one_worker_at_a_time_is_taken_and_none_starts_before_its_queue(plan: Plan) -> None:
    assert worker(plan, BUDGET).inputs["spec"]["maxUnavailable"] == 1
    assert waits_for(plan, worker(plan, DEPLOYMENT), plan.one("random:index/randomId:RandomId", "queue"))
    assert [str(failure) for failure in check_plan(plan).failures] == []


def test_what_another_owner_makes_the_program_does_not() -> None:
    kinds = {
        each.type for each in preview(delivered=True).resources if each.inputs.get("metadata", {}).get("name") == WORKER
    }
    assert kinds == {POLICY}


def test_deployers_may_change_the_workers_too() -> None:
    assert deployments(ServingSettings.model_validate({})) == ["model-server"]
    assert deployments(ServingSettings.model_validate(KEYS)) == ["model-server", WORKER]


def test_of_workers_prometheus_keeps_what_they_say_of_jobs_and_judges_these() -> None:
    def build(_: object, opts: pulumi.ResourceOptions) -> None:
        args = JobMonitoringArgs(
            service=Workers(namespace="serving"),
            asynchronous=AsynchronousSettings.model_validate({"waitObjectiveSeconds": 60}),
            runbooks="https://example.com/alerts.md",
            namespace="watchers",
            after=[],
        )
        JobMonitoring("jobs", args, opts)

    monitored = on_cluster(build)
    spec = monitored.one("kubernetes:monitoring.coreos.com/v1:ServiceMonitor").inputs["spec"]
    (endpoint,) = spec["endpoints"]

    assert spec["selector"]["matchLabels"] == WORKER_LABELS
    (group,) = monitored.one("kubernetes:monitoring.coreos.com/v1:PrometheusRule").inputs["spec"]["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    assert rules["JobsWait"]["expr"] == 'max(inference_jobs_oldest_wait_seconds{namespace="serving"}) > 60'
    assert rules["JobsWait"]["annotations"]["runbook_url"] == "https://example.com/alerts.md#jobswait"
    assert endpoint["metricRelabelings"] == [{"sourceLabels": ["__name__"], "regex": jobs.KEPT, "action": "keep"}]
    assert [str(failure) for failure in check_plan(monitored).failures] == []
