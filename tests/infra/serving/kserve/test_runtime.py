from collections import Counter
from functools import cache
from importlib import import_module
from typing import Any

import pulumi
import pulumi_random as random
import pytest

from inference_app import contract
from infra.clusters.cluster import Cluster
from infra.preview import Plan
from infra.preview.checks import check_plan
from infra.serving.kserve.runtime import KServeRuntime
from infra.serving.runtime import RuntimeArgs
from infra.serving.traffic.parent import Parent
from infra.settings.office_hours import OfficeHoursSettings
from infra.settings.served import ModelSettings
from infra.settings.serving import ServingSettings
from tests.infra.samples import LOADING, children, on_cluster, waits_for
from tests.infra.serving.parent import PARENT

# It ships no type information, so its objects are untyped here.
jsonschema: Any = import_module("jsonschema")

IMAGE = "registry.example.com/model-server@sha256:" + "1" * 64
ISVC = "kubernetes:serving.kserve.io/v1beta1:InferenceService"
SERVICE, CONFIG = "kubernetes:core/v1:Service", "kubernetes:core/v1:ConfigMap"
POLICY, BUDGET = "kubernetes:networking.k8s.io/v1:NetworkPolicy", "kubernetes:policy/v1:PodDisruptionBudget"
SCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
SCALED_OBJECT, ROUTE = "kubernetes:keda.sh/v1alpha1:ScaledObject", "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute"
OTHER = "random:index/randomId:RandomId"
STORE = {"url": "s3://models/all"}
TRITON: dict[str, Any] = {"transformer": {}, "builtInRuntime": "kserve-tritonserver"}


def preview(
    kserve: object = None,
    *,
    model: dict[str, Any] | None = None,
    parent: Parent | None = None,
    hours: OfficeHoursSettings | None = None,
    **changes: object,
) -> Plan:
    settings = ServingSettings.model_validate({"secrets": {}, "kserve": kserve or {}, **changes}, strict=False)

    def build(cluster: Cluster, opts: pulumi.ResourceOptions) -> None:
        args = RuntimeArgs(
            model=ModelSettings.model_validate({"name": "digits", **(model or {})}, strict=False),
            settings=settings,
            cluster=cluster,
            image=IMAGE,
            namespace=random.RandomId("namespace", byte_length=1),
            office_hours=hours,
            prometheus="http://prometheus.monitoring.svc:9090",
            secret="server-secrets",
            parent=parent,
            scrapers=["watchers"],
            after=[random.RandomId("kserve", byte_length=1)],
        )
        runtime = KServeRuntime("runtime", args, opts)
        pulumi.export("url", runtime.url)
        pulumi.export("endpoint", runtime.endpoint.exported())
        pulumi.export("rests", runtime.rests_as)
        pulumi.export("provider", runtime.execution_provider)

    return on_cluster(build)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return preview(replicas={"min": 2, "max": 6}, clientNamespaces=["shop"])


@pytest.fixture(scope="module")
def behind() -> Plan:
    return preview({"transformer": {"min": 2, "max": 5}}, replicas={"min": 2, "max": 6}, clientNamespaces=["shop"])


@pytest.fixture(scope="module")
def knative() -> Plan:
    rate = {"requestsPerSecond": {"capacity": 50}, "scaleDownSeconds": 200}
    kserve = {"deploymentMode": "Knative", "canaryTrafficPercent": 10}
    return preview(kserve, autoscaling=rate, replicas={"min": 2, "max": 6})


def component(plan: Plan, name: str = "predictor") -> Any:
    return plan.one(ISVC).inputs["spec"][name]


def container(plan: Plan, name: str = "predictor") -> Any:
    (found,) = component(plan, name)["containers"]
    return found


def test_it_owns_its_objects_in_one_namespace_which_is_there_before(plan: Plan) -> None:
    objects = [each for each in plan.resources if "namespace" in each.inputs.get("metadata", {})]

    assert children(plan, "inference:serving:KServeRuntime") == Counter(
        [ISVC, SERVICE, SCALER, CONFIG, POLICY, BUDGET, "kubernetes:core/v1:ServiceAccount"]
    )
    assert {each.inputs["metadata"]["namespace"] for each in objects} == {"serving"}
    assert all(waits_for(plan, each, plan.one(OTHER, "namespace")) for each in objects)
    assert waits_for(plan, plan.one(ISVC), plan.one(OTHER, "kserve"))


KINDS: dict[str, dict[str, Any]] = {
    "image": {},
    "network": {"exposure": "network", "grpc": True},
    "transformer": {"kserve": {"transformer": {}}, "model": {"source": STORE}},
    "built-in": {"kserve": TRITON, "model": {"source": STORE}},
    "knative": {"kserve": {"deploymentMode": "Knative", "canaryTrafficPercent": 10}},
    "gateway": {"parent": PARENT},
    "cpu": {"gpus": 0, "workers": 2},
}


@cache
def of_kind(kind: str) -> Plan:
    return preview(**KINDS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_it_passes_the_checks(kind: str) -> None:
    assert [str(failure) for failure in check_plan(of_kind(kind)).failures] == []


def test_the_predictor_is_the_stacks_image_with_its_configuration_and_probes(plan: Plan) -> None:
    server = container(plan)

    assert server["name"] == "kserve-container", "KServe asks this one for the model"
    assert server["image"] == IMAGE
    assert server["envFrom"] == [
        {"configMapRef": {"name": plan.one(CONFIG).inputs["metadata"]["name"]}},
        {"secretRef": {"name": "server-secrets"}},
    ]
    assert server["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "http"}
    assert server["ports"] == [{"name": "http", "containerPort": contract.PORT}]
    assert server["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert server["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_predictors_pods_run_where_and_as_the_model_servers_would(plan: Plan) -> None:
    pod = component(plan)

    assert pod["nodeSelector"]
    assert {taint["key"] for taint in pod["tolerations"]} >= {"example.com/spot"}
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["serviceAccountName"] == "model-server"
    assert pod["terminationGracePeriodSeconds"] > contract.GRACE_SECONDS
    assert pod["annotations"].items() >= LOADING.items()
    assert {each["labelSelector"]["matchLabels"]["component"] for each in pod["topologySpreadConstraints"]} == {
        "predictor"
    }


def test_a_rollout_loses_no_pod_before_the_next_is_ready(plan: Plan, behind: Plan) -> None:
    for pods in (component(plan), component(behind), component(behind, "transformer")):
        assert pods["deploymentStrategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_an_up_waits_until_the_service_is_ready_as_long_as_a_gpu_node_may_take(plan: Plan) -> None:
    service = plan.one(ISVC)

    assert service.inputs["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "pulumi.com/waitFor": "condition=Ready",
    }
    assert service.options["customTimeouts"] == {"create": "25m", "update": "25m"}


def test_the_predictors_replicas_are_the_stacks_autoscalers_alone(plan: Plan) -> None:
    scaler = plan.one(SCALER).inputs["spec"]

    assert component(plan)["annotations"]["serving.kserve.io/autoscalerClass"] == "external"
    assert (component(plan)["minReplicas"], component(plan)["maxReplicas"]) == (2, 6)
    assert scaler["scaleTargetRef"]["name"] == "model-server-predictor"
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert waits_for(plan, plan.one(SCALER), plan.one(ISVC))


def test_all_that_the_autoscaler_can_follow_it_follows_here() -> None:
    hours = OfficeHoursSettings.model_validate({"timeZone": "Europe/Berlin"})
    scaling = {"requestsPerSecond": {"capacity": 10}, "queueTimeMs": 5}
    plan = preview(hours=hours, autoscaling=scaling, replicas={"min": 2, "max": 6, "minOutsideOfficeHours": 0})
    triggers = plan.one(SCALED_OBJECT).inputs["spec"]["triggers"]

    assert [trigger["type"] for trigger in triggers] == ["cpu", "prometheus", "prometheus", "cron"]
    assert plan.one(SCALED_OBJECT).inputs["spec"]["scaleTargetRef"]["name"] == "model-server-predictor"
    assert plan.exports["rests"] == "model-server-predictor"


def test_clients_find_it_under_the_name_that_the_model_server_has(plan: Plan) -> None:
    service = plan.one(SERVICE).inputs

    assert plan.exports["url"] == "http://model-server.serving.svc"
    assert plan.exports["endpoint"] == {"kind": "http", "address": plan.exports["url"], "model": "digits"}
    assert service["spec"]["selector"] == {
        "serving.kserve.io/inferenceservice": "model-server",
        "component": "predictor",
    }
    assert service["metadata"]["labels"] == {"app.kubernetes.io/name": "model-server"}
    assert waits_for(plan, plan.one(SERVICE), plan.one(ISVC))


def test_prometheus_finds_every_pod_once(plan: Plan) -> None:
    """KServe gives the labels of an InferenceService and of its components to its own Services."""
    assert "labels" not in plan.one(ISVC).inputs["metadata"]
    assert "app.kubernetes.io/name" not in component(plan)["labels"]


def test_with_a_gateway_its_route_leads_here_and_its_proxies_alone_come_in() -> None:
    plan = preview(parent=PARENT)
    backends = plan.one(ROUTE).inputs["spec"]["rules"][0]["backendRefs"]
    sources = [rule["from"] for rule in plan.one(POLICY).inputs["spec"]["ingress"]]

    assert backends == [{"name": "model-server", "port": 80, "weight": 100}]
    assert plan.exports["url"] == "https://predict.example.com"
    assert sources[0][0]["podSelector"] == {"matchLabels": {"role": "proxy"}}


def test_the_transformer_is_the_stacks_image_without_a_gpu(behind: Plan) -> None:
    server, pod = container(behind, "transformer"), component(behind, "transformer")
    named = server["envFrom"][0]["configMapRef"]["name"]
    data = next(each for each in behind.of_type(CONFIG) if each.inputs["metadata"]["name"] == named).inputs["data"]

    assert server["command"] == ["python", "-m", "inference_app.transformer"]
    assert server["args"] == ["--model_name", "digits"]
    assert "nvidia.com/gpu" not in server["resources"]["limits"]
    assert "nodeSelector" not in pod
    assert data["EXECUTION_PROVIDER"] == "CPUExecutionProvider"
    assert behind.exports["provider"] == "CPUExecutionProvider"


def test_the_transformer_waits_for_its_predictor_as_long_as_that_may_wait_for_a_node(behind: Plan) -> None:
    probe = container(behind, "transformer")["startupProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] == 25 * 60


def test_kserve_scales_the_transformer_by_its_cpu(behind: Plan) -> None:
    pods = component(behind, "transformer")

    assert (pods["minReplicas"], pods["maxReplicas"]) == (2, 5)
    assert (pods["scaleMetric"], pods["scaleTarget"]) == ("cpu", 70)
    assert pods["annotations"] == {"serving.kserve.io/autoscalerClass": "hpa"}


def test_behind_a_transformer_clients_keys_are_checked_once(plan: Plan, behind: Plan) -> None:
    assert "env" not in container(plan)
    assert container(behind)["env"] == [{"name": "API_KEYS", "value": ""}]
    assert "env" not in container(behind, "transformer")


def openings(plan: Plan, name: str) -> list[Any]:
    return [source for rule in plan.one(POLICY, name).inputs["spec"]["ingress"] for source in rule["from"]]


def test_clients_reach_the_transformer_and_only_that_reaches_the_predictor(behind: Plan) -> None:
    own = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "serving"}}}
    labels = {"serving.kserve.io/inferenceservice": "model-server", "component": "transformer"}

    assert openings(behind, "runtime-predictor") == [{**own, "podSelector": {"matchLabels": labels}}]
    assert [each["namespaceSelector"]["matchLabels"] for each in openings(behind, "runtime-transformer")] == [
        {"kubernetes.io/metadata.name": name} for name in ("serving", "shop", "watchers")
    ]
    assert behind.one(SERVICE).inputs["spec"]["selector"] == labels


def test_the_transformer_may_ask_for_names_and_the_predictor_and_nobody_else(behind: Plan) -> None:
    dns, predictor = behind.one(POLICY, "runtime-transformer").inputs["spec"]["egress"]

    assert {port["port"] for port in dns["ports"]} == {53}
    assert predictor["to"][0]["podSelector"]["matchLabels"]["component"] == "predictor"
    assert predictor["ports"] == [{"port": contract.PORT, "protocol": "TCP"}]
    assert "egress" not in behind.one(POLICY, "runtime-predictor").inputs["spec"]


def test_each_component_has_a_budget_of_its_own(behind: Plan) -> None:
    selected = [each.inputs["spec"]["selector"]["matchLabels"]["component"] for each in behind.of_type(BUDGET)]

    assert sorted(selected) == ["predictor", "transformer"]


def test_a_built_in_runtime_gets_the_models_and_nothing_of_the_stacks_image() -> None:
    plan = preview(TRITON, model={"source": STORE, "batching": {"maxSize": 16}})
    model = component(plan)["model"]

    assert "containers" not in component(plan)
    assert "initContainers" not in component(plan)
    assert (model["modelFormat"], model["runtime"], model["protocolVersion"]) == (
        {"name": "onnx"},
        "kserve-tritonserver",
        "v2",
    )
    assert model["storageUri"] == "s3://models/all"
    assert model["args"] == ["--backend-config=default-max-batch-size=16"]
    assert model["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert component(plan)["nodeSelector"]


@pytest.mark.parametrize(("batching", "size"), [({}, "32"), ({"maxSize": 16}, "16")])
def test_the_transformers_batches_fit_a_built_in_runtime(batching: dict[str, int], size: str) -> None:
    plan = preview(TRITON, model={"source": STORE, "batching": batching})

    assert {each.inputs["data"]["MAX_BATCH_SIZE"] for each in plan.of_type(CONFIG)} == {size}
    assert component(plan)["model"]["args"] == [f"--backend-config=default-max-batch-size={size}"]


def test_in_knative_a_canary_gets_its_percent_and_knatives_autoscaler_counts_the_requests(knative: Plan) -> None:
    pods, annotations = component(knative), knative.one(ISVC).inputs["metadata"]["annotations"]

    assert pods["canaryTrafficPercent"] == 10
    assert (pods["scaleMetric"], pods["scaleTarget"]) == ("rps", 35)
    assert (pods["minReplicas"], pods["maxReplicas"]) == (2, 6)
    assert annotations["serving.kserve.io/deploymentMode"] == "Knative"
    assert annotations["autoscaling.knative.dev/scale-down-delay"] == "200s"
    assert knative.of_type(SCALER) == knative.of_type(SCALED_OBJECT) == []


def test_in_knative_cpu_is_followed_by_the_autoscaler_that_knows_it() -> None:
    plan = preview({"deploymentMode": "Knative"})
    annotations = plan.one(ISVC).inputs["metadata"]["annotations"]

    assert annotations["autoscaling.knative.dev/class"] == "hpa.autoscaling.knative.dev"
    assert (component(plan)["scaleMetric"], component(plan)["scaleTarget"]) == ("cpu", 70)
    assert component(plan).get("canaryTrafficPercent") is None


def test_knative_gets_no_field_that_it_refuses(knative: Plan) -> None:
    server = container(knative)

    assert "terminationGracePeriodSeconds" not in component(knative)
    assert "deploymentStrategy" not in component(knative)
    assert server["ports"] == [{"name": "http1", "containerPort": contract.PORT}]
    assert {server[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        contract.PORT
    }


def test_in_knative_its_ingress_has_the_url_and_metrics_are_read_from_the_pods(knative: Plan) -> None:
    service = knative.one(SERVICE).inputs

    assert knative.exports["url"] == "http://model-server-predictor.serving.svc.cluster.local"
    assert service["metadata"]["name"] == "model-server-metrics", "KServe makes a Service of the other name"
    assert service["spec"]["ports"] == [{"name": "http", "port": 80, "targetPort": contract.PORT}]


def test_in_knative_its_own_pods_may_hand_requests_on_and_count_them(knative: Plan) -> None:
    rules = knative.one(POLICY).inputs["spec"]["ingress"]
    names = [rule["from"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for rule in rules]

    assert {"knative-serving", "kourier-system"} <= set(names)
    assert {tuple(port["port"] for port in rule["ports"]) for rule in rules} == {(contract.PORT, 8012, 9090)}
